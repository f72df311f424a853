/**
 * Counters that worker threads keep in shared memory and the main thread reads at scrape time.
 *
 * One block per thread, one writer per block: plain adds, no locks. A block is guarded by a version word (odd while the
 * writer is inside an update), so that a reader can take all cells of one block as they were at one moment; that is
 * what lets the books balance on every scrape.
 *
 *   block   [version i32 | padding to 128 bytes][cell 0 f64][cell 1 f64] …
 *
 * Histograms are runs of cells: one per bucket (not cumulative, +Inf last), then the sum.
 */
import { LayoutError } from "./errors.ts";

const HEADER_BYTES = 128;
/** Tries before a reader gives up; a running writer is inside an update for well under a microsecond. */
const MAX_SNAPSHOT_TRIES = 1000;

/** Label values of `event_type` on the sink side, in cell order. */
export const EVENT_TYPES = ["stored", "removed", "cleared"] as const;
export const SINK_DROP_REASONS = [
  "high_water_mark",
  "buffer_full",
  "retries_exhausted",
  "rejected",
  "shutdown",
] as const;
export const SINK_ERROR_REASONS = [
  "disconnected",
  "timeout",
  "no_responders",
  "no_stream",
  "auth",
  "max_payload",
  "permission",
  "other",
] as const;
export const ENCODE_ERROR_REASONS = ["range", "too_large", "internal"] as const;

/** Bucket bounds in seconds, 5 µs to 100 ms. */
export const ENCODE_DURATION_BUCKETS: readonly number[] = [
  5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1,
];
/** Bucket bounds in events. */
export const BATCH_EVENT_BUCKETS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/** Bucket bounds in seconds, 50 µs to 10 s: hand-over to a sink, and the whole way through the pipeline. */
export const PUBLISH_DURATION_BUCKETS: readonly number[] = [
  5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** First cell of a histogram with these bounds; `width` cells belong to it. */
export interface HistogramCells {
  readonly first: number;
  readonly bounds: readonly number[];
  readonly width: number;
}

let next = 0;
function cell(): number {
  return next++;
}
function cells(count: number): number {
  const first = next;
  next += count;
  return first;
}
function histogram(bounds: readonly number[]): HistogramCells {
  const width = bounds.length + 2;
  return { first: cells(width), bounds, width };
}

/** Cells of the publisher thread's block. Columns hold one cell per label value, in the order of the lists above. */
export const PUBLISHER_CELLS: {
  readonly dequeuedEvents: number;
  /** Events of batches that no encoder could encode: a term of the books. */
  readonly poisonedEvents: number;
  readonly zmqUp: number;
  /** A column: EVENT_TYPES. */
  readonly zmqSentEvents: number;
  readonly zmqSentBatches: number;
  readonly zmqSentBytes: number;
  /** A column: SINK_DROP_REASONS. */
  readonly zmqDroppedEvents: number;
  /** A column: SINK_ERROR_REASONS. */
  readonly zmqErrors: number;
  readonly zmqInflightBatches: number;
  /** Seconds since 1970; 0 before the first success. */
  readonly zmqLastSuccessSeconds: number;
  readonly zmqSubscribers: number;
  /** Times the start went on without the subscribers it had waited for. */
  readonly waitSubscribersTimeouts: number;
  /** The high-water mark in messages that is in force now. */
  readonly zmqHighWaterMarkMessages: number;
  /** Sequence number of the last published message; -1 before the first. */
  readonly publishedSequence: number;
  readonly publishDuration: HistogramCells;
  readonly pipelineLatency: HistogramCells;
  readonly size: number;
} = (() => {
  next = 0;
  return {
    dequeuedEvents: cell(),
    poisonedEvents: cell(),
    zmqUp: cell(),
    zmqSentEvents: cells(EVENT_TYPES.length),
    zmqSentBatches: cell(),
    zmqSentBytes: cell(),
    zmqDroppedEvents: cells(SINK_DROP_REASONS.length),
    zmqErrors: cells(SINK_ERROR_REASONS.length),
    zmqInflightBatches: cell(),
    zmqLastSuccessSeconds: cell(),
    zmqSubscribers: cell(),
    waitSubscribersTimeouts: cell(),
    zmqHighWaterMarkMessages: cell(),
    publishedSequence: cell(),
    publishDuration: histogram(PUBLISH_DURATION_BUCKETS),
    pipelineLatency: histogram(PUBLISH_DURATION_BUCKETS),
    size: next,
  };
})();

/** Cells of one encoder's block. */
export const ENCODER_CELLS: {
  readonly encodedBytes: number;
  readonly encodedBatches: number;
  /** A column: ENCODE_ERROR_REASONS. */
  readonly errors: number;
  readonly duration: HistogramCells;
  readonly batchEvents: HistogramCells;
  readonly size: number;
} = (() => {
  next = 0;
  return {
    encodedBytes: cell(),
    encodedBatches: cell(),
    errors: cells(ENCODE_ERROR_REASONS.length),
    duration: histogram(ENCODE_DURATION_BUCKETS),
    batchEvents: histogram(BATCH_EVENT_BUCKETS),
    size: next,
  };
})();

/** One thread's counters. The owning thread writes, every thread may take snapshots. */
export class CounterBlock {
  readonly buffer: SharedArrayBuffer;
  readonly #version: Int32Array<SharedArrayBuffer>;
  readonly #cells: Float64Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    if (buffer.byteLength <= HEADER_BYTES || (buffer.byteLength - HEADER_BYTES) % 8 !== 0) {
      throw new LayoutError(
        `a counter block of ${buffer.byteLength} bytes is not ${HEADER_BYTES} bytes and whole cells`,
      );
    }
    this.buffer = buffer;
    this.#version = new Int32Array(buffer, 0, 1);
    this.#cells = new Float64Array(buffer, HEADER_BYTES);
  }

  /** A zeroed block for `size` cells. */
  static allocate(size: number): CounterBlock {
    return new CounterBlock(new SharedArrayBuffer(HEADER_BYTES + size * 8));
  }

  /** Opens an update; what is added until `end()` becomes visible as one. Owner only; not nested. */
  begin(): void {
    Atomics.add(this.#version, 0, 1);
  }

  end(): void {
    Atomics.add(this.#version, 0, 1);
  }

  /** Owner only. */
  add(index: number, amount: number): void {
    this.#cells[index] = (this.#cells[index] as number) + amount;
  }

  /** Owner only. */
  set(index: number, value: number): void {
    this.#cells[index] = value;
  }

  /** Owner only. */
  observe(histogramCells: HistogramCells, value: number): void {
    const { bounds, first } = histogramCells;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    this.add(first + i, 1);
    this.add(first + bounds.length + 1, value);
  }

  /**
   * Repairs the version word of a block whose owner died inside an update. Only when that thread is known to be gone.
   */
  recover(): void {
    if ((Atomics.load(this.#version, 0) & 1) === 1) Atomics.add(this.#version, 0, 1);
  }

  /** One cell as it is now, without the guard: for single figures only. */
  read(index: number): number {
    return this.#cells[index] as number;
  }

  /**
   * Copies all cells as they were at one moment into `into`, which must have their number. Any thread.
   * False: the writer was inside an update at every try, as it is when the system has taken its core away; the copy
   * may then be torn. Try again later.
   */
  snapshot(into: Float64Array): boolean {
    for (let i = 0; i < MAX_SNAPSHOT_TRIES; i++) {
      const before = Atomics.load(this.#version, 0);
      if ((before & 1) === 1) continue;
      into.set(this.#cells);
      if (Atomics.load(this.#version, 0) === before) return true;
    }
    into.set(this.#cells);
    return false;
  }
}
