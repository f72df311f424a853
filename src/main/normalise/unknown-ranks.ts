/**
 * Ranks whose engine may hold blocks that it did not tell us of: it was running before we came, or ids are missing. MAIN
 * THREAD; pure.
 *
 * Clearing such a rank makes subscribers right and the index equal to what they hold, but the engine keeps its blocks. Only
 * its restart ends it.
 */
import type { RankWatch } from "./injections.ts";
import { resumed, type SavedRanks } from "./saved-ranks.ts";

export class UnknownRanks implements RankWatch {
  readonly #next: RankWatch;
  readonly #saved: SavedRanks;
  readonly #onChange: (ranks: readonly number[]) => void;
  readonly #ranks: Set<number> = new Set();

  /** Passes everything on to `next`. `saved` as for Injections. */
  constructor(next: RankWatch, saved: SavedRanks, onChange: (ranks: readonly number[]) => void) {
    this.#next = next;
    this.#saved = saved;
    this.#onChange = onChange;
  }

  first(rank: number, id: number, isCreated: boolean): void {
    if (id === 0 || isCreated || resumed(this.#saved, rank, id) !== null) return;
    this.#add(rank);
  }

  gap(rank: number, missing: number): boolean {
    this.#add(rank);
    return this.#next.gap(rank, missing);
  }

  restart(rank: number): void {
    if (this.#ranks.delete(rank)) this.#onChange([...this.#ranks]);
    this.#next.restart(rank);
  }

  #add(rank: number): void {
    if (this.#ranks.has(rank)) return;
    this.#ranks.add(rank);
    this.#onChange([...this.#ranks]);
  }
}
