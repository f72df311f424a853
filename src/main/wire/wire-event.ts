/**
 * One event that another publisher put on the wire, as read and not yet judged. MAIN THREAD.
 *
 * A reused scratch, as RawEvent is: WireBatchReader fills it, whoever reads the stream takes from it, and the next event
 * overwrites it. Hashes are two u32 halves, tokens of all blocks stand one behind the other, and every column starts at
 * index 0, so that an event to be published can borrow them as they are.
 *
 *   blocks   hashLo[i] hashHi[i]           i < blockCount; stored or removed
 *   tokens   tokens[0 … tokenCount)        stored only: blockSizeTokens for each block, if the publisher is right
 *
 *   isEagle  the wire had pairs (t0,t1) (t1,t2) (t2,t3); the tokens are t0 t1 t2 t3, so there is one more than pairs, and
 *            block i spans tokens[i * blockSizeTokens … (i + 1) * blockSizeTokens], both ends included
 *
 * Nothing here says that the event makes sense: the tokens may be too few for the blocks, a hash may come twice, the block
 * size may be 0. The values are what the wire held, within the bounds of their types.
 */
import { LayoutError } from "../../shared/errors.ts";
import { TIER, type Tier } from "../../shared/tier.ts";
import { ABSENT } from "../engine/raw-event.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";

/** `ignored` is an event that its publisher declares to mean nothing. The others have the numbers of RECORD_KIND. */
export const WIRE_KIND = { ignored: 0, stored: 1, removed: 2, cleared: 3 } as const;
export type WireKind = (typeof WIRE_KIND)[keyof typeof WIRE_KIND];

/** Stands in `tier` for a medium that is none of those known; such an event must not be taken for one of any tier. */
export const UNKNOWN_TIER = 100;
export type WireTier = Tier | typeof UNKNOWN_TIER;

/** What kind of attention the blocks are for. `main` is what prefixes are matched by: full, MLA and sink attention. */
export const SPEC_KIND = { absent: 0, main: 1, other: 2 } as const;
export type SpecKind = (typeof SPEC_KIND)[keyof typeof SPEC_KIND];

/** Whether the blocks are this worker's own. Those of a value that nobody knows are not. */
export const LOCALITY = { absent: 0, local: 1, remote: 2, unknown: 3 } as const;
export type Locality = (typeof LOCALITY)[keyof typeof LOCALITY];

/** Who manages the blocks. No owner on the wire means the engine's framework. */
export const OWNERSHIP = { framework: 0, kvcr: 1, unknown: 2 } as const;
export type Ownership = (typeof OWNERSHIP)[keyof typeof OWNERSHIP];

/** The values of each, each at the place that its number says. */
export const WIRE_KINDS: readonly WireKind[] = Object.values(WIRE_KIND);
export const SPEC_KIND_VALUES: readonly SpecKind[] = Object.values(SPEC_KIND);
export const LOCALITY_VALUES: readonly Locality[] = Object.values(LOCALITY);
export const OWNERSHIP_VALUES: readonly Ownership[] = Object.values(OWNERSHIP);

/** Where the blocks lie, of an event whose medium was looked at before. Throws LayoutError for one that nobody knows. */
export function knownTier({ tier }: WireEvent): Tier {
  if (tier === UNKNOWN_TIER) throw new LayoutError("an event of an unknown medium was let through");
  return tier;
}

const FIRST_BLOCKS = 64;
const FIRST_TOKENS = 4096;

export class WireEvent {
  kind: WireKind = WIRE_KIND.ignored;

  blockCount: number = 0;
  hashLo: Uint32Array = new Uint32Array(FIRST_BLOCKS);
  hashHi: Uint32Array = new Uint32Array(FIRST_BLOCKS);

  /** False: the first block is the root of its chain. */
  hasParent: boolean = false;
  parentLo: number = 0;
  parentHi: number = 0;

  tokenCount: number = 0;
  tokens: Uint32Array = new Uint32Array(FIRST_TOKENS);
  isEagle: boolean = false;
  /** ABSENT unless stored; a stored event always has one, which may be 0. */
  blockSizeTokens: number = ABSENT;

  tier: WireTier = TIER.device;
  /** No medium on the wire, or an empty one: `tier` is then `device`. */
  mediumAbsent: boolean = true;

  loraName: string | null = null;
  /** 0 = none. Older publishers number adapters; most readers do not look at it. */
  loraId: number = 0;
  /** The empty string is a salt, null is none. Private, never to be logged. */
  cacheSalt: string | null = null;

  /** Whether the wire had a list of multimodal infos, be it of nulls only. */
  mmListPresent: boolean = false;
  /** One entry a block, whatever the length of the wire's list; null when no block has any. */
  mmInfos: readonly BlockMmInfo[] | null = null;
  /**
   * The blocks depend on keys that could not be told apart: a text that is neither the adapter's name nor a multimodal hash
   * nor a marked salt, the digest of a prompt embedding. Blocks of equal tokens may then still differ.
   */
  hasUnknownKeys: boolean = false;

  /** Index of the cache group; ABSENT when missing. */
  groupIdx: number = ABSENT;
  specKind: SpecKind = SPEC_KIND.absent;
  /** Tokens; ABSENT when missing. */
  slidingWindow: number = ABSENT;
  locality: Locality = LOCALITY.absent;
  ownership: Ownership = OWNERSHIP.framework;

  /** Makes room for so many blocks. What the columns held is lost. */
  makeRoomForBlocks(count: number): void {
    if (count <= this.hashLo.length) return;
    const size = Math.max(count, this.hashLo.length * 2);
    this.hashLo = new Uint32Array(size);
    this.hashHi = new Uint32Array(size);
  }

  /** The same for tokens. */
  makeRoomForTokens(count: number): void {
    if (count > this.tokens.length) this.tokens = new Uint32Array(Math.max(count, this.tokens.length * 2));
  }
}
