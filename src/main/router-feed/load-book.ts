/**
 * How busy each rank is, as workers or whoever hands out requests say. MAIN THREAD. The newest word counts.
 */

export interface RankLoad {
  readonly worker: bigint;
  readonly rank: number;
  /** Blocks that requests under way take up. */
  readonly activeBlocks: number;
  /** Requests under way; null when nobody said. */
  readonly activeRequests: number | null;
}

/** Workers are named by whoever can reach the port. */
const MAX_RANKS = 65_536;

export class LoadBook {
  readonly #ranks: Map<string, RankLoad> = new Map();

  /** False: there are too many ranks already. What is not said stays as it was. */
  set(worker: bigint, rank: number, activeBlocks: number | null, activeRequests: number | null): boolean {
    const key = `${worker}:${rank}`;
    const known = this.#ranks.get(key);
    if (known === undefined && this.#ranks.size === MAX_RANKS) return false;
    this.#ranks.set(key, {
      worker,
      rank,
      activeBlocks: activeBlocks ?? known?.activeBlocks ?? 0,
      activeRequests: activeRequests ?? known?.activeRequests ?? null,
    });
    return true;
  }

  find(worker: bigint, rank: number): RankLoad | null {
    return this.#ranks.get(`${worker}:${rank}`) ?? null;
  }

  all(): Iterable<RankLoad> {
    return this.#ranks.values();
  }

  forget(worker: bigint, rank: number): void {
    this.#ranks.delete(`${worker}:${rank}`);
  }
}
