/**
 * The cache salts of blocks, for the blocks behind them: engines name the salt with the first block of a prompt only, and it goes
 * for the whole chain. MAIN THREAD. Nothing is kept for blocks without one. Private, never to be logged.
 */

export class SaltTable {
  /** By owner, then by the block's hash. */
  readonly #owners: Map<number, Map<bigint, string>> = new Map();
  readonly #words: BigInt64Array = new BigInt64Array(1);
  readonly #halves: Int32Array = new Int32Array(this.#words.buffer);

  /** Nothing was ever salted. */
  get isEmpty(): boolean {
    return this.#owners.size === 0;
  }

  find(owner: number, lo: number, hi: number): string | null {
    return this.#owners.get(owner)?.get(this.#hash(lo, hi)) ?? null;
  }

  /** null forgets what the block had. */
  set(owner: number, lo: number, hi: number, salt: string | null): void {
    let salts = this.#owners.get(owner);
    if (salt === null) {
      salts?.delete(this.#hash(lo, hi));
      if (salts?.size === 0) this.#owners.delete(owner);
      return;
    }
    if (salts === undefined) this.#owners.set(owner, (salts = new Map()));
    salts.set(this.#hash(lo, hi), salt);
  }

  clear(owner: number): void {
    this.#owners.delete(owner);
  }

  #hash(lo: number, hi: number): bigint {
    this.#halves[0] = lo;
    this.#halves[1] = hi;
    return this.#words[0] as bigint;
  }
}
