/**
 * What made-up blocks consist of: their hashes and their tokens. MAIN THREAD.
 *
 * A hash is a one-to-one function of a 64-bit key (request serial, block index), so hashes are unique without a record
 * of those given out, and a block is known by its key alone. Tokens are runs of one pool that is made at the start.
 */
import { type Random, scramble } from "./random.ts";
import { elementAt } from "../../shared/element.ts";

/** Token ids are below this. */
const VOCABULARY = 128_000;

/** A key holds 22 bits of block index and 42 bits of request serial. */
const INDEX_BITS = 22;
/** Longest chain whose blocks still have keys of their own. */
export const MAX_CHAIN_BLOCKS: number = 1 << INDEX_BITS;

/** Token runs to choose from, and how far apart they begin in the pool. */
const TOKEN_RUNS = 2048;
const TOKEN_RUN_STRIDE = 32;

export class BlockHashes {
  readonly #keyLo: number;
  readonly #keyHi: number;
  /** Low and high half of the hash that `compute` made last. Signed, because that keeps the arithmetic in integers. */
  readonly pair: Int32Array = new Int32Array(2);

  constructor(random: Random) {
    this.#keyLo = random.next();
    this.#keyHi = random.next();
  }

  /** Leaves the hash of block `index` of request `serial` in `pair`; a returned pair would be an allocation. */
  compute(serial: number, index: number): void {
    let lo = (serial | 0) ^ this.#keyLo;
    let hi = index ^ this.#keyHi;
    if (serial >= 2 ** 32) hi ^= Math.floor(serial / 2 ** 32) << INDEX_BITS;
    // A Feistel network: one-to-one whatever the round function is.
    hi ^= scramble(lo ^ 0x243f6a88);
    lo ^= scramble(hi ^ 0x13198a2e);
    hi ^= scramble(lo ^ 0x03707344);
    lo ^= scramble(hi ^ 0x299f31d0);
    this.pair[0] = lo;
    this.pair[1] = hi;
  }
}

export class TokenRuns {
  /** Views made once: `set` of a ready view is the one copy that is fast and allocates nothing. */
  readonly #runs: readonly Uint32Array[];
  readonly #random: Random;

  /** Runs of `length` tokens. */
  constructor(random: Random, length: number) {
    this.#random = random;
    const pool = new Uint32Array((TOKEN_RUNS - 1) * TOKEN_RUN_STRIDE + length);
    for (let i = 0; i < pool.length; i++) pool[i] = tokenId(random);
    this.#runs = Array.from({ length: TOKEN_RUNS }, (_, k) => {
      const start = k * TOKEN_RUN_STRIDE;
      return pool.subarray(start, start + length);
    });
  }

  /** Two blocks with equal tokens and different hashes do no harm: no one computes the hashes from the tokens. */
  pick(): Uint32Array {
    return elementAt(this.#runs, this.#random.next() & (TOKEN_RUNS - 1));
  }
}

/** Ids in the widths that text has: mostly two bytes, a good third above, few of one byte. */
function tokenId(random: Random): number {
  const width = random.next() & 15;
  if (width === 0) return between(random, 0, 128);
  if (width === 1) return between(random, 128, 256);
  return width < 10 ? between(random, 256, 65_536) : between(random, 65_536, VOCABULARY);
}

function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random.fraction() * (to - from));
}
