/**
 * Words of the slots that the consolidator keeps for blocks and for holds, and how an owner is packed into one. MAIN THREAD; values
 * only.
 */
import { MAX_RANK } from "../../shared/record.ts";

export const BLOCK = {
  keyLo: 0,
  keyHi: 1,
  bits: 2,
  nameLo: 3,
  nameHi: 4,
  localLo: 5,
  localHi: 6,
  position: 7,
  salt: 8,
  firstHold: 9,
} as const;
export const BLOCK_WORDS = 10;

/** Of a block's `bits`, which begin with its rank. */
export const BLOCK_BITS = {
  rank: 0x3ff,
  /** One bit for each kind of source. */
  kindShift: 10,
  kinds: 0x1c00,
  published: 0x2000,
  /** Filed under its published hash. */
  named: 0x4000,
} as const;

export const HOLD = {
  lo: 0,
  hi: 1,
  owner: 2,
  block: 3,
  next: 4,
  previous: 5,
  holderNext: 6,
  holderPrevious: 7,
} as const;
export const HOLD_WORDS = 8;

/**
 * Who names a block by a hash: rank (bits 0-9), tier (10-11), source (12-16), and whether the hash is an engine's or a sequence
 * hash (17).
 */
export function ownerOf(source: number, tier: number, rank: number, isLineage: boolean): number {
  return rank | (tier << 10) | (source << 12) | (isLineage ? 1 << 17 : 0);
}

/** The same without tier and kind of hash: whose holds are cleared together. */
export function holderOf(owner: number): number {
  return (owner & MAX_RANK) | (((owner >>> 12) & 31) << 10);
}
