/**
 * Hashes by which a series is known again: 64 bits in two halves, each the sum of its name's part and its labels' parts, so
 * that the order of labels does not count. ANY THREAD.
 */

export const LO_PRIME = 0x01000193;
export const HI_PRIME = 0x5bd1e995;
const NAME_SEED_HI = 0x9e3779b9;

/** A name's part of the lower half. */
export function nameHashLo(bytes: Uint8Array, from: number, to: number): number {
  return hashOfName(bytes, from, to, 0);
}

/** And of the upper one. */
export function nameHashHi(bytes: Uint8Array, from: number, to: number): number {
  return hashOfName(bytes, from, to, NAME_SEED_HI);
}

/** Spreads every bit over all of them, so that the parts may be added up. */
export function mixed(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hashOfName(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed | 0;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), LO_PRIME);
  return mixed(hash);
}
