/**
 * A block's place in its sequence as 128 bits, and the shorter hash that is published for it. MAIN THREAD; values only.
 *
 *   mode 2 bits | position 8, 16 or 24 | sequence hash 64 | fragment of the parent's sequence hash 54, 46 or 38
 *
 * The mode says how wide the position is, and with it how much of the parent's hash is left. A block is published under that
 * part of its sequence hash which its children carry as their fragment.
 */

export interface Lineage {
  readonly position: number;
  readonly sequenceLo: number;
  readonly sequenceHi: number;
  /** Fragment; 0 at position 0. */
  readonly parentLo: number;
  readonly parentHi: number;
}

/** One more than the highest position that there is room for. */
export const POSITIONS = 0x100_0000;

/** What a block at this position keeps of the upper half of its parent's sequence hash. */
export function fragmentMask(position: number): number {
  if (position < 0x100) return 0x3f_ffff;
  return position < 0x1_0000 ? 0x3fff : 0x3f;
}

/** Reads the 128 bits. `position` beyond 2^24 cannot be written, so none is read. Returns null for the mode that is none. */
export function readLineage(bits: bigint): Lineage | null {
  const mode = Number(bits >> 126n);
  if (mode === 3) return null;
  const positionBits = BigInt(8 * (mode + 1));
  const parentBits = 62n - positionBits;
  const word = (shift: bigint): number => Number(BigInt.asUintN(32, bits >> shift));
  const parent = BigInt.asUintN(Number(parentBits), bits);
  return {
    position: Number(BigInt.asUintN(Number(positionBits), bits >> (64n + parentBits))),
    sequenceLo: word(parentBits),
    sequenceHi: word(parentBits + 32n),
    parentLo: Number(BigInt.asUintN(32, parent)),
    parentHi: Number(parent >> 32n),
  };
}
