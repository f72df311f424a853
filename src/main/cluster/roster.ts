/**
 * The workers that have told the leader their names, and when each was heard of last. MAIN THREAD; pure but for the clock.
 *
 * What comes from outside is bounded: beyond the limit a new name takes the place of the one that has been silent longest.
 */
import type { AnswerNote } from "./answer-note.ts";

const MAX_WORKERS = 4096;

export interface KnownWorker {
  readonly worker: string;
  readonly boot: string;
  /** On the clock of `performance.now()`. */
  readonly lastHeardMs: number;
}

export class Roster {
  readonly #workers: Map<string, KnownWorker> = new Map();
  readonly #onRestart: (worker: string) => void;

  /** `onRestart` is told of a worker that comes with another boot id than before. */
  constructor(onRestart: (worker: string) => void) {
    this.#onRestart = onRestart;
  }

  /** Those that were heard of within `maxAgeMs`, by name. */
  known(maxAgeMs: number = Infinity): KnownWorker[] {
    const sinceMs = performance.now() - maxAgeMs;
    return [...this.#workers.values()]
      .filter(({ lastHeardMs }) => lastHeardMs >= sinceMs)
      .toSorted((a, b) => (a.worker < b.worker ? -1 : 1));
  }

  heard({ worker, boot }: AnswerNote): void {
    if (worker === null) return;
    const before = this.#workers.get(worker);
    // Behind all others in the order of the map, whose first one is then the one that has been silent longest.
    this.#workers.delete(worker);
    if (this.#workers.size >= MAX_WORKERS) {
      for (const [silent] of this.#workers) {
        this.#workers.delete(silent);
        break;
      }
    }
    this.#workers.set(worker, { worker, boot, lastHeardMs: performance.now() });
    if (before !== undefined && before.boot !== boot) this.#onRestart(worker);
  }
}
