/**
 * The calls of a program that keeps copies of blocks in slower tiers itself, as a source of the consolidator. MAIN THREAD, or any
 * program that uses the library.
 *
 * It is one more holder beside those on the wire, and each tier holds for itself: a block that leaves host memory stays live
 * while it is on the disk, or while an engine has it.
 */
import { wallClockSeconds } from "../../shared/clock.ts";
import { InvalidEventError } from "../../shared/errors.ts";
import { MAX_RANK } from "../../shared/record.ts";
import { TIER } from "../../shared/tier.ts";
import { type BlockHash, type BlockMmInfo, halves, MAX_U32, requireInteger, u32Tokens } from "../event-arguments.ts";
import type { BlockStore, Consolidator, Identity } from "./consolidator.ts";
import { emptyBlock } from "./consolidator-types.ts";
import type { Egress } from "./egress.ts";
import { type Lineage, readLineage } from "./lineage.ts";
import type { SourceCounters } from "./source-counters.ts";

/** Where a block lies. `device` is the engine's own memory, of which the engine tells as a rule. */
export type TierName = keyof typeof TIER;

export interface TierBlocks {
  /** One a block; the name by which it is removed. */
  readonly blockHashes: readonly BlockHash[];
  /** Hash of the block before the first one, which this source holds in some tier; null for the root of a chain. Default null. */
  readonly parentHash?: BlockHash | null;
  /** Tokens (u32) of all blocks, `blockSize` for each. */
  readonly tokenIds: ArrayLike<number>;
  readonly blockSize: number;
  /** Default 0. */
  readonly attentionDpRank?: number;
  readonly loraName?: string | null;
  readonly cacheSalt?: string | null;
  /** One entry a block. */
  readonly blockMmInfos?: readonly BlockMmInfo[];
}

export interface LineageOptions {
  /** Default 0. */
  readonly attentionDpRank?: number;
  readonly cacheSalt?: string | null;
}

export interface TierSourceOptions {
  /** Number of the source. */
  readonly source: number;
  readonly consolidator: Consolidator;
  readonly counters: SourceCounters;
  readonly egress: Egress;
  readonly identity: Identity;
  /** The only size of blocks that is taken; null takes any. */
  readonly onlyBlockSizeTokens: number | null;
}

const MAX_LINEAGE = 1n << 128n;
const NO_TOKENS = new Uint32Array(0);

/**
 * All calls but `writable` answer at once: true, it is taken; false, too much waits to be published and nothing was taken: await
 * `writable()` and call again. They throw InvalidEventError for arguments that cannot be, and after the end.
 */
export class TierSource {
  readonly counters: SourceCounters;
  readonly #options: TierSourceOptions;
  readonly #block: BlockStore;
  /** Too much waits; null while it does not. */
  #full: Promise<void> | null = null;
  #isClosed: boolean = false;

  constructor(options: TierSourceOptions) {
    this.#options = options;
    this.counters = options.counters;
    this.counters.up = 1;
    this.#block = emptyBlock(options.source, NO_TOKENS);
  }

  /** Blocks of one chain are in this tier now, the root's side first. */
  store(tier: TierName, blocks: TierBlocks): boolean {
    const { blockHashes, blockSize, parentHash = null, blockMmInfos = null } = blocks;
    const rank = rankOf(blocks.attentionDpRank);
    requireInteger("blockSize", blockSize, 1, MAX_U32);
    const only = this.#options.onlyBlockSizeTokens;
    if (only !== null && blockSize !== only) throw new InvalidEventError(`blockSize must be ${only}, not ${blockSize}`);
    if (blocks.tokenIds.length !== blockHashes.length * blockSize) {
      throw new InvalidEventError(
        `${blocks.tokenIds.length} token ids for ${blockHashes.length} blocks of ${blockSize}`,
      );
    }
    if (blockMmInfos !== null && blockMmInfos.length !== blockHashes.length) {
      throw new InvalidEventError(`${blockHashes.length} blocks, but multimodal infos of ${blockMmInfos.length}`);
    }
    const tokens = u32Tokens(blocks.tokenIds);
    const hashes = blockHashes.map(halves);
    const parent = parentHash === null ? null : halves(parentHash);
    const mm = blockMmInfos?.map((info) => (info === null ? null : info.mmHashes.map(halves))) ?? null;
    if (!this.#begin(tier, "stored")) return false;
    const block = this.#block;
    block.tier = tierOf(tier);
    block.rank = rank;
    block.hasParent = parent !== null;
    block.parentLo = parent?.lo ?? 0;
    block.parentHi = parent?.hi ?? 0;
    block.tokens = tokens;
    block.blockSizeTokens = blockSize;
    block.loraName = blocks.loraName ?? null;
    block.cacheSalt = blocks.cacheSalt ?? null;
    for (const [i, { lo, hi }] of hashes.entries()) {
      block.hashLo = lo;
      block.hashHi = hi;
      block.tokenStart = i * blockSize;
      block.tokenEnd = block.tokenStart + blockSize;
      block.mm = mm?.[i] ?? null;
      this.#options.consolidator.store(block);
      block.hasParent = true;
      block.parentLo = lo;
      block.parentHi = hi;
    }
    return this.#end();
  }

  /** Blocks are no longer in this tier. */
  remove(tier: TierName, blockHashes: readonly BlockHash[], attentionDpRank?: number): boolean {
    const rank = rankOf(attentionDpRank);
    const hashes = blockHashes.map(halves);
    if (!this.#begin(tier, "removed")) return false;
    const { consolidator, source } = this.#options;
    for (const { lo, hi } of hashes) consolidator.remove(source, tierOf(tier), rank, lo, hi);
    return this.#end();
  }

  /**
   * A block is in this tier of which no more is known than its 128-bit place in its sequence, as Dynamo's block manager names
   * blocks. It is not published before an engine stores it with its tokens. Only with the identity `lineage`.
   */
  storeLineage(tier: TierName, lineage: bigint, options: LineageOptions = {}): boolean {
    const rank = rankOf(options.attentionDpRank);
    const place = this.#placeOf(lineage);
    if (!this.#begin(tier, "stored")) return false;
    const block = this.#block;
    block.tier = tierOf(tier);
    block.rank = rank;
    block.tokens = NO_TOKENS;
    block.tokenStart = 0;
    block.tokenEnd = 0;
    block.loraName = null;
    block.cacheSalt = options.cacheSalt ?? null;
    block.mm = null;
    this.#options.consolidator.createLineage(place, block);
    return this.#end();
  }

  /** What `storeLineage` has told of is no longer in this tier. */
  removeLineage(tier: TierName, lineage: bigint, attentionDpRank?: number): boolean {
    const rank = rankOf(attentionDpRank);
    const place = this.#placeOf(lineage);
    if (!this.#begin(tier, "removed")) return false;
    this.#options.consolidator.removeLineage(this.#options.source, tierOf(tier), rank, place);
    return this.#end();
  }

  /** All tiers are empty, for one rank or, left out, for all. What engines hold is not touched. */
  clear(attentionDpRank?: number): boolean {
    const rank = attentionDpRank === undefined ? null : rankOf(attentionDpRank);
    if (!this.#begin("device", "cleared")) return false;
    this.#options.consolidator.clear(this.#options.source, rank);
    return this.#end();
  }

  /** Resolves when there may be room again. */
  async writable(): Promise<void> {
    await this.#full;
  }

  /** No call is taken any more. */
  close(): void {
    this.#isClosed = true;
    this.counters.up = 0;
  }

  #begin(tier: TierName, type: "stored" | "removed" | "cleared"): boolean {
    tierOf(tier);
    if (this.#isClosed) throw new InvalidEventError("the consolidator has been shut down");
    if (this.#full !== null) return false;
    const { counters } = this;
    counters.received[type]++;
    counters.applied++;
    counters.lastEventTimestampSeconds = wallClockSeconds();
    return true;
  }

  #end(): true {
    const wait = this.#options.egress.notify();
    if (wait !== null) this.#full = wait.finally(() => (this.#full = null));
    return true;
  }

  #placeOf(lineage: bigint): Lineage {
    if (this.#options.identity !== "lineage") {
      throw new InvalidEventError("blocks can be named by lineage only with the identity lineage");
    }
    const place = lineage >= 0n && lineage < MAX_LINEAGE ? readLineage(lineage) : null;
    if (place === null) throw new InvalidEventError("the lineage must be one of Dynamo's 128-bit hashes of a place");
    return place;
  }
}

function rankOf(rank: number = 0): number {
  requireInteger("attentionDpRank", rank, 0, MAX_RANK);
  return rank;
}

function tierOf(name: TierName): (typeof TIER)[TierName] {
  if (!Object.hasOwn(TIER, name)) {
    throw new InvalidEventError(`the tier must be one of ${Object.keys(TIER).join(", ")}`);
  }
  return TIER[name];
}
