/**
 * The cache salts of blocks, for the blocks behind them: engines name the salt with the first block of a prompt only, and it goes
 * for the whole chain. MAIN THREAD. Nothing is kept for blocks without one. Private, never to be logged.
 *
 * The index does not tell which blocks it refuses or gives up, and a copy in a slower tier outlives the block on the device. So what
 * is of no use any more is looked for whenever the table has doubled.
 */

/** Entries that are not worth a look. */
const FEW = 1024;

export class SaltTable {
  /** By owner, then by the block's hash. */
  readonly #owners: Map<number, Map<bigint, string>> = new Map();
  readonly #isHeld: (owner: number, lo: number, hi: number) => boolean;
  #entries: number = 0;
  #lookAt: number = FEW;
  readonly #words: BigInt64Array = new BigInt64Array(1);
  readonly #halves: Int32Array = new Int32Array(this.#words.buffer);

  /** `isHeld`: whether the owner has the block anywhere. */
  constructor(isHeld: (owner: number, lo: number, hi: number) => boolean) {
    this.#isHeld = isHeld;
  }

  get entries(): number {
    return this.#entries;
  }

  /** Nothing is salted. */
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
      if (salts?.delete(this.#hash(lo, hi)) === true) this.#entries--;
      if (salts?.size === 0) this.#owners.delete(owner);
      return;
    }
    if (salts === undefined) this.#owners.set(owner, (salts = new Map()));
    const before = salts.size;
    salts.set(this.#hash(lo, hi), salt);
    this.#entries += salts.size - before;
    if (this.#entries > this.#lookAt) this.#look();
  }

  clear(owner: number): void {
    this.#entries -= this.#owners.get(owner)?.size ?? 0;
    this.#owners.delete(owner);
  }

  /** Forgets what nobody holds. */
  #look(): void {
    for (const [owner, salts] of this.#owners) {
      for (const hash of salts.keys()) {
        this.#words[0] = hash;
        if (!this.#isHeld(owner, this.#halves[0] as number, this.#halves[1] as number)) salts.delete(hash);
      }
      if (salts.size === 0) this.#owners.delete(owner);
    }
    let entries = 0;
    for (const { size } of this.#owners.values()) entries += size;
    this.#entries = entries;
    this.#lookAt = Math.max(FEW, 2 * this.#entries);
  }

  #hash(lo: number, hi: number): bigint {
    this.#halves[0] = lo;
    this.#halves[1] = hi;
    return this.#words[0] as bigint;
  }
}
