/** What is counted while an engine's records of requests are read. MAIN THREAD, plain fields, read at scrape time. */
import {
  POLL_OUTCOMES,
  type PollOutcome,
  SOURCE_ERROR_REASONS,
  type SourceErrorReason,
} from "../metrics/engine-counters.ts";
import { PERF_FAULTS, type PerfFault } from "./perf-record.ts";
import { zeros } from "../metrics/zeros.ts";

export class PerfCounters {
  readonly polls: Record<PollOutcome, number> = zeros(POLL_OUTCOMES);
  readonly errors: Record<SourceErrorReason, number> = zeros(SOURCE_ERROR_REASONS);
  receivedBytes: number = 0;
  /** Requests that were taken. */
  records: number = 0;
  readonly badRecords: Record<PerfFault, number> = zeros(PERF_FAULTS);
  /** Requests of which some moments contradict each other. */
  outOfOrder: number = 0;

  get allBadRecords(): number {
    return Object.values(this.badRecords).reduce((sum, count) => sum + count, 0);
  }
}
