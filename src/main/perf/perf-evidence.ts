/**
 * Whether an engine keeps records of its requests, judged by its answers, and when to ask again. MAIN THREAD, pure.
 *
 *   waiting ──records──► reading ──requests finish, no record──► not_enabled ──records──► reading
 *      └──requests finish, no record; or status 404──► not_enabled
 *
 *   records: again after 1 s; none: 2 s, then 5 s; not enabled: 30 s, with the mode `on` 5 s; failure: 1 s, doubled up to 10 s
 *
 * A request counts as finished without a record only when a whole poll lies between both: its record may still be on the way.
 */
import type { PerfState } from "./perf-status.ts";

/** Whether records are read always, or where there are any. */
export type PerfMode = "on" | "auto";

const AFTER_RECORDS_MS = 1_000;
const FIRST_EMPTY_MS = 2_000;
const EMPTY_MS = 5_000;
const SELDOM_MS = 30_000;
const MAX_FAILURE_MS = 10_000;

export interface PerfAnswer {
  readonly records: number;
  /** HTTP status; 0 without an answer. 200 with a body that breaks counts as a failure: say 0. */
  readonly status: number;
  /** Requests that have finished so far, by other statistics. */
  readonly finished: number;
}

export class PerfEvidence {
  readonly #mode: PerfMode;
  #state: PerfState = "waiting";
  /** Before a failure. */
  #before: PerfState = "waiting";
  #failureMs: number = AFTER_RECORDS_MS;
  #emptyPolls: number = 0;
  /** Finished requests at the last record, and at the last poll. */
  #finishedAtRecord: number | null = null;
  #finishedAtPoll: number = 0;

  constructor(mode: PerfMode) {
    this.#mode = mode;
  }

  get state(): PerfState {
    return this.#state;
  }

  /** It is no use to know the clock of an engine without records. */
  get mayAskClock(): boolean {
    return this.#state !== "not_enabled" && this.#state !== "failing";
  }

  /** Takes an answer. Milliseconds to wait before the next question. */
  next({ records, status, finished }: PerfAnswer): number {
    const finishedBefore = this.#finishedAtPoll;
    this.#finishedAtPoll = finished;
    if (records > 0) {
      this.#finishedAtRecord = finished;
      this.#emptyPolls = 0;
      this.#settle("reading");
      return AFTER_RECORDS_MS;
    }
    if (status === 404 || status === 405) {
      this.#settle("not_enabled");
      return this.#seldomMs();
    }
    if (status !== 200) return this.#failed();
    this.#finishedAtRecord ??= finished;
    this.#emptyPolls++;
    const unrecorded = finishedBefore > this.#finishedAtRecord;
    this.#settle(unrecorded ? "not_enabled" : this.#state === "failing" ? this.#before : this.#state);
    if (this.#state === "not_enabled") return this.#seldomMs();
    return this.#emptyPolls === 1 ? FIRST_EMPTY_MS : EMPTY_MS;
  }

  #seldomMs(): number {
    return this.#mode === "on" ? EMPTY_MS : SELDOM_MS;
  }

  #settle(state: PerfState): void {
    this.#state = state;
    this.#failureMs = AFTER_RECORDS_MS;
  }

  #failed(): number {
    if (this.#state !== "failing") this.#before = this.#state;
    this.#state = "failing";
    const ms = this.#failureMs;
    this.#failureMs = Math.min(MAX_FAILURE_MS, ms * 2);
    return ms;
  }
}
