/**
 * Words of the slots that the consolidator keeps for blocks and for holds, and how an owner is packed into one. MAIN THREAD; values
 * only.
 */

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

/** Of a block's `bits`. */
export const BLOCK_BITS = {
  /** One bit for each kind of source. */
  kinds: 0x7,
  published: 0x8,
  /** Filed under its published hash. */
  named: 0x10,
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

/** Above this bit of a hold's owner stands how often its source had cleared the rank before. */
export const CLEARS_SHIFT = 8;
export const CLEARS_MASK = 0xff_ffff;

/** Who names a block by a hash: tier (bits 0-1), source (2-6), and whether the hash is an engine's or a sequence hash (7). */
export function ownerOf(source: number, tier: number, isLineage: boolean): number {
  return tier | (source << 2) | (isLineage ? 1 << 7 : 0);
}

/** Whose holds are cleared together. */
export function sourceOf(owner: number): number {
  return (owner >>> 2) & 31;
}
