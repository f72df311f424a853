/**
 * The blocks that are there, rank by rank, as far as a stream tells. MAIN THREAD.
 *
 * Kept to be compared with what the publisher's own index says. Bounded, since ranks and hashes come from outside: once there
 * were too many of either, the figures are too low, and `complete` is false until all is forgotten.
 */
import { HashSet } from "../normalise/hash-set.ts";
import { hashHalves } from "../../shared/hash64.ts";
import type { KvBatch } from "./kv-event.ts";
import type { StreamItem } from "./stream-items.ts";

const MAX_BLOCKS = 16_777_216;
const MAX_RANKS = 4096;
const FIRST_CAPACITY = 1024;

export class LiveBlocks {
  readonly #ranks: Map<number, HashSet> = new Map();
  #blocks: number = 0;
  #complete: boolean = true;

  get complete(): boolean {
    return this.#complete;
  }

  /** Rank and number of its blocks, by rank. */
  counts(): [rank: number, blocks: number][] {
    return [...this.#ranks].map(([rank, set]): [number, number] => [rank, set.size]).toSorted(([a], [b]) => a - b);
  }

  apply(item: StreamItem): void {
    if (item.kind === "batch") this.#applyBatch(item.batch);
    else if (item.kind === "restart" || item.kind === "snapshot-start") this.#forget();
  }

  #forget(): void {
    this.#ranks.clear();
    this.#blocks = 0;
    this.#complete = true;
  }

  #applyBatch(batch: KvBatch): void {
    const rank = batch.rank ?? 0;
    for (const event of batch.events) {
      if (event.type === "stored") this.#store(rank, event.hashes);
      else if (event.type === "removed") this.#remove(rank, event.hashes);
      else if (event.type === "cleared") this.#clear(rank);
    }
  }

  #store(rank: number, hashes: readonly bigint[]): void {
    let set = this.#ranks.get(rank);
    if (set === undefined) {
      if (this.#ranks.size === MAX_RANKS) {
        this.#complete = false;
        return;
      }
      set = new HashSet(FIRST_CAPACITY);
      this.#ranks.set(rank, set);
    }
    for (const hash of hashes) {
      const { lo, hi } = hashHalves(hash);
      if (this.#blocks === MAX_BLOCKS) this.#complete = false;
      else if (set.add(lo | 0, hi | 0)) this.#blocks++;
    }
  }

  #remove(rank: number, hashes: readonly bigint[]): void {
    const set = this.#ranks.get(rank);
    if (set === undefined) return;
    for (const hash of hashes) {
      const { lo, hi } = hashHalves(hash);
      if (set.delete(lo | 0, hi | 0)) this.#blocks--;
    }
  }

  #clear(rank: number): void {
    const set = this.#ranks.get(rank);
    if (set === undefined) return;
    this.#blocks -= set.size;
    // The rank stays, with no blocks: that is what was said of it.
    this.#ranks.set(rank, new HashSet(FIRST_CAPACITY));
  }
}
