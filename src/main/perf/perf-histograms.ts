/**
 * Finished requests as histograms, for Prometheus. MAIN THREAD, plain fields, read at scrape time.
 *
 * The bounds of times are those of the engine's own histograms where these are fine enough to be of use; its queue and decode times
 * begin at 0.3 s, which hides everything that a healthy queue does.
 */
import { Histogram } from "../metrics/histogram.ts";
import type { PerfPhases } from "./perf-phases.ts";
import type { PerfRecord } from "./perf-record.ts";

/** Seconds: waits, prefill, time to the first token. */
export const WAIT_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 640, 2560,
];
/** Seconds: whole requests and decoding. */
export const REQUEST_BUCKETS: readonly number[] = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 2560, 7680,
];
/** Seconds between two tokens. */
export const TOKEN_BUCKETS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.5, 1, 5, 20, 80,
];
export const RATIO_BUCKETS: readonly number[] = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1];

export class PerfHistograms {
  readonly queue: Histogram = new Histogram(WAIT_BUCKETS);
  readonly prefill: Histogram = new Histogram(WAIT_BUCKETS);
  readonly ttft: Histogram = new Histogram(WAIT_BUCKETS);
  readonly transfer: Histogram = new Histogram(WAIT_BUCKETS);
  readonly itl: Histogram = new Histogram(TOKEN_BUCKETS);
  readonly decode: Histogram = new Histogram(REQUEST_BUCKETS);
  readonly e2e: Histogram = new Histogram(REQUEST_BUCKETS);
  /** Reused of the blocks that a request looked up. */
  readonly reuse: Histogram = new Histogram(RATIO_BUCKETS);
  /** Accepted of the drafted tokens. */
  readonly acceptance: Histogram = new Histogram(RATIO_BUCKETS);

  /** Takes a request; what it does not tell is not observed. */
  observe(record: PerfRecord, phases: PerfPhases): void {
    observe(this.queue, phases.queue);
    observe(this.prefill, phases.prefill);
    observe(this.ttft, phases.ttft);
    observe(this.transfer, phases.transfer);
    observe(this.itl, phases.itl);
    observe(this.decode, phases.decode);
    observe(this.e2e, phases.e2e);
    observe(this.reuse, reuseOf(record));
    observe(this.acceptance, record.speculation?.acceptance ?? null);
  }
}

/** Share of the looked-up blocks that were found; null when none were looked up. */
export function reuseOf({ blocks }: PerfRecord): number | null {
  if (blocks === null || blocks.reused + blocks.missed === 0) return null;
  return blocks.reused / (blocks.reused + blocks.missed);
}

function observe(histogram: Histogram, value: number | null): void {
  if (value !== null) histogram.observe(value);
}
