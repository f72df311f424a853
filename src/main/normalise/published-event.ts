/**
 * One event that goes out, as the normaliser leaves it and the batcher takes it. MAIN THREAD.
 *
 * Like RawEvent a reused scratch without objects on the common path. Copying an event twice on its way would cost more
 * than judging it, so a PublishedEvent mostly *borrows*: nearly always the blocks that may be published are the first
 * `blockCount` ones of the raw event, so `hashLo`, `hashHi` and `tokens` are simply its arrays and the two counts cut
 * them. Only when a block in front is left out, or a token is rewritten, the columns are the event's own.
 *
 *   borrowed  hashLo ──► raw.hashLo   first blockCount cells are valid
 *             tokens ──► raw.tokens   first tokenCount cells are valid
 *   own       the same names, other memory; a reader does not see a difference
 *
 * Therefore: valid until the raw event is refilled or the next `begin()`, read only the first `blockCount` and
 * `tokenCount` cells, write nothing through the columns. Every block holds the same number of tokens.
 */
import { TIER, type Tier } from "../../shared/tier.ts";

export const PUBLISHED_KIND = { stored: 1, removed: 2, cleared: 3 } as const;
export type PublishedKind = (typeof PUBLISHED_KIND)[keyof typeof PUBLISHED_KIND];
/** In the order of their numbers, from 1 on. */
export const PUBLISHED_KINDS: readonly PublishedKind[] = Object.values(PUBLISHED_KIND);

/** The u64 that identifies one multimodal item, as two u32 halves. */
export interface MmHash {
  readonly lo: number;
  readonly hi: number;
}

/** Multimodal items of one block; null when it holds none. */
export type BlockMmInfo = readonly MmHash[] | null;

/** Columns of another scratch that an event may borrow. */
export interface Columns {
  readonly hashLo: Uint32Array;
  readonly hashHi: Uint32Array;
  readonly tokens: Uint32Array;
}

const FIRST_BLOCKS = 64;
const FIRST_TOKENS = 4096;

function grown(old: Uint32Array, count: number): Uint32Array {
  const array = new Uint32Array(Math.max(count, old.length * 2));
  array.set(old);
  return array;
}

export class PublishedEvent {
  kind: PublishedKind = PUBLISHED_KIND.stored;
  rank: number = 0;
  /** Where the blocks lie; a cleared event concerns all tiers. */
  tier: Tier = TIER.device;
  /** Tokens of a full block; 0: as configured. */
  blockSizeTokens: number = 0;

  /** Hashes of this event, stored or removed; 0 for a cleared event. */
  blockCount: number = 0;
  /** Tokens of all blocks together; 0 unless stored. */
  tokenCount: number = 0;
  hashLo: Uint32Array;
  hashHi: Uint32Array;
  tokens: Uint32Array;

  /** False: the first block is the root of its chain. */
  hasParent: boolean = false;
  parentLo: number = 0;
  parentHi: number = 0;

  loraName: string | null = null;
  /** 0 = none. Engines do not send one; callers of the library may. */
  loraId: number = 0;
  /** The empty string is a salt, null is none. Never to be logged. */
  cacheSalt: string | null = null;
  /** Whether the wire shall carry a list of multimodal infos at all, be it of nulls only. */
  mmListPresent: boolean = false;
  /** One entry a block; null when no block has any. */
  mmInfos: readonly BlockMmInfo[] | null = null;

  #ownHashLo: Uint32Array = new Uint32Array(FIRST_BLOCKS);
  #ownHashHi: Uint32Array = new Uint32Array(FIRST_BLOCKS);
  #ownTokens: Uint32Array = new Uint32Array(FIRST_TOKENS);

  constructor() {
    this.hashLo = this.#ownHashLo;
    this.hashHi = this.#ownHashHi;
    this.tokens = this.#ownTokens;
  }

  /** Empties the scratch for a new event; its columns are its own again. */
  begin(kind: PublishedKind, rank: number): void {
    this.kind = kind;
    this.rank = rank;
    this.tier = TIER.device;
    this.blockSizeTokens = 0;
    this.blockCount = 0;
    this.tokenCount = 0;
    this.hashLo = this.#ownHashLo;
    this.hashHi = this.#ownHashHi;
    this.tokens = this.#ownTokens;
    this.hasParent = false;
    this.parentLo = 0;
    this.parentHi = 0;
    this.loraName = null;
    this.loraId = 0;
    this.cacheSalt = null;
    this.mmListPresent = false;
    this.mmInfos = null;
  }

  /** Takes the first blocks and tokens of `raw` without copying. After this nothing may be added. */
  borrow(raw: Columns, blockCount: number, tokenCount: number): void {
    this.hashLo = raw.hashLo;
    this.hashHi = raw.hashHi;
    this.tokens = raw.tokens;
    this.blockCount = blockCount;
    this.tokenCount = tokenCount;
  }

  /** Appends a hash to the event's own columns. */
  addHash(lo: number, hi: number): void {
    const i = this.blockCount;
    if (i === this.#ownHashLo.length) {
      this.hashLo = this.#ownHashLo = grown(this.#ownHashLo, i + 1);
      this.hashHi = this.#ownHashHi = grown(this.#ownHashHi, i + 1);
    }
    this.#ownHashLo[i] = lo;
    this.#ownHashHi[i] = hi;
    this.blockCount = i + 1;
  }

  /** Appends `source[start … end)` to the event's own tokens. */
  addTokens(source: Uint32Array, start: number, end: number): void {
    const at = this.tokenCount;
    const count = at + end - start;
    if (count > this.#ownTokens.length) this.tokens = this.#ownTokens = grown(this.#ownTokens, count);
    for (let i = start, to = at; i < end; i++, to++) this.#ownTokens[to] = source[i] as number;
    this.tokenCount = count;
  }

  /** Rewrites one of the event's own tokens. */
  setToken(at: number, token: number): void {
    this.#ownTokens[at] = token;
  }
}
