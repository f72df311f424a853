/**
 * One engine event, as read and not yet judged. MAIN THREAD.
 *
 * A RawEvent is a reused scratch: a source (the JSON scanner, the synthetic engine) fills it, the normaliser reads it,
 * and the next event overwrites it. It holds no objects on the common path: hashes are two u32 halves in typed arrays,
 * tokens of all blocks stand one behind the other. Rare things (LoRA name, salt, multimodal keys, tokens that are not
 * plain integers) sit in ordinary fields and lists.
 *
 *   blocks   hashLo[i] hashHi[i] hashNull[i] tokenEnd[i]      i < blockCount
 *   tokens   tokens[0 … tokenEnd[0]) | tokens[tokenEnd[0] … tokenEnd[1]) | …     tokenEnd[blockCount-1] = tokenCount
 *
 * A `removed` event uses the hash columns only, an `updated` one the first of them and the two levels. Facts: `event_id` counts per attention-DP rank from 0; hashes are u64.
 */

import { MAX_RANK } from "../../shared/record.ts";

/** What kind of entry it is. `empty` is a `{}` or a `null` in the list, which old engines send. */
export const RAW_KIND = { empty: 0, created: 1, stored: 2, removed: 3, updated: 4, unknown: 5 } as const;
export type RawKind = (typeof RAW_KIND)[keyof typeof RAW_KIND];

/** Whether `parent_hash` was there: a missing key is an error, a null is a root block. */
export const PARENT = { missing: 0, none: 1, given: 2 } as const;
export type ParentState = (typeof PARENT)[keyof typeof PARENT];

/** Why an event cannot be published though it should have been: label values of `kvcast_invalid_events_total`. */
export const INVALID_REASONS = [
  "missing_field",
  "bad_type",
  "unknown_type",
  "empty_entry",
  "hash_range",
  "block_too_large",
  "token_range",
  "too_many_blocks",
  "depth",
  "salt_conflict",
  "mm_key",
] as const;
export type InvalidReason = (typeof INVALID_REASONS)[number];

/** The field is absent (or null, which means the same to every reader). */
export const ABSENT = -1;

/** Most blocks one event may hold; a longer chain than this is no cache, it is an attack. */
export const MAX_BLOCKS_PER_EVENT: number = 1 << 20;
/** Most multimodal keys, and most tokens that are no plain integers, of one event: each is an object, so they are bounded. */
export const MAX_EXTRAS_PER_EVENT: number = 1 << 16;
/** Stands in `rank` for anything else an engine may have written there, so that no believed rank is mistaken for it. */
export const BAD_RANK: number = MAX_RANK + 1;

/** A token that is not a plain u32; `tokens[index]` then holds the truncated number, 1/0 for a bool, 0 otherwise. */
export interface OddToken {
  /** Index into `RawEvent.tokens`. */
  readonly index: number;
  readonly type: "string" | "float" | "bool" | "null";
  /** The text of a string token; never logged. Empty for other types. */
  readonly text: string;
}

/** One entry of a block's `mm_keys`. */
export interface RawMmKey {
  /** Index of the block it belongs to. */
  readonly block: number;
  /** `type === "mm_key"` and `hash` is a non-empty string. Others are ignored by the older rule. */
  readonly usable: boolean;
  readonly hash: string;
  /** The routing UUID of newer engines; null when the key is absent. */
  readonly uuid: string | null;
  /** `start_offset`; ABSENT when missing or not a number. */
  readonly startOffset: number;
}

export class RawEvent {
  kind: RawKind = RAW_KIND.empty;
  /** ABSENT when missing; otherwise an integer of at most 2^53 - 1. */
  eventId: number = ABSENT;
  rank: number = 0;
  windowSize: number = ABSENT;
  layerGroup: number = ABSENT;
  /** The first thing found wrong inside. The ids above stay valid, so that a bad event still counts for the gap check. */
  defect: InvalidReason | null = null;

  parent: ParentState = PARENT.missing;
  parentLo: number = 0;
  parentHi: number = 0;

  blockCount: number = 0;
  tokenCount: number = 0;
  hashLo: Uint32Array = new Uint32Array(64);
  hashHi: Uint32Array = new Uint32Array(64);
  hashNull: Uint8Array = new Uint8Array(64);
  tokenEnd: Uint32Array = new Uint32Array(64);
  tokens: Uint32Array = new Uint32Array(4096);

  /** Cache levels between which the block of an `updated` event moved; ABSENT when it says nothing of that. */
  levelFrom: number = ABSENT;
  levelTo: number = ABSENT;

  loraName: string | null = null;
  /** The one cache salt of the event (its own or its blocks'); null for none. The empty string is a salt. */
  cacheSalt: string | null = null;
  /** Two different salts were seen: the event must not be published. */
  saltConflict: boolean = false;
  mmKeys: RawMmKey[] = [];
  oddTokens: OddToken[] = [];

  /** Makes the scratch empty for the next event. Arrays keep their memory. */
  reset(): void {
    this.kind = RAW_KIND.empty;
    this.eventId = ABSENT;
    this.rank = 0;
    this.windowSize = ABSENT;
    this.layerGroup = ABSENT;
    this.defect = null;
    this.parent = PARENT.missing;
    this.parentLo = 0;
    this.parentHi = 0;
    this.blockCount = 0;
    this.tokenCount = 0;
    this.levelFrom = ABSENT;
    this.levelTo = ABSENT;
    this.loraName = null;
    this.cacheSalt = null;
    this.saltConflict = false;
    if (this.mmKeys.length > 0) this.mmKeys = [];
    if (this.oddTokens.length > 0) this.oddTokens = [];
  }

  /** Notes the first defect only: later ones are consequences as a rule. */
  fail(reason: InvalidReason): void {
    this.defect ??= reason;
  }

  /** Folds one `cache_salt` into the event: equal values are one salt, different ones a conflict. */
  addSalt(salt: string): void {
    if (this.cacheSalt === null) this.cacheSalt = salt;
    else if (this.cacheSalt !== salt) this.saltConflict = true;
  }

  /** Appends a block (or a removed hash); its tokens are those appended since the block before. */
  addBlock(hashLo: number, hashHi: number, isNull: boolean): void {
    const i = this.blockCount;
    if (i === this.hashLo.length) this.#growBlocks();
    this.hashLo[i] = hashLo;
    this.hashHi[i] = hashHi;
    this.hashNull[i] = isNull ? 1 : 0;
    this.tokenEnd[i] = this.tokenCount;
    this.blockCount = i + 1;
  }

  addToken(token: number): void {
    if (this.tokenCount === this.tokens.length) this.growTokens(this.tokenCount + 1);
    this.tokens[this.tokenCount++] = token;
  }

  /** Makes room for `count` tokens in all. A source that writes `tokens` directly calls this first. */
  growTokens(count: number): void {
    if (count <= this.tokens.length) return;
    const grown = new Uint32Array(Math.max(count, this.tokens.length * 2));
    grown.set(this.tokens);
    this.tokens = grown;
  }

  #growBlocks(): void {
    const size = this.hashLo.length * 2;
    const grow = (old: Uint32Array): Uint32Array => {
      const grown = new Uint32Array(size);
      grown.set(old);
      return grown;
    };
    this.hashLo = grow(this.hashLo);
    this.hashHi = grow(this.hashHi);
    this.tokenEnd = grow(this.tokenEnd);
    const nulls = new Uint8Array(size);
    nulls.set(this.hashNull);
    this.hashNull = nulls;
  }
}
