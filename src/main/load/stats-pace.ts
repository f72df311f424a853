/**
 * When to ask an engine for its statistics again. MAIN THREAD, pure: chance comes from outside.
 *
 *   mode on     rows: 10 ms; none: 10 ms, doubled up to 100 ms; failure: 10 ms, doubled up to 1 s, ± 20 %
 *   mode auto   probing ──rows──► reading, as above ──failure──► probing
 *                  └─ three answers without rows, a second apart ──► asking every 30 s ──rows──► reading
 *
 * Where statistics are off, each question waits for seconds inside the engine and slows down its serving, hence the
 * reserve of `auto`. Whether they are on can only be seen from rows: an idle engine answers as one that keeps none. A
 * failure may be a restart, and the engine come back with other settings. An engine that cannot be reached yet has
 * answered nothing, so that costs none of the three tries.
 *
 * There is always a wait, also after rows: an engine that answers at once must not keep a core busy.
 */
import { PollBackoff } from "../engine/poll-loop.ts";

/** Whether statistics are read always, or where there are any. */
export type StatsMode = "on" | "auto";

export const STATS_MIN_SLEEP_MS = 10;
export const STATS_MAX_SLEEP_MS = 100;
export const PROBES = 3;
export const PROBE_SLEEP_MS = 1000;
export const SELDOM_SLEEP_MS = 30_000;

export interface StatsReport {
  /** Entries that were rows or should have been. */
  readonly rows: number;
  /** `unreachable`: there was no answer. `failed`: the answer was an error, or is broken. */
  readonly outcome: "answered" | "failed" | "unreachable";
}

export class StatsPace {
  readonly #backoff: PollBackoff;
  readonly #mode: StatsMode;
  #state: "probing" | "reading" | "seldom";
  #probesLeft: number = PROBES;

  /** `random` gives numbers in [0, 1). */
  constructor(mode: StatsMode, random?: () => number) {
    const waits = { minSleepMs: STATS_MIN_SLEEP_MS, maxSleepMs: STATS_MAX_SLEEP_MS, factor: 2 };
    this.#backoff = new PollBackoff({ name: "default", maxItemsPerStep: 1, ...waits }, random);
    this.#mode = mode;
    this.#state = mode === "on" ? "reading" : "probing";
  }

  /** The engine seems to keep no statistics. Never so in the mode `on`. */
  get seldom(): boolean {
    return this.#state === "seldom";
  }

  /** Milliseconds to wait before the next poll, at least 10. */
  next({ rows, outcome }: StatsReport): number {
    const failed = outcome !== "answered";
    const ms = this.#backoff.next({ events: rows, failed, again: false });
    if (this.#mode === "auto") this.#probe(rows, outcome);
    if (this.#state === "seldom") return SELDOM_SLEEP_MS;
    if (this.#state === "probing" && outcome !== "unreachable") return PROBE_SLEEP_MS;
    return Math.max(STATS_MIN_SLEEP_MS, ms);
  }

  #probe(rows: number, outcome: StatsReport["outcome"]): void {
    if (rows > 0) {
      this.#state = "reading";
      return;
    }
    if (this.#state === "reading") {
      if (outcome === "answered") return;
      this.#state = "probing";
      this.#probesLeft = PROBES;
    }
    if (this.#state === "probing" && outcome !== "unreachable" && --this.#probesLeft <= 0) this.#state = "seldom";
  }
}
