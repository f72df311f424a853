/**
 * The pipeline behind the normaliser: batches → ring → encoders → publisher. MAIN THREAD side of it: its life cycle, and what
 * its owner may ask. How events get into the ring is in `ring-feed.ts`, how the threads are joined in `pipeline-threads.ts`.
 *
 *   running ──stop()──► draining ──ring empty, or deadline──► stopped
 *
 * `offer` never blocks: false means full, nothing was taken, `await writable()` and offer again. Inside nothing is lost:
 * what was taken leaves through every sink, or is counted as dropped at a forced end.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { CounterBlock } from "../../shared/counter-block.ts";
import type { SavedState } from "../../shared/index-messages.ts";
import type { LoadMessage } from "../../shared/nats-messages.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import { RingMemory } from "../../shared/ring-memory.ts";
import { roundToLine, roundToPowerOfTwo, STOP } from "../../shared/ring-layout.ts";
import { isSingleEvent, type WireFormat } from "../../shared/wire-format.ts";
import { newEpoch } from "../epoch.ts";
import type { Histogram } from "../metrics/histogram.ts";
import type { NatsUse, PipelineView, RingDropReason, SinkName, WorkerStatus } from "../metrics/pipeline-view.ts";
import type { PublishedEvent } from "../normalise/published-event.ts";
import type { IndexStart } from "./index-thread.ts";
import type { PipelineOptions, StopReport, StreamStart } from "./pipeline-contract.ts";
import type { CurveGate } from "../curve/curve-gate.ts";
import { stopPipeline } from "./pipeline-stop.ts";
import { PipelineThreads } from "./pipeline-threads.ts";
import { RecentRecords } from "./recent-records.ts";
import { RingFeed } from "./ring-feed.ts";
import type { SnapshotAnswer } from "./snapshot-client.ts";

/** How often main shows the watchdog that it turns. */
const BEAT_EVERY_MS = 250;
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
  readonly #feed: RingFeed;
  readonly #threads: PipelineThreads;
  #indexStart: Promise<IndexStart> | null = null;
  /** Sockets were bound, so that numbers may have been given out. */
  #started: boolean = false;
  /** The number before the first one. */
  #sequenceBefore: number;
  /** What is written at an orderly end; null: nothing. */
  #lastState: (nextSequence: number) => SavedState | null = () => null;
  readonly #sharesZmq: boolean;
  #beats: NodeJS.Timeout | null = null;
  readonly natsUse: NatsUse;
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
    this.#feed = new RingFeed({
      memory,
      encoders: options.encoders,
      singleEvent: isSingleEvent(options.wireFormat),
      plane: hasPlane,
    });
    this.ringWait = this.#feed.waits;
    this.#threads = new PipelineThreads({ pipeline: options, feed: this.#feed, hasPlane });
    this.publisher = this.#threads.publisher.counters;
    this.encoders = this.#threads.pool.counters;
    this.#sequenceBefore = this.#threads.lastSequence();
  }

  /**
   * Starts the index thread, and resolves with what an earlier run left for it. Before `start`, which does it otherwise.
   * Rejects with StateDirTakenError.
   */
  loadIndex(): Promise<IndexStart> {
    this.#indexStart ??= this.#threads.indexer?.start() ?? Promise.resolve({ saved: null, refusal: null });
    return this.#indexStart;
  }

  /**
   * Starts all threads; resolves when the sockets are bound. Rejects with BindError when one cannot be, or with
   * StateDirTakenError. Without a `stream` it has a new epoch and begins as the options say.
   */
  async start(stream?: StreamStart): Promise<void> {
    const threads = this.#threads;
    if (threads.indexer !== null) await this.loadIndex();
    // Told to stop meanwhile: no thread may come up behind the stop.
    if (this.#stopped !== null) return;
    if (stream !== undefined) threads.beginAt(stream.firstSequence, stream.isContinued === true);
    this.#sequenceBefore = threads.lastSequence();
    const epoch = stream?.epoch ?? newEpoch();
    threads.nameStream(epoch.uuid);
    threads.indexer?.begin({ epoch, lastSequence: this.#sequenceBefore });
    const { memory } = this.#feed.ring;
    memory.beat();
    this.#beats = setInterval(() => memory.beat(), BEAT_EVERY_MS).unref();
    threads.pool.start();
    try {
      await threads.publisher.start();
      this.#started = true;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  /** Hands the newest load of a rank to NATS. */
  postLoad(message: LoadMessage): void {
    this.#threads.publisher.postLoad(message);
  }

  /** Takes one event, or says false: full, or stopping. */
  offer(event: PublishedEvent): boolean {
    return this.#feed.offer(event);
  }

  /** End of a source's step: what is complete may leave. */
  flush(): void {
    this.#feed.flush();
  }

  /** Resolves when there may be room again. Any number of callers share one wait. */
  writable(): Promise<void> {
    return this.#feed.writable();
  }

  /** The end is near: the publisher waits for subscribers no longer, events are still taken. */
  hurry(): void {
    this.#feed.ring.requestStop(STOP.hurry);
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
    const report = await stopPipeline({
      feed: this.#feed,
      threads: this.#threads,
      deadlineMs,
      sharesZmq: this.#sharesZmq,
      confirmsEvents: this.natsUse === "events",
      wasStarted: () => this.#started,
      sequenceBefore: this.#sequenceBefore,
      stateToKeep: (nextSequence) => this.#lastState(nextSequence),
    });
    if (this.#beats !== null) clearInterval(this.#beats);
    return report;
  }

  /** How long the main thread stood still, while the watchdog's episode lasts; else null. */
  mainStallSeconds(): number | null {
    const { publisher } = this;
    return publisher.read(PUBLISHER_CELLS.mainStalled) === 1 ? publisher.read(PUBLISHER_CELLS.mainStallSeconds) : null;
  }

  occupiedSlots(): number {
    return this.#feed.ring.memory.occupied();
  }

  occupiedSlotsMax60s(): number {
    return this.#feed.occupiedSlotsMax60s();
  }

  enqueuedEvents(): number {
    return this.#feed.enqueuedEvents;
  }

  ringFullSeconds(): number {
    return this.#feed.fullSeconds();
  }

  workers(): readonly WorkerStatus[] {
    return this.#threads.status();
  }

  /** Counters of the index thread; null when there is no index. */
  get index(): CounterBlock | null {
    return this.#threads.indexer?.counters ?? null;
  }

  /** Begins a snapshot of what has been published so far. */
  openSnapshot(): Promise<SnapshotAnswer> {
    return this.#threads.snapshots.open();
  }

  /** Names the ranks whose engine may hold blocks that it did not tell us of: the snapshot then says that it lacks some. */
  setUnknownRanks(ranks: readonly number[]): void {
    this.#threads.indexer?.setUnknownRanks(ranks);
  }

  /** Puts all that was taken into slots. The position behind them, or null when there was no room. */
  cut(): number | null {
    return this.#feed.cut();
  }

  /** Resolves when all that was taken has left, through every sink and into the index, or when it is stopping. */
  async emptied(): Promise<void> {
    const { publisher } = this;
    const isEmpty = (): boolean => this.#feed.isEmptied() && publisher.read(PUBLISHER_CELLS.natsPendingEvents) === 0;
    while (this.#stopped === null && !isEmpty()) await sleep(EMPTY_EVERY_MS);
  }

  /** Has the index written as it is at a position that `cut` returned; resolves with whether it was. One at a time. */
  saveIndex(position: number, state: SavedState): Promise<boolean> {
    return this.#threads.indexer?.save(position, state) ?? Promise.resolve(false);
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
    return this.#threads.publisher.zmqEndpoint;
  }

  /** Address of the replay socket, with the real port; null when it is off. */
  replayEndpoint(): string | null {
    return this.#threads.publisher.replayEndpoint;
  }

  /** Bytes of the ring, the replay window, the open batches and the oversize buffer. */
  memoryBytes(): number {
    return this.#feed.memoryBytes + this.#threads.memoryBytes;
  }
}
