/** What goes into the consolidator and what it answers. MAIN THREAD; types, and the counters as they begin. */
import { TIER, type Tier } from "../../shared/tier.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";

/** `dedup`: a block goes out once, however many hold it; `passthrough`: everything goes out as it came. */
export type ConsolidateMode = "dedup" | "passthrough";
/**
 * Under which hash a deduplicated block goes out. `legacy`: the hash of whoever stored it first; `lineage`: one that is computed
 * from its tokens and those before it.
 */
export type Identity = "legacy" | "lineage";
export type SourceKind = "trtllm" | "vllm" | "kvbm";

export interface ConsolidatorOptions {
  readonly mode: ConsolidateMode;
  readonly identity: Identity;
  /** Behaves like Dynamo's consolidator, defects included. */
  readonly compat: boolean;
  /** By id of the source; at most 32. */
  readonly sources: readonly SourceKind[];
  /** Live blocks of all ranks together. One too many is refused; there are at most four times as many mappings. */
  readonly maxBlocks: number;
  /** Holds that a clear takes out at once, where others hold something in the rank too; the rest waits for `sweep`. */
  readonly clearedAtOnce?: number;
}

/** One stored block; a scratch of the caller's, of which nothing is kept but copies. */
export interface BlockStore {
  /** Id: index in the options' list. */
  source: number;
  tier: Tier;
  rank: number;
  hashLo: number;
  hashHi: number;
  hasParent: boolean;
  parentLo: number;
  parentHi: number;
  /** The block's are `[tokenStart … tokenEnd)`. */
  tokens: Uint32Array;
  tokenStart: number;
  tokenEnd: number;
  /** Of a full block; 0: whatever this one has. */
  blockSizeTokens: number;
  loraName: string | null;
  cacheSalt: string | null;
  mm: BlockMmInfo;
}

/** A scratch for the blocks of one source: on the device, of rank 0, with nothing in it. */
export function emptyBlock(source: number, tokens: Uint32Array): BlockStore {
  return {
    source,
    tier: TIER.device,
    rank: 0,
    hashLo: 0,
    hashHi: 0,
    hasParent: false,
    parentLo: 0,
    parentHi: 0,
    tokens,
    tokenStart: 0,
    tokenEnd: 0,
    blockSizeTokens: 0,
    loraName: null,
    cacheSalt: null,
    mm: null,
  };
}

/**
 * What became of a block:
 *   published  an event waits
 *   known      no event: it is published already, or still held by another
 *   unknown    no event: what is to be removed is not held
 *   withheld   no event, and nothing is kept: it cannot be told downstream what this block is, see docs/consolidator.md
 *   refused    no event, and nothing is kept: there is no room, or a number is out of range
 */
export type Outcome = "published" | "known" | "unknown" | "withheld" | "refused";

export interface ConsolidatorCounters {
  /** What came in, by id of the source; blocks, but for the clears. */
  readonly storesIn: number[];
  readonly removesIn: number[];
  readonly clearsIn: number[];
  /** Events that were made. */
  storedOut: number;
  removedOut: number;
  clearedOut: number;
  /** Stored blocks that were known. */
  duplicates: number;
  unknownRemoves: number;
  /** Stored blocks that name a parent which their source does not hold. */
  orphans: number;
  withheld: number;
  refused: number;
  /** Live now. */
  blocks: number;
  mappings: number;
}

export function zeroCounters(sources: number): ConsolidatorCounters {
  return {
    storesIn: Array.from({ length: sources }, () => 0),
    removesIn: Array.from({ length: sources }, () => 0),
    clearsIn: Array.from({ length: sources }, () => 0),
    storedOut: 0,
    removedOut: 0,
    clearedOut: 0,
    duplicates: 0,
    unknownRemoves: 0,
    orphans: 0,
    withheld: 0,
    refused: 0,
    blocks: 0,
    mappings: 0,
  };
}
