/**
 * The pipeline behind the normaliser: batches → ring → encoders → publisher. MAIN THREAD side of it.
 *
 *   running ──stop()──► draining ──ring empty, or deadline──► stopped
 *
 * `offer` never blocks: false means full, nothing was taken, `await writable()` and offer again. Inside nothing is lost:
 * what was taken leaves through every sink, or is counted as dropped at a forced end.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { MessagePort } from "node:worker_threads";
import { type CounterBlock, PUBLISHER_CELLS } from "../../shared/counters.ts";
import type { SavedState } from "../../shared/index-messages.ts";
import type { LoadMessage } from "../../shared/nats-messages.ts";
import { PLANE_NUMBERS_BYTES } from "../../shared/plane-numbers.ts";
import { continueReplayWindow, replayWindowBytes } from "../../shared/replay-layout.ts";
import { RingMemory } from "../../shared/ring-memory.ts";
import { RingProducer } from "../../shared/ring.ts";
import { roundToLine, roundToPowerOfTwo, STOP } from "../../shared/ring-layout.ts";
import { workerUrl } from "../../shared/thread-url.ts";
import { isSingleEvent, type WireFormat } from "../../shared/wire-format.ts";
import type { Histogram } from "../metrics/histogram.ts";
import {
  type NatsUse,
  type PipelineView,
  type SinkName,
  type RingDropReason,
  type WorkerStatus,
} from "../metrics/pipeline-view.ts";
import { newEpoch } from "../epoch.ts";
import type { PublishedEvent } from "../normalise/published-event.ts";
import { Batcher } from "./batcher.ts";
import { EncoderPool } from "./encoder-pool.ts";
import { type IndexStart, IndexThread, type SnapshotOptions } from "./index-thread.ts";
import { countRest } from "./last-count.ts";
import { OccupancyWindow } from "./occupancy.ts";
import { OversizeBuffer } from "./oversize-buffer.ts";
import type { PipelineOptions, StopReport, StreamStart } from "./pipeline-contract.ts";
import type { CurveGate } from "../curve/curve-gate.ts";
import { PublisherThread } from "./publisher-thread.ts";
import { RecentRecords } from "./recent-records.ts";
import { MAX_WAIT_MS, RoomWait } from "./room-wait.ts";
import { type SnapshotAnswer, SnapshotClient } from "./snapshot-client.ts";

/** How often main shows the watchdog that it turns. */
const BEAT_EVERY_MS = 250;
/** Kept back from the deadline for closing sockets and threads. */
const CLOSE_MS = 500;
/** Of that, what a publisher gets that has missed the deadline. */
const LAST_CHANCE_MS = 250;
/** Turns of the event loop in which busy encoders are waited for; an encoder needs less, unless it died or hangs. */
const MAX_FLUSH_TURNS = 100;
const SLOW_FLUSH_MS = 1;
/** Between two looks whether all has left. Nobody is in a hurry then: nothing comes after it. */
const EMPTY_EVERY_MS = 5;

export class Pipeline implements PipelineView {
  readonly codec: WireFormat;
  readonly natsMaxInFlight: number;
  /** Addresses of NATS servers, with commas between them; empty when there is no such sink. */
  readonly natsServers: string;
  readonly ringCapacitySlots: number;
  readonly ringDropped: Record<RingDropReason, number> = { full: 0, oversize: 0, shutdown: 0 };
  readonly ringWait: Histogram;
  readonly publisher: CounterBlock;
  readonly encoders: readonly CounterBlock[];
  /** The newest events, for people to look at. */
  readonly recent: RecentRecords;
  readonly #ring: RingProducer;
  readonly #oversize: OversizeBuffer = new OversizeBuffer();
  readonly #batcher: Batcher;
  readonly #pool: EncoderPool;
  readonly #publisherThread: PublisherThread;
  readonly #indexThread: IndexThread | null;
  readonly #snapshots: SnapshotClient;
  #indexStart: Promise<IndexStart> | null = null;
  /** Sockets were bound, so that numbers may have been given out. */
  #started: boolean = false;
  /** The number before the first one. */
  #sequenceBefore: number;
  /** What is written at an orderly end; null: nothing. */
  #lastState: (nextSequence: number) => SavedState | null = () => null;
  readonly #room: RoomWait;
  readonly #occupancy: OccupancyWindow = new OccupancyWindow();
  readonly #replayWindow: SharedArrayBuffer | null;
  readonly #sharesZmq: boolean;
  #beats: NodeJS.Timeout | null = null;
  #flushScheduled: boolean = false;
  #flushTurns: number = 0;
  readonly natsUse: NatsUse;
  /** How the stream is called, from its start on. */
  #epochUuid: string = "";
  #stopped: Promise<StopReport> | null = null;

  /** Who may connect to the sockets; null: everyone. */
  readonly gate: CurveGate | null;

  constructor(options: PipelineOptions) {
    this.gate = options.gate ?? null;
    this.codec = options.wireFormat;
    const { nats = null } = options;
    const hasPlane = nats?.events === true && nats.encoding === "dynamo";
    this.natsUse = nats === null ? "none" : nats.events ? "events" : "load";
    this.natsMaxInFlight = nats?.maxInFlight ?? 0;
    this.natsServers = nats?.connection.servers.join(",") ?? "";
    this.#sharesZmq = options.sharesZmq ?? true;
    const memory = RingMemory.allocate({
      slots: roundToPowerOfTwo(options.ringSlots),
      slotBytes: roundToLine(options.slotBytes),
      // Alone it is what slots are for, and need not go behind anything.
      planeFollows: hasPlane && options.zmq !== null,
    });
    this.ringCapacitySlots = memory.shape.slots;
    this.recent = new RecentRecords(memory);
    this.#ring = new RingProducer(memory, options.encoders);
    this.#batcher = new Batcher({
      ring: this.#ring,
      oversize: this.#oversize,
      singleEvent: isSingleEvent(options.wireFormat),
      plane: hasPlane,
      onCommit: (occupied) => {
        this.#flushTurns = 0;
        this.#occupancy.note(occupied, performance.now());
      },
    });
    this.#room = new RoomWait(this.#ring, () => this.#batcher.hasRoom);
    this.ringWait = this.#room.waits;
    this.#pool = new EncoderPool({
      encoders: options.encoders,
      ring: this.#ring,
      oversize: this.#oversize,
      wireFormat: options.wireFormat,
      kvBlockSizeTokens: options.kvBlockSizeTokens,
      plane: hasPlane ? { workerId: nats.place.workerId } : null,
      entry: options.encoderEntry ?? workerUrl("encoder"),
      onRestart: options.onEncoderRestart,
      onIsolated: options.onEventIsolated ?? (() => {}),
      onLeftOut: options.onEventsLeftOut ?? (() => {}),
      onFatal: options.onFatal,
    });
    const newSnapshotPort = (): MessagePort | null => this.#indexThread?.newSnapshotPort() ?? null;
    const { replay } = options;
    this.#replayWindow = replay ? new SharedArrayBuffer(replayWindowBytes(replay.maxBytes, replay.maxBatches)) : null;
    const numbers = new SharedArrayBuffer(PLANE_NUMBERS_BYTES);
    const run = randomUUID();
    this.#publisherThread = new PublisherThread({
      memory,
      replay: replay && this.#replayWindow ? { ...replay, window: this.#replayWindow } : null,
      heartbeatMs: options.heartbeatMs ?? null,
      firstSequence: options.firstSequence ?? 0,
      newSnapshotPort,
      oversize: this.#oversize,
      zmq: options.zmq,
      nats: () =>
        nats === null ? null : { ...nats, epoch: this.#epochUuid, run, numbers, slotBytes: memory.shape.slotBytes },
      wireFormat: options.wireFormat,
      kvBlockSizeTokens: options.kvBlockSizeTokens,
      entry: options.publisherEntry ?? workerUrl("publisher"),
      sharesZmq: this.#sharesZmq,
      gate: this.gate,
      onGateOpen: options.onGateOpen,
      onSendFailed: options.onSendFailed,
      onNats: options.onNats ?? (() => {}),
      onRestart: options.onPublisherRestart ?? (() => {}),
      onFatal: options.onFatal,
    });
    this.publisher = this.#publisherThread.counters;
    this.#sequenceBefore = this.publisher.read(PUBLISHER_CELLS.publishedSequence);
    this.encoders = this.#pool.counters;
    this.#indexThread = options.snapshot ? this.#makeIndexThread(options, options.snapshot) : null;
    this.#snapshots = new SnapshotClient(newSnapshotPort);
  }

  #makeIndexThread(options: PipelineOptions, snapshot: SnapshotOptions): IndexThread {
    return new IndexThread({
      ...snapshot,
      ring: this.#ring,
      oversize: this.#oversize,
      wireFormat: options.wireFormat,
      kvBlockSizeTokens: options.kvBlockSizeTokens,
      entry: options.indexEntry ?? workerUrl("indexer"),
      publishedSequence: () => this.#lastSequence(),
      onNewPorts: () => this.#publisherThread.renewSnapshotPort(),
    });
  }

  /**
   * Starts the index thread, and resolves with what an earlier run left for it. Before `start`, which does it otherwise.
   * Rejects with StateDirTakenError.
   */
  loadIndex(): Promise<IndexStart> {
    this.#indexStart ??= this.#indexThread?.start() ?? Promise.resolve({ saved: null, refusal: null });
    return this.#indexStart;
  }

  /**
   * Starts all threads; resolves when the sockets are bound. Rejects with BindError when one cannot be, or with
   * StateDirTakenError. Without a `stream` it has a new epoch and begins as the options say.
   */
  async start(stream?: StreamStart): Promise<void> {
    if (this.#indexThread !== null) await this.loadIndex();
    // Told to stop meanwhile: no thread may come up behind the stop.
    if (this.#stopped !== null) return;
    if (stream !== undefined) this.publisher.set(PUBLISHER_CELLS.publishedSequence, stream.firstSequence - 1);
    if (stream?.isContinued === true && this.#replayWindow !== null) {
      continueReplayWindow(this.#replayWindow, stream.firstSequence);
    }
    this.#sequenceBefore = this.publisher.read(PUBLISHER_CELLS.publishedSequence);
    const epoch = stream?.epoch ?? newEpoch();
    this.#epochUuid = epoch.uuid;
    this.#indexThread?.begin({ epoch, lastSequence: this.#sequenceBefore });
    const { memory } = this.#ring;
    memory.beat();
    this.#beats = setInterval(() => memory.beat(), BEAT_EVERY_MS).unref();
    this.#pool.start();
    try {
      await this.#publisherThread.start();
      this.#started = true;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Hands the newest load of a rank to NATS. */
  postLoad(message: LoadMessage): void {
    this.#publisherThread.postLoad(message);
  }

  /** Takes one event, or says false: full, or stopping. */
  offer(event: PublishedEvent): boolean {
    return this.#stopped === null && this.#batcher.add(event);
  }

  /** End of a source's step: what is complete may leave now, or a moment later if the encoders are busy. */
  flush(): void {
    if (this.#batcher.flush(false) || this.#flushScheduled) return;
    this.#flushScheduled = true;
    const again = (): void => {
      this.#flushScheduled = false;
      if (this.#stopped === null) this.flush();
    };
    // A full ring may stay full for long. Encoders are busy for a moment only, as a rule.
    if (!this.#batcher.hasRoom) void this.#room.soon(MAX_WAIT_MS).then(again);
    else if (this.#flushTurns++ < MAX_FLUSH_TURNS) setImmediate(again);
    else setTimeout(again, SLOW_FLUSH_MS);
  }

  /**
   * Resolves when there may be room again; after a turn of the event loop when stopping, so that a caller that only looks
   * for room cannot keep the stop from its work. Any number of callers share one wait.
   */
  writable(): Promise<void> {
    if (this.#stopped !== null) return new Promise((resolve) => setImmediate(resolve));
    return this.#room.writable();
  }

  /** The end is near: the publisher waits for subscribers no longer, events are still taken. */
  hurry(): void {
    this.#ring.requestStop(STOP.hurry);
  }

  /**
   * Publishes what was taken, then ends all threads. After `deadlineMs` the rest is given up and counted. Any number of
   * callers share the stop that the first one began. Nothing is taken from then on.
   */
  stop(deadlineMs: number): Promise<StopReport> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<StopReport> {
    const publisher = this.#publisherThread;
    const endMs = performance.now() + Math.max(0, deadlineMs - CLOSE_MS);
    const left = (): number => Math.max(0, endMs - performance.now());
    this.#ring.requestStop(STOP.hurry);
    while (!this.#batcher.flush(true) && left() > 0 && publisher.alive) {
      await this.#room.soon(Math.min(MAX_WAIT_MS, left()));
    }
    const discarded = this.#batcher.discard();
    this.#ring.requestStop(STOP.drain, this.#sharesZmq ? Math.min(left(), CLOSE_MS) : left());
    // One that has nothing to publish needs no time for it, and what the index thread keeps depends on its answer.
    const isIdle = this.#batcher.enqueuedEvents === 0;
    let dropped = await publisher.stop(isIdle ? Math.max(left(), LAST_CHANCE_MS) : left());
    const forced = dropped === null;
    const isUnused = !this.#started || (isIdle && dropped !== null && this.#lastSequence() === this.#sequenceBefore);
    if (dropped !== null || isUnused) {
      const state = dropped === 0 && discarded === 0 ? this.#stateToKeep() : null;
      await this.#indexThread?.stop(isUnused ? Math.max(left(), LAST_CHANCE_MS) : left(), state, isUnused);
    }
    this.#pool.expectEnd();
    this.#ring.requestStop(STOP.now);
    if (forced) dropped = await publisher.stop(LAST_CHANCE_MS);
    // One that answered ends when its socket has let go; one that did not is ended at once.
    await Promise.all([
      publisher.join(dropped === null ? 0 : left() + 2 * CLOSE_MS),
      this.#pool.stop(CLOSE_MS),
      this.#indexThread?.stop(LAST_CHANCE_MS, null, false),
    ]);
    this.#snapshots.close();
    if (this.#beats !== null) clearInterval(this.#beats);
    const leftOver = countRest(this.publisher, this.#batcher.enqueuedEvents, this.natsUse === "events");
    return { droppedEvents: (dropped ?? 0) + leftOver, forced: forced || leftOver > 0 };
  }

  #stateToKeep(): SavedState | null {
    return this.#lastState(this.#lastSequence() + 1);
  }

  #lastSequence(): number {
    return this.publisher.read(PUBLISHER_CELLS.publishedSequence);
  }

  /** How long the main thread stood still, while the watchdog's episode lasts; else null. */
  mainStallSeconds(): number | null {
    const { publisher } = this;
    return publisher.read(PUBLISHER_CELLS.mainStalled) === 1 ? publisher.read(PUBLISHER_CELLS.mainStallSeconds) : null;
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
    return this.#room.fullSeconds();
  }

  workers(): readonly WorkerStatus[] {
    const indexer = this.#indexThread === null ? [] : [this.#indexThread.status()];
    return [this.#publisherThread.status(), ...this.#pool.status(), ...indexer];
  }

  /** Counters of the index thread; null when there is no index. */
  get index(): CounterBlock | null {
    return this.#indexThread?.counters ?? null;
  }

  /** Begins a snapshot of what has been published so far. */
  openSnapshot(): Promise<SnapshotAnswer> {
    return this.#snapshots.open();
  }

  /** Names the ranks whose engine may hold blocks that it did not tell us of: the snapshot then says that it lacks some. */
  setUnknownRanks(ranks: readonly number[]): void {
    this.#indexThread?.setUnknownRanks(ranks);
  }

  /** Puts all that was taken into slots. The position behind them, or null when there was no room. */
  cut(): number | null {
    return this.#stopped === null && this.#batcher.flush(true) ? this.#ring.memory.head() : null;
  }

  /** Resolves when all that was taken has left, through every sink and into the index, or when it is stopping. */
  async emptied(): Promise<void> {
    const { publisher } = this;
    const isEmpty = (): boolean =>
      this.#batcher.flush(true) &&
      this.#ring.memory.occupied() === 0 &&
      publisher.read(PUBLISHER_CELLS.natsPendingEvents) === 0;
    while (this.#stopped === null && !isEmpty()) await sleep(EMPTY_EVERY_MS);
  }

  /** Has the index written as it is at a position that `cut` returned; resolves with whether it was. One at a time. */
  saveIndex(position: number, state: SavedState): Promise<boolean> {
    return this.#indexThread?.save(position, state) ?? Promise.resolve(false);
  }

  /** What is written at an orderly end, when all that was taken has been published. Null: nothing. */
  onOrderlyEnd(state: (nextSequence: number) => SavedState | null): void {
    this.#lastState = state;
  }

  sinks(): readonly SinkName[] {
    const isNats = this.natsUse === "events";
    return [...(this.zmqEndpoint() === null ? [] : (["zmq"] as const)), ...(isNats ? (["nats"] as const) : [])];
  }

  zmqEndpoint(): string | null {
    return this.#publisherThread.zmqEndpoint;
  }

  /** Address of the replay socket, with the real port; null when it is off. */
  replayEndpoint(): string | null {
    return this.#publisherThread.replayEndpoint;
  }

  /** Bytes of the ring, the replay window, the open batches and the oversize buffer. */
  memoryBytes(): number {
    return (
      this.#ring.memory.buffer.byteLength +
      this.#batcher.memoryBytes +
      this.#oversize.bytes +
      (this.#replayWindow?.byteLength ?? 0)
    );
  }
}
