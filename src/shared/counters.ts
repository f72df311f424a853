/**
 * Counters that worker threads keep in shared memory and the main thread reads at scrape time.
 *
 * One block per thread, one writer per block: plain adds, no locks. A block has two banks. The version word says which one
 * is visible (its lowest bit); an update is made in the other one and becomes visible in one step. So a reader has all
 * cells as they were at one moment, which lets the books balance on every scrape, and a thread that is killed inside an
 * update leaves none of it behind, which lets its successor know exactly what has been counted.
 *
 *   block   [version i32 | padding to 128 bytes][bank 0: cell 0 f64, cell 1 f64, …][bank 1]
 *
 * Histograms are runs of cells: one per bucket (not cumulative, +Inf last), then the sum.
 */
import { LayoutError } from "./errors.ts";
import { MAX_ENGINES } from "./record.ts";

const HEADER_BYTES = 128;
/** Tries before a reader gives up; a copy takes well under a microsecond, a writer updates every 100 at most. */
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
/**
 * What became of a request to the replay socket, counted at its end. `gone`: the client left before its end marker. Column.
 */
export const REPLAY_OUTCOMES = [
  "complete",
  "partial",
  "too_old",
  "bad_request",
  "limited",
  "throttled",
  "resting",
  "expired",
  "gone",
  "snapshot",
] as const;
export const ENCODE_ERROR_REASONS = ["range", "too_large", "internal"] as const;
/** How a snapshot ended, in cell order; `left` stands for an asker that went away or asked no more. */
export const SNAPSHOT_OUTCOMES = ["complete", "left", "busy", "overflow", "stopping"] as const;

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
/** Bucket bounds in seconds, 1 ms to 30 s: a whole snapshot. */
export const SNAPSHOT_DURATION_BUCKETS: readonly number[] = [
  1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
/** Bucket bounds in seconds, 1 ms to 1 min: from a request for replay to its end marker. */
export const REPLAY_DURATION_BUCKETS: readonly number[] = [
  1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
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
  /**
   * Position behind the last slot that has been counted, as the ring counts them. Counted together with all else of the slot:
   * a publisher that takes over sees by it whether the slot at the tail has been sent.
   */
  readonly countedPosition: number;
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
  /** 1 while the main thread does not turn; written by the watchdog. */
  readonly mainStalled: number;
  /** When the publisher last looked around, which it does several times a second; seconds since 1970, 0 before it began. */
  readonly publisherBeatSeconds: number;
  /** Episodes of that. */
  readonly mainStalls: number;
  /** How long the present or last one lasts, and the longest of all; seconds. */
  readonly mainStallSeconds: number;
  readonly mainLongestStallSeconds: number;
  /** Empty batches that went out after a time of silence. */
  readonly heartbeats: number;
  /** Messages that at least one subscriber did not get because its queue had just become full. */
  readonly zmqQueueFull: number;
  /** 1 while there is a connection to a NATS server. */
  readonly natsUp: number;
  /** A column: EVENT_TYPES. Events of messages that the server has confirmed. */
  readonly natsSentEvents: number;
  readonly natsSentBatches: number;
  readonly natsSentBytes: number;
  /** A column: SINK_DROP_REASONS. */
  readonly natsDroppedEvents: number;
  /** A column: SINK_ERROR_REASONS. */
  readonly natsErrors: number;
  /** Messages that were handed to a connection once more. */
  readonly natsRetries: number;
  /** Connections after the first one. */
  readonly natsReconnects: number;
  /** Acknowledgements that called a message a duplicate of one that the stream has. */
  readonly natsDuplicateAcks: number;
  /** Events that wait or are in flight: dequeued events that are neither sent nor dropped yet. */
  readonly natsPendingEvents: number;
  /** As `countedPosition`, for slots that are fed to the event plane after their ZMQ messages are out. */
  readonly natsFedPosition: number;
  /** From the offer to the hand-over to the connection, and from there to the confirmation. */
  readonly natsPublishDuration: HistogramCells;
  readonly natsAckDuration: HistogramCells;
  /** From main's acceptance of a message's first event to the confirmation. */
  readonly natsPipelineLatency: HistogramCells;
  readonly natsInflightBatches: number;
  /** Payloads that wait or are in flight. */
  readonly natsPendingBytes: number;
  /** Seconds since 1970; 0 before the first confirmation. */
  readonly natsLastSuccessSeconds: number;
  /** A column: REPLAY_OUTCOMES. */
  readonly replayRequests: number;
  readonly replaySentBatches: number;
  readonly replayDuration: HistogramCells;
  /** Clients that are being served. */
  readonly replaySessions: number;
  readonly replayBatches: number;
  readonly replayCapacityBatches: number;
  readonly replayBytes: number;
  readonly replayCapacityBytes: number;
  /** -1 while nothing is kept. */
  readonly replayOldestSequence: number;
  readonly publishDuration: HistogramCells;
  readonly pipelineLatency: HistogramCells;
  readonly size: number;
} = (() => {
  next = 0;
  return {
    dequeuedEvents: cell(),
    countedPosition: cell(),
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
    mainStalled: cell(),
    publisherBeatSeconds: cell(),
    mainStalls: cell(),
    mainStallSeconds: cell(),
    mainLongestStallSeconds: cell(),
    heartbeats: cell(),
    zmqQueueFull: cell(),
    natsUp: cell(),
    natsSentEvents: cells(EVENT_TYPES.length),
    natsSentBatches: cell(),
    natsSentBytes: cell(),
    natsDroppedEvents: cells(SINK_DROP_REASONS.length),
    natsErrors: cells(SINK_ERROR_REASONS.length),
    natsRetries: cell(),
    natsReconnects: cell(),
    natsDuplicateAcks: cell(),
    natsPendingEvents: cell(),
    natsFedPosition: cell(),
    natsPublishDuration: histogram(PUBLISH_DURATION_BUCKETS),
    natsPipelineLatency: histogram(PUBLISH_DURATION_BUCKETS),
    natsAckDuration: histogram(PUBLISH_DURATION_BUCKETS),
    natsInflightBatches: cell(),
    natsPendingBytes: cell(),
    natsLastSuccessSeconds: cell(),
    replayRequests: cells(REPLAY_OUTCOMES.length),
    replaySentBatches: cell(),
    replayDuration: histogram(REPLAY_DURATION_BUCKETS),
    replaySessions: cell(),
    replayBatches: cell(),
    replayCapacityBatches: cell(),
    replayBytes: cell(),
    replayCapacityBytes: cell(),
    replayOldestSequence: cell(),
    publishDuration: histogram(PUBLISH_DURATION_BUCKETS),
    pipelineLatency: histogram(PUBLISH_DURATION_BUCKETS),
    size: next,
  };
})();

/** Cells of one encoder's block. */
export const ENCODER_CELLS: {
  /** Id of the thread that runs the encoder, or ran it last; 0 before the first. So main knows which one to end. */
  readonly threadId: number;
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
    threadId: cell(),
    encodedBytes: cell(),
    encodedBatches: cell(),
    errors: cells(ENCODE_ERROR_REASONS.length),
    duration: histogram(ENCODE_DURATION_BUCKETS),
    batchEvents: histogram(BATCH_EVENT_BUCKETS),
    size: next,
  };
})();

/** Cells of the index thread's block. */
export const INDEX_CELLS: {
  /** Blocks in the index now. */
  readonly blocks: number;
  /** A column: those of each engine, by its place. */
  readonly engineBlocks: number;
  /** Bytes that the index takes up. */
  readonly memoryBytes: number;
  /** 1 while the index has all blocks that subscribers may have, as far as is known. */
  readonly complete: number;
  /** Blocks that were stored and found no room. */
  readonly refusedBlocks: number;
  /** Removed blocks that the index did not have. */
  readonly unknownRemoved: number;
  readonly openSnapshots: number;
  /** A column: SNAPSHOT_OUTCOMES. */
  readonly snapshots: number;
  /** From the request to the last piece, of those that were handed out in full. */
  readonly snapshotDuration: HistogramCells;
  readonly size: number;
} = (() => {
  next = 0;
  return {
    blocks: cell(),
    engineBlocks: cells(MAX_ENGINES),
    memoryBytes: cell(),
    complete: cell(),
    refusedBlocks: cell(),
    unknownRemoved: cell(),
    openSnapshots: cell(),
    snapshots: cells(SNAPSHOT_OUTCOMES.length),
    snapshotDuration: histogram(SNAPSHOT_DURATION_BUCKETS),
    size: next,
  };
})();

/** One thread's counters. The owning thread writes, every thread may take snapshots. */
export class CounterBlock {
  readonly buffer: SharedArrayBuffer;
  readonly #version: Int32Array<SharedArrayBuffer>;
  readonly #banks: readonly [Float64Array<SharedArrayBuffer>, Float64Array<SharedArrayBuffer>];
  /** The bank that the owner writes into: the visible one, or the other one inside an update. */
  #cells: Float64Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    if (buffer.byteLength <= HEADER_BYTES || (buffer.byteLength - HEADER_BYTES) % 16 !== 0) {
      throw new LayoutError(
        `a counter block of ${buffer.byteLength} bytes is not ${HEADER_BYTES} bytes and two banks of whole cells`,
      );
    }
    this.buffer = buffer;
    this.#version = new Int32Array(buffer, 0, 1);
    const size = (buffer.byteLength - HEADER_BYTES) / 16;
    this.#banks = [
      new Float64Array(buffer, HEADER_BYTES, size),
      new Float64Array(buffer, HEADER_BYTES + size * 8, size),
    ];
    this.#cells = this.#visible();
  }

  /** A zeroed block for `size` cells. */
  static allocate(size: number): CounterBlock {
    return new CounterBlock(new SharedArrayBuffer(HEADER_BYTES + size * 16));
  }

  #bank(version: number): Float64Array<SharedArrayBuffer> {
    return this.#banks[(version & 1) as 0 | 1];
  }

  #visible(): Float64Array<SharedArrayBuffer> {
    return this.#bank(Atomics.load(this.#version, 0));
  }

  /**
   * Opens an update; what is added until `end()` becomes visible as one, or not at all if the thread dies before. Owner
   * only; not nested.
   */
  begin(): void {
    const version = Atomics.load(this.#version, 0);
    const hidden = this.#bank(version + 1);
    hidden.set(this.#bank(version));
    this.#cells = hidden;
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
   * Makes this view the owner's, after the thread that owned the block has ended: an update that it left open never was.
   */
  recover(): void {
    this.#cells = this.#visible();
  }

  /** One cell as it is now: for single figures only. */
  read(index: number): number {
    return this.#visible()[index] as number;
  }

  /**
   * Copies all cells as they were at one moment into `into`, which must have their number. Any thread.
   * False: the owner completed updates during every try, which takes a reader whose core is taken away again and again;
   * the copy may then be torn. Try again later.
   */
  snapshot(into: Float64Array): boolean {
    for (let i = 0; i < MAX_SNAPSHOT_TRIES; i++) {
      const before = Atomics.load(this.#version, 0);
      into.set(this.#bank(before));
      if (Atomics.load(this.#version, 0) === before) return true;
    }
    return false;
  }
}
