/**
 * When the index is written to the state directory, and what is written beside it. MAIN THREAD.
 *
 * The ids that go with a state must be those of the last events that are in it, of every rank; one more, and an event would
 * be missed after a restart, one less, and the ranks would be cleared for nothing. So a state is cut where main stands
 * between two events: all of them are put into slots, the position behind those is the cut, and the index thread begins to
 * write when it has taken in just these. Where the ring has no room for what is open, the next moment is tried.
 */
import type { Epoch, SavedState } from "../../shared/index-messages.ts";

const EVERY_MS = 30_000;
const AGAIN_MS = 50;

export interface StateSaverOptions {
  readonly epoch: () => Epoch;
  /** Of each rank, the id of the last event that was dealt with in full; null while one is in between. */
  readonly lastEventIds: () => ReadonlyMap<number, number> | null;
  /** Puts all that was taken into slots; the position behind them, or null where there was no room. */
  readonly cut: () => number | null;
  readonly save: (position: number, state: SavedState) => void;
  /** Moves when anything happened that a state would show. */
  readonly version: () => number;
}

export class StateSaver {
  readonly #options: StateSaverOptions;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | null = null;
  #savedVersion: number;

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
    const lastEventIds = this.#options.lastEventIds();
    return lastEventIds === null ? null : { epoch: this.#options.epoch(), nextSequence, clean: true, lastEventIds };
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => this.#schedule(this.#trySave() ? this.#everyMs : AGAIN_MS), ms).unref();
  }

  /** True: saved, or nothing to save. */
  #trySave(): boolean {
    const version = this.#options.version();
    if (version === this.#savedVersion) return true;
    const lastEventIds = this.#options.lastEventIds();
    const position = lastEventIds === null ? null : this.#options.cut();
    if (lastEventIds === null || position === null) return false;
    this.#savedVersion = version;
    this.#options.save(position, { epoch: this.#options.epoch(), nextSequence: 0, clean: false, lastEventIds });
    return true;
  }
}
