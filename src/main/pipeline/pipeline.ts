/**
 * The pipeline behind the normaliser: batches → ring → encoders → publisher. MAIN THREAD side of it.
 *
 *   running ──stop()──► draining ──ring empty, or deadline──► stopped
 *
 * `offer` never blocks: false means full, nothing was taken, `await writable()` and offer again. Inside nothing is lost:
 * what was taken leaves through every sink, or is counted as dropped at a forced end.
 */
import { type CounterBlock, PUBLISHER_CELLS, SINK_DROP_REASONS } from "../../shared/counters.ts";
import type { ThreadDiedError } from "../../shared/errors.ts";
import type { ZmqSinkData } from "../../shared/messages.ts";
import { RingMemory, RingProducer } from "../../shared/ring.ts";
import { roundToLine, roundToPowerOfTwo, STOP } from "../../shared/ring-layout.ts";
import { workerUrl } from "../../shared/thread-url.ts";
import { isSingleEvent, type WireFormat } from "../../shared/wire-format.ts";
import { Histogram } from "../metrics/histogram.ts";
import {
  type PipelineView,
  RING_WAIT_BUCKETS,
  type RingDropReason,
  type WorkerRestartReason,
  type WorkerStatus,
} from "../metrics/pipeline-view.ts";
import type { PublishedEvent } from "../normalise/published-event.ts";
import { Batcher } from "./batcher.ts";
import { EncoderPool } from "./encoder-pool.ts";
import { OccupancyWindow } from "./occupancy.ts";
import { OversizeBuffer } from "./oversize-buffer.ts";
import { PublisherThread } from "./publisher-thread.ts";

/** A lost wake-up would be a bug; this bounds what it could cost a waiting source. */
const MAX_WAIT_MS = 100;
/** Kept back from the deadline for closing sockets and threads. */
const CLOSE_MS = 500;
const DROPPED_SHUTDOWN = PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");

export interface PipelineOptions {
  readonly encoders: number;
  readonly ringSlots: number;
  readonly slotBytes: number;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  readonly zmq: ZmqSinkData | null;
  readonly onEncoderRestart: (
    encoder: string,
    reason: WorkerRestartReason,
    message: string,
    recoveredSlots: number,
  ) => void;
  readonly onGateOpen: (subscribers: number, timedOut: boolean) => void;
  readonly onSendFailed: (reason: string, sequence: number) => void;
  /** A thread that cannot be replaced is gone; the service must end. */
  readonly onFatal: (error: ThreadDiedError) => void;
  /** Entry files of the threads, for tests that let one die. */
  readonly encoderEntry?: URL;
  readonly publisherEntry?: URL;
}

/** How a stop went. */
export interface StopReport {
  /** Events that were taken and could not be handed to the sinks. */
  readonly droppedEvents: number;
  readonly forced: boolean;
}

export class Pipeline implements PipelineView {
  readonly codec: WireFormat;
  readonly ringCapacitySlots: number;
  readonly ringDropped: Record<RingDropReason, number> = { full: 0, oversize: 0, shutdown: 0 };
  readonly ringWait: Histogram = new Histogram(RING_WAIT_BUCKETS);
  readonly publisher: CounterBlock;
  readonly encoders: readonly CounterBlock[];
  readonly #ring: RingProducer;
  readonly #oversize: OversizeBuffer = new OversizeBuffer();
  readonly #batcher: Batcher;
  readonly #pool: EncoderPool;
  readonly #publisherThread: PublisherThread;
  readonly #occupancy: OccupancyWindow = new OccupancyWindow();
  #flushScheduled: boolean = false;
  #waiting: Promise<void> | null = null;
  #waitingSinceMs: number | null = null;
  #fullSeconds: number = 0;
  #stopping: boolean = false;

  constructor(options: PipelineOptions) {
    this.codec = options.wireFormat;
    const memory = RingMemory.allocate({
      slots: roundToPowerOfTwo(options.ringSlots),
      slotBytes: roundToLine(options.slotBytes),
    });
    this.ringCapacitySlots = memory.shape.slots;
    this.#ring = new RingProducer(memory, options.encoders);
    this.#batcher = new Batcher({
      ring: this.#ring,
      oversize: this.#oversize,
      singleEvent: isSingleEvent(options.wireFormat),
      onCommit: (occupied) => this.#occupancy.note(occupied, performance.now()),
    });
    this.#pool = new EncoderPool({
      encoders: options.encoders,
      ring: this.#ring,
      oversize: this.#oversize,
      wireFormat: options.wireFormat,
      kvBlockSizeTokens: options.kvBlockSizeTokens,
      entry: options.encoderEntry ?? workerUrl("encoder"),
      onRestart: options.onEncoderRestart,
      onFatal: options.onFatal,
    });
    this.#publisherThread = new PublisherThread({
      memory,
      oversize: this.#oversize,
      zmq: options.zmq,
      entry: options.publisherEntry ?? workerUrl("publisher"),
      lingerMs: CLOSE_MS,
      onGateOpen: options.onGateOpen,
      onSendFailed: options.onSendFailed,
      onDeath: options.onFatal,
    });
    this.publisher = this.#publisherThread.counters;
    this.encoders = this.#pool.counters;
  }

  /** Starts all threads; resolves when the sockets are bound. Rejects with BindError when one cannot be. */
  async start(): Promise<void> {
    this.#pool.start();
    try {
      await this.#publisherThread.start();
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Takes one event, or says false: full. */
  offer(event: PublishedEvent): boolean {
    return this.#batcher.add(event);
  }

  /** End of a source's step: what is complete may leave now, or a moment later if the encoders are busy. */
  flush(): void {
    if (this.#batcher.flush(false) || this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      if (!this.#stopping) this.flush();
    });
  }

  /** Resolves when there may be room again; at once when stopping. Any number of callers share one wait. */
  writable(): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    this.#waiting ??= this.#waitForRoom();
    return this.#waiting;
  }

  async #waitForRoom(): Promise<void> {
    const startedMs = performance.now();
    this.#waitingSinceMs = startedMs;
    try {
      await this.#ring.whenFree(MAX_WAIT_MS);
    } finally {
      const seconds = (performance.now() - startedMs) / 1000;
      this.#waiting = null;
      this.#waitingSinceMs = null;
      this.#fullSeconds += seconds;
      this.ringWait.observe(seconds);
    }
  }

  /**
   * Publishes what was taken, then ends all threads. After `deadlineMs` the rest is given up and counted. Call it once;
   * nothing may be offered afterwards.
   */
  async stop(deadlineMs: number): Promise<StopReport> {
    this.#stopping = true;
    const endMs = performance.now() + Math.max(0, deadlineMs - CLOSE_MS);
    const left = (): number => Math.max(0, endMs - performance.now());
    this.#ring.requestStop(STOP.hurry);
    while (!this.#batcher.flush(true) && left() > 0) await this.#ring.whenFree(Math.min(MAX_WAIT_MS, left()));
    const unbatched = this.#batcher.discard();
    this.#ring.requestStop(STOP.drain);
    let dropped = await this.#publisherThread.stop(left());
    let forced = unbatched > 0;
    if (dropped === null) {
      forced = true;
      this.#pool.expectEnd();
      this.#ring.requestStop(STOP.now);
      dropped = (await this.#publisherThread.stop(CLOSE_MS / 2)) ?? this.#giveUpRing();
    }
    if (unbatched > 0) this.#countDropped(unbatched);
    this.#pool.expectEnd();
    this.#ring.requestStop(STOP.now);
    await Promise.all([this.#publisherThread.join(CLOSE_MS), this.#pool.stop(CLOSE_MS)]);
    return { droppedEvents: dropped + unbatched, forced };
  }

  /** The publisher is gone without a word: main counts what it did not take. */
  #giveUpRing(): number {
    const taken =
      this.publisher.read(PUBLISHER_CELLS.dequeuedEvents) + this.publisher.read(PUBLISHER_CELLS.poisonedEvents);
    const left = this.#batcher.enqueuedEvents - this.#batcher.openEvents - taken;
    this.#countDropped(left);
    return left;
  }

  #countDropped(events: number): void {
    this.publisher.recover();
    this.publisher.begin();
    this.publisher.add(PUBLISHER_CELLS.dequeuedEvents, events);
    this.publisher.add(DROPPED_SHUTDOWN, events);
    this.publisher.end();
  }

  occupiedSlots(): number {
    return this.#ring.memory.occupied();
  }

  occupiedSlotsMax60s(): number {
    return this.#occupancy.max(performance.now());
  }

  enqueuedEvents(): number {
    return this.#batcher.enqueuedEvents;
  }

  ringFullSeconds(): number {
    const since = this.#waitingSinceMs;
    return this.#fullSeconds + (since === null ? 0 : (performance.now() - since) / 1000);
  }

  workers(): readonly WorkerStatus[] {
    return [this.#publisherThread.status(), ...this.#pool.status()];
  }

  zmqEndpoint(): string | null {
    return this.#publisherThread.zmqEndpoint;
  }

  /** Bytes of the ring, the open batches and the oversize buffer. */
  memoryBytes(): number {
    return this.#ring.memory.buffer.byteLength + this.#batcher.memoryBytes + this.#oversize.bytes;
  }
}
