/** What is counted while an engine's statistics are read. MAIN THREAD, plain fields, read at scrape time. */
import {
  POLL_OUTCOMES,
  type PollOutcome,
  SOURCE_ERROR_REASONS,
  type SourceErrorReason,
} from "../metrics/engine-counters.ts";
import { zeros } from "../metrics/zeros.ts";

export class StatsCounters {
  /** 1 while the last poll succeeded. */
  up: number = 0;
  readonly polls: Record<PollOutcome, number> = zeros(POLL_OUTCOMES);
  readonly errors: Record<SourceErrorReason, number> = zeros(SOURCE_ERROR_REASONS);
  receivedBytes: number = 0;
  /** Rows that were handed on. */
  rows: number = 0;
  /** Entries that are no usable rows. */
  badRows: number = 0;
  /** Rows of a rank beyond the configured attention-DP size. */
  unknownRankRows: number = 0;
}
