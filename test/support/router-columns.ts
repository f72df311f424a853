/** Hashes as the columns that the index of a router takes. */
import type { BlockColumns } from "../../src/main/router-index/block-columns.ts";

export interface Halves {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
}

export function halvesOf(hashes: readonly bigint[]): Halves {
  return {
    lo: Int32Array.from(hashes, (hash) => Number(BigInt.asIntN(32, hash))),
    hi: Int32Array.from(hashes, (hash) => Number(BigInt.asIntN(32, hash >> 32n))),
  };
}

export function columnsOf(parent: bigint | null, hashes: readonly bigint[], locals: readonly bigint[]): BlockColumns {
  const { lo: hashLo, hi: hashHi } = halvesOf(hashes);
  const { lo: localLo, hi: localHi } = halvesOf(locals);
  const before = halvesOf([parent ?? 0n]);
  return {
    count: hashes.length,
    hasParent: parent !== null,
    parentLo: before.lo[0] ?? 0,
    parentHi: before.hi[0] ?? 0,
    hashLo,
    hashHi,
    localLo,
    localHi,
  };
}
