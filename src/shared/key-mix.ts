/**
 * Where a block's key (rank and 64-bit hash) belongs in a hash table. Any thread: the index, the gate of the event plane, the
 * consolidator.
 *
 * Hashes come from outside, and whoever can choose them must not be able to choose collisions. So each byte of the key
 * picks a random number from a table of its own, and these are xor-ed: without the tables, which are drawn anew for
 * each index, all that can be known of two different keys is that they meet as rarely as chance lets them. Multiplying
 * by secret numbers is not enough: keys that differ in their top bits alone would still meet, whatever the secret.
 */
import { randomFillSync } from "node:crypto";
import { MAX_RANK } from "./record.ts";

const BYTES = 8;
const RANK_TABLE: number = BYTES * 256;

export class KeyMix {
  /** Eight tables of 256 for the bytes of the hash, one for the rank. */
  readonly #tables: Int32Array = randomFillSync(new Int32Array(RANK_TABLE + MAX_RANK + 1));

  /** `mask`: number of places, a power of two, less one. */
  place(rank: number, lo: number, hi: number, mask: number): number {
    const t = this.#tables;
    return (
      ((t[lo & 0xff] as number) ^
        (t[0x100 | ((lo >>> 8) & 0xff)] as number) ^
        (t[0x200 | ((lo >>> 16) & 0xff)] as number) ^
        (t[0x300 | (lo >>> 24)] as number) ^
        (t[0x400 | (hi & 0xff)] as number) ^
        (t[0x500 | ((hi >>> 8) & 0xff)] as number) ^
        (t[0x600 | ((hi >>> 16) & 0xff)] as number) ^
        (t[0x700 | (hi >>> 24)] as number) ^
        (t[RANK_TABLE + rank] as number)) &
      mask
    );
  }
}
