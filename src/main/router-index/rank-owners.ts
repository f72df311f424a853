/** Numbers for the ranks of workers, which are the owners of blocks. MAIN THREAD. */
import { MAX_OWNERS } from "./block-holds.ts";

export interface OwnerName {
  /** u64. */
  readonly worker: bigint;
  readonly rank: number;
}

/** In place of a number, when all are taken. */
export const NO_OWNER = -1;

export class RankOwners {
  readonly #workers: Map<bigint, Map<number, number>> = new Map();
  readonly #names: (OwnerName | null)[] = [];
  readonly #free: number[] = [];

  /** The number of a rank; a new one if it has none. NO_OWNER: there are too many. */
  take(worker: bigint, rank: number): number {
    const known = this.find(worker, rank);
    if (known !== NO_OWNER) return known;
    const owner = this.#free.pop() ?? this.#names.length;
    if (owner >= MAX_OWNERS) return NO_OWNER;
    let ranks = this.#workers.get(worker);
    if (ranks === undefined) this.#workers.set(worker, (ranks = new Map()));
    ranks.set(rank, owner);
    this.#names[owner] = { worker, rank };
    return owner;
  }

  find(worker: bigint, rank: number): number {
    return this.#workers.get(worker)?.get(rank) ?? NO_OWNER;
  }

  /** Owners of a worker. */
  of(worker: bigint): readonly number[] {
    return [...(this.#workers.get(worker)?.values() ?? [])];
  }

  all(): readonly number[] {
    return [...this.#workers.values()].flatMap((ranks) => [...ranks.values()]);
  }

  name(owner: number): OwnerName {
    const name = this.#names[owner];
    if (name == null) throw new RangeError(`there is no owner ${owner}`);
    return name;
  }

  /** The number may be given to another rank from now on. */
  forget(owner: number): void {
    const { worker, rank } = this.name(owner);
    const ranks = this.#workers.get(worker);
    ranks?.delete(rank);
    if (ranks?.size === 0) this.#workers.delete(worker);
    this.#names[owner] = null;
    this.#free.push(owner);
  }
}
