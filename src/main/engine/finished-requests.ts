/**
 * Requests of made-up traffic that are over and whose blocks are in the cache still: a ring for each rank, oldest first. MAIN THREAD.
 *
 * A request is its serial and the number of its blocks. No call allocates.
 */

/** Requests that all ranks together remember; beyond a rank's share it never mentions the oldest again. */
const REMEMBERED = 16_384;
const MIN_REMEMBERED_PER_RANK = 64;

export class FinishedRequests {
  /** A power of two, so that a mask wraps the ring. */
  readonly #perRank: number;
  // One row per rank; the oldest is at `head`.
  readonly #serial: Float64Array;
  readonly #length: Uint32Array;
  readonly #head: Uint32Array;
  readonly #count: Uint32Array;

  constructor(ranks: number) {
    this.#perRank = Math.max(MIN_REMEMBERED_PER_RANK, 2 ** Math.floor(Math.log2(REMEMBERED / ranks)));
    this.#serial = new Float64Array(ranks * this.#perRank);
    this.#length = new Uint32Array(ranks * this.#perRank);
    this.#head = new Uint32Array(ranks);
    this.#count = new Uint32Array(ranks);
  }

  count(rank: number): number {
    return this.#count[rank] as number;
  }

  isHalfFull(rank: number): boolean {
    return this.count(rank) > this.#perRank >>> 1;
  }

  /** The newest; the oldest is forgotten where there is no room. */
  add(rank: number, serial: number, length: number): void {
    if (this.count(rank) === this.#perRank) this.#forgetOldest(rank);
    const count = this.count(rank);
    const at = rank * this.#perRank + (((this.#head[rank] as number) + count) & (this.#perRank - 1));
    this.#serial[at] = serial;
    this.#length[at] = length;
    this.#count[rank] = count + 1;
  }

  oldestSerial(rank: number): number {
    return this.#serial[this.#oldest(rank)] as number;
  }

  oldestLength(rank: number): number {
    return this.#length[this.#oldest(rank)] as number;
  }

  /** So many of its blocks are left; without any it is forgotten. */
  shortenOldest(rank: number, length: number): void {
    this.#length[this.#oldest(rank)] = length;
    if (length === 0) this.#forgetOldest(rank);
  }

  #forgetOldest(rank: number): void {
    this.#head[rank] = ((this.#head[rank] as number) + 1) & (this.#perRank - 1);
    this.#count[rank] = this.count(rank) - 1;
  }

  #oldest(rank: number): number {
    return rank * this.#perRank + (this.#head[rank] as number);
  }
}
