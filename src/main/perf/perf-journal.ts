/**
 * What the log says about an engine's performance data: only changes, and of failures one kind at a time. MAIN THREAD.
 */
import type { PollFailure } from "../engine/source-journal.ts";
import type { LineLogger } from "../log.ts";
import type { PerfFault } from "./perf-record.ts";
import { ENABLE_HINT, type PerfState } from "./perf-status.ts";

/** Shortest time between two lines of one kind. */
const QUIET_MS = 10_000;

export class PerfJournal {
  readonly #log: LineLogger;
  readonly #now: () => number;
  readonly #toldAt: Map<string, number> = new Map();
  #state: PerfState | null = null;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(log: LineLogger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  state(state: PerfState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "reading") this.#log.info("the engine gives performance data of its requests");
    else if (state === "not_enabled") {
      this.#log.info("the engine gives no performance data of its requests", { hint: ENABLE_HINT });
    }
  }

  /** That an engine cannot be reached is told by whoever reads its events. */
  failed({ reason, message }: PollFailure): void {
    if (reason === "connect" || !this.#maySay(reason)) return;
    this.#log.warn("the engine's performance data cannot be read", { reason, detail: message });
  }

  badRecord(fault: PerfFault): void {
    if (this.#maySay("bad record")) this.#log.warn("a record of a request is malformed and was left out", { fault });
  }

  clockShifted(): void {
    if (!this.#maySay("clock")) return;
    this.#log.info("the engine's clock was shifted, or the engine began anew: times are taken by the new clock");
  }

  #maySay(kind: string): boolean {
    const now = this.#now();
    if (now - (this.#toldAt.get(kind) ?? -Infinity) < QUIET_MS) return false;
    this.#toldAt.set(kind, now);
    return true;
  }
}
