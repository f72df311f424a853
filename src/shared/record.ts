/**
 * How one event lies in a slot of the ring, between the main thread that writes it and the encoder that reads it.
 * All fields are u32 words; a 64-bit hash is two of them, low half first. Layout only: no behaviour beyond arithmetic.
 *
 *   word  0  length of the record in words
 *         1  kind (bits 0-7) | flags (bits 8-12) | tier (bits 13-14) | tokens of a full block (bits 15-31; 0: as configured)
 *         2  block count
 *         3  token count
 *         4  microseconds from the batch's first event to this one
 *         5  parent hash, low half        6  parent hash, high half
 *         7  LoRA id (0 = none)
 *         8  bytes of the LoRA name       9  bytes of the cache salt
 *        10  words of the multimodal part   11  attention-DP rank
 *        12  hashes      2 × block count
 *         …  tokens      token count
 *         …  LoRA name   UTF-8, padded to a word
 *         …  cache salt  UTF-8, padded to a word
 *         …  multimodal  for each block: n, then n × (low, high)
 */

import type { Tier } from "./tier.ts";

export const RECORD_KIND = { stored: 1, removed: 2, cleared: 3 } as const;

/** Bits of word 1 above the kind, but for the two numbers above them. */
export const RECORD_FLAG = {
  parent: 0x100,
  loraName: 0x200,
  cacheSalt: 0x400,
  /** A list with one multimodal entry per block goes with the event, even if all entries are null. */
  mmList: 0x800,
  /** At least one of those entries is not null; only then there is a multimodal part. */
  mmAny: 0x1000,
} as const;

export const RECORD_WORD = {
  length: 0,
  kind: 1,
  blocks: 2,
  tokens: 3,
  delayMicros: 4,
  parentLo: 5,
  parentHi: 6,
  loraId: 7,
  loraNameBytes: 8,
  cacheSaltBytes: 9,
  mmWords: 10,
  rank: 11,
  header: 12,
} as const;

export const RECORD_KIND_MASK = 0xff;

const TIER_SHIFT = 13;
const TIER_MASK = 3;
const BLOCK_SIZE_SHIFT = 15;
/** Most tokens of a block that a record has room for. */
export const MAX_RECORD_BLOCK_SIZE = 0x1_ffff;

/** The two numbers of word 1. `blockSize` 0: that of the service. */
export function tierAndBlockSize(tier: Tier, blockSize: number): number {
  return (tier << TIER_SHIFT) | (blockSize << BLOCK_SIZE_SHIFT);
}

/** Where the blocks of the event lie, from word 1: a Tier. */
export function tierOf(kindWord: number): number {
  return (kindWord >>> TIER_SHIFT) & TIER_MASK;
}

/** Tokens of a full block, from word 1; 0: that of the service. */
export function blockSizeOf(kindWord: number): number {
  return kindWord >>> BLOCK_SIZE_SHIFT;
}

/** Highest attention-DP rank that is believed: tables by rank have room for it, and sources refuse events beyond it. */
export const MAX_RANK = 1023;
/** Most engines that one process reads; they share the ranks. */
export const MAX_ENGINES = 64;

/** Words that `bytes` of text take. */
export function textWords(bytes: number): number {
  return (bytes + 3) >>> 2;
}

/** What an encoder may need at most for one event, in any dialect, its own envelope and entry header included. */
export function frameBoundBytes(
  blocks: number,
  tokens: number,
  loraNameBytes: number,
  cacheSaltBytes: number,
  mmHashes: number,
): number {
  // 248: keys, headers, envelope, entry header, padding, and the bytes that a constant may be written over its end. A block: 9 for its hash, 1 for a null entry, or up to 24
  // around its multimodal hashes of up to 32 each. A token: 5.
  return 248 + (mmHashes > 0 ? 34 : 10) * blocks + 5 * tokens + 32 * mmHashes + loraNameBytes + 2 * cacheSaltBytes;
}

/** What an event may need at most in messages for the event plane, with its word in the entry header; envelopes are extra. */
export function planeBoundBytes(isStored: boolean, blocks: number, mmHashes: number): number {
  // 184: keys, headers, numbers. A stored block: 57 for its map, and 16 around multimodal hashes of 27 each; a removed one: 9.
  // One more for each block, because so many blocks end a message and begin another with its envelope.
  const perBlock = isStored ? (mmHashes > 0 ? 74 : 58) : 10;
  return 184 + perBlock * blocks + 27 * mmHashes;
}

/** Of a message for the event plane: entry header, envelope, padding, and the bytes written over the end. */
export const PLANE_ENVELOPE_BYTES = 148;
/** Envelopes of a slot of one rank, besides those that the bound of its blocks pays for. */
export const PLANE_ENVELOPES_A_SLOT = 3;
