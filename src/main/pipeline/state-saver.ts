/**
 * When the index is written to the state directory, and what is written beside it. MAIN THREAD.
 *
 * The ids that go with a state must be those of the last events that are in it, of every rank; one more, and an event would
 * be missed after a restart, one less, and the ranks would be cleared for nothing. So a state is cut where main stands
 * between two events: all of them are put into slots, the position behind those is the cut, and the index thread begins to
 * write when it has taken in just these. Where the ring has no room for what is open, the next moment is tried.
 */
import type { Epoch, FollowedRank, SavedState } from "../../shared/index-messages.ts";

const EVERY_MS = 30_000;
const AGAIN_MS = 50;

export interface StateSaverOptions {
  readonly epoch: () => Epoch;
  /** Of each rank, the state behind the last event that was dealt with in full; null while one is in between. */
  readonly ranks: () => ReadonlyMap<number, FollowedRank> | null;
  /** Puts all that was taken into slots; the position behind them, or null where there was no room. */
  readonly cut: () => number | null;
  /** Resolves, once it is over, with whether the state was written. */
  readonly save: (position: number, state: SavedState) => Promise<boolean>;
  /** Moves when anything happened that a state would show. */
  readonly version: () => number;
}

export class StateSaver {
  readonly #options: StateSaverOptions;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | null = null;
  /** Null when a save has failed: then there is one to make whatever happens. */
  #savedVersion: number | null;
  #isSaving: boolean = false;

  constructor(options: StateSaverOptions, everyMs: number = EVERY_MS) {
    this.#options = options;
    this.#everyMs = everyMs;
    this.#savedVersion = options.version();
  }

  start(): void {
    this.#schedule(this.#everyMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The state for an orderly end, when all that was taken has been published; null when something was not. */
  last(nextSequence: number): SavedState | null {
    const ranks = this.#options.ranks();
    return ranks === null ? null : { epoch: this.#options.epoch(), nextSequence, clean: true, ranks };
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => this.#schedule(this.#trySave() ? this.#everyMs : AGAIN_MS), ms).unref();
  }

  /** True: begun, or nothing to save, or the disk is still at the last one. */
  #trySave(): boolean {
    if (this.#isSaving) return true;
    const version = this.#options.version();
    if (version === this.#savedVersion) return true;
    const ranks = this.#options.ranks();
    const position = ranks === null ? null : this.#options.cut();
    if (ranks === null || position === null) return false;
    void this.#save(position, { epoch: this.#options.epoch(), nextSequence: 0, clean: false, ranks }, version);
    return true;
  }

  async #save(position: number, state: SavedState, version: number): Promise<void> {
    this.#isSaving = true;
    const isSaved = await this.#options.save(position, state);
    this.#savedVersion = isSaved ? version : null;
    this.#isSaving = false;
  }
}
