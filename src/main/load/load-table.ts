/**
 * How full each rank's cache is, for gauges and pages. MAIN THREAD.
 *
 * Filled from the engine's statistics, and zero for every rank before they come, so that no series appears late.
 */
import type { IterationStat } from "./iteration-stat.ts";

/** What may be read of it. All figures are 0 until the engine has given them. */
export interface LoadView {
  /** Ranks 0 … ranks-1 have figures. */
  readonly ranks: number;
  /** Cache blocks in use. */
  used(rank: number): number;
  /** Cache blocks there are. */
  max(rank: number): number;
  /** Share in use, 0 to 1; 0 when the engine says that there are no blocks. */
  usage(rank: number): number;
}

export class LoadTable implements LoadView {
  readonly ranks: number;
  readonly #used: Float64Array;
  readonly #max: Float64Array;

  constructor(ranks: number) {
    this.ranks = ranks;
    this.#used = new Float64Array(ranks);
    this.#max = new Float64Array(ranks);
  }

  /** Takes a row's figures; one without any changes nothing. A field, so that it can be handed on as it is. */
  readonly note = ({ rank, usedBlocks, maxBlocks }: IterationStat): void => {
    if (rank >= this.ranks) return;
    if (usedBlocks !== null) this.#used[rank] = usedBlocks;
    if (maxBlocks !== null) this.#max[rank] = maxBlocks;
  };

  /** Cache blocks in use, all ranks together. */
  get usedBlocks(): number {
    return this.#used.reduce((sum, used) => sum + used, 0);
  }

  /** The share in use of the fullest rank; null until an engine has told of blocks. */
  get fullestUsage(): number | null {
    if (this.#max.every((max) => max === 0)) return null;
    return Math.max(...Array.from(this.#max, (_, rank) => this.usage(rank)));
  }

  used(rank: number): number {
    return this.#used[rank] ?? 0;
  }

  max(rank: number): number {
    return this.#max[rank] ?? 0;
  }

  usage(rank: number): number {
    const max = this.max(rank);
    return max > 0 ? this.used(rank) / max : 0;
  }
}
