/**
 * Ranks whose engine may hold blocks that it did not tell us of: it was running before we came, or ids are missing. MAIN
 * THREAD; pure.
 *
 * Clearing such a rank makes subscribers right and the index equal to what they hold, but the engine keeps its blocks. Only
 * its restart ends it.
 */
import type { EngineRanks } from "./engine-ranks.ts";
import type { RankWatch } from "./injections.ts";
import { resumed, type SavedRanks } from "./saved-ranks.ts";

/** Those of all engines together, by the ranks that are published. */
export class UnknownRankSet {
  readonly #onChange: (ranks: readonly number[]) => void;
  readonly #ranks: Set<number> = new Set();

  /** `onChange` is told all of them whenever one comes or goes. */
  constructor(onChange: (ranks: readonly number[]) => void) {
    this.#onChange = onChange;
  }

  add(rank: number): void {
    if (this.#ranks.has(rank)) return;
    this.#ranks.add(rank);
    this.#onChange([...this.#ranks]);
  }

  delete(rank: number): void {
    if (this.#ranks.delete(rank)) this.#onChange([...this.#ranks]);
  }
}

/** Follows one engine. */
export class UnknownRanks implements RankWatch {
  readonly #next: RankWatch;
  readonly #saved: SavedRanks;
  readonly #base: number;
  readonly #all: UnknownRankSet;

  /** Passes everything on to `next`. `saved` as for Injections. */
  constructor(next: RankWatch, saved: SavedRanks, { base }: EngineRanks, all: UnknownRankSet) {
    this.#next = next;
    this.#saved = saved;
    this.#base = base;
    this.#all = all;
  }

  first(rank: number, id: number, isCreated: boolean): void {
    this.#next.first?.(rank, id, isCreated);
    if (id === 0 || isCreated || resumed(this.#saved, rank, id) !== null) return;
    this.#all.add(this.#base + rank);
  }

  /** An operator has the rank cleared: the engine keeps the blocks that it told of. */
  cleared(rank: number): void {
    this.#all.add(this.#base + rank);
  }

  gap(rank: number, missing: number): boolean {
    this.#all.add(this.#base + rank);
    return this.#next.gap(rank, missing);
  }

  restart(rank: number): void {
    this.#all.delete(this.#base + rank);
    this.#next.restart(rank);
  }
}
