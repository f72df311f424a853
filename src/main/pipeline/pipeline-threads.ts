/**
 * The threads behind the ring, made from the pipeline's options and connected with each other: encoders, publisher, and the
 * index thread where there is one. MAIN THREAD; made once, by the pipeline, which starts and ends them.
 *
 * Each keeper replaces its own threads when they die. What joins two of them is here: the port between publisher and index
 * thread, and the memory that outlives them all, which a successor finds as its predecessor left it.
 */
import { randomUUID } from "node:crypto";
import type { MessagePort } from "node:worker_threads";
import { PLANE_NUMBERS_BYTES } from "../../shared/plane-numbers.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import { continueReplayWindow, replayWindowBytes } from "../../shared/replay-layout.ts";
import { workerUrl } from "../../shared/thread-url.ts";
import type { WorkerStatus } from "../metrics/pipeline-view.ts";
import { EncoderPool } from "./encoder-pool.ts";
import { IndexThread, type SnapshotOptions } from "./index-thread.ts";
import type { PipelineOptions } from "./pipeline-contract.ts";
import { PublisherThread } from "./publisher-thread.ts";
import type { RingFeed } from "./ring-feed.ts";
import { SnapshotClient } from "./snapshot-client.ts";

export interface PipelineThreadsOptions {
  readonly pipeline: PipelineOptions;
  readonly feed: RingFeed;
  /** Whether encoders write messages for the event plane too. */
  readonly hasPlane: boolean;
}

export class PipelineThreads {
  readonly pool: EncoderPool;
  readonly publisher: PublisherThread;
  /** Null where no index is kept. */
  readonly indexer: IndexThread | null;
  /** Asks the index thread, whichever lives. */
  readonly snapshots: SnapshotClient;
  readonly #replayWindow: SharedArrayBuffer | null;
  /** How the stream is called, for messages to NATS; empty before `nameStream`. */
  #epochUuid: string = "";

  constructor({ pipeline: options, feed, hasPlane }: PipelineThreadsOptions) {
    const { nats = null, replay } = options;
    const { ring, oversize } = feed;
    const { memory } = ring;
    this.#replayWindow = replay ? new SharedArrayBuffer(replayWindowBytes(replay.maxBytes, replay.maxBatches)) : null;
    const newSnapshotPort = (): MessagePort | null => this.indexer?.newSnapshotPort() ?? null;
    this.pool = new EncoderPool({
      encoders: options.encoders,
      ring,
      oversize,
      wireFormat: options.wireFormat,
      kvBlockSizeTokens: options.kvBlockSizeTokens,
      redactTokens: options.redactTokens ?? false,
      plane: hasPlane && nats !== null ? { workerId: nats.place.workerId } : null,
      entry: options.encoderEntry ?? workerUrl("encoder"),
      onRestart: options.onEncoderRestart,
      onIsolated: options.onEventIsolated ?? (() => {}),
      onLeftOut: options.onEventsLeftOut ?? (() => {}),
      onFatal: options.onFatal,
    });
    const numbers = new SharedArrayBuffer(PLANE_NUMBERS_BYTES);
    const run = randomUUID();
    this.publisher = new PublisherThread({
      memory,
      replay: replay && this.#replayWindow ? { ...replay, window: this.#replayWindow } : null,
      heartbeatMs: options.heartbeatMs ?? null,
      firstSequence: options.firstSequence ?? 0,
      newSnapshotPort,
      oversize,
      zmq: options.zmq,
      nats: () =>
        nats === null ? null : { ...nats, epoch: this.#epochUuid, run, numbers, slotBytes: memory.shape.slotBytes },
      wireFormat: options.wireFormat,
      kvBlockSizeTokens: options.kvBlockSizeTokens,
      entry: options.publisherEntry ?? workerUrl("publisher"),
      sharesZmq: options.sharesZmq ?? true,
      gate: options.gate ?? null,
      onGateOpen: options.onGateOpen,
      onSendFailed: options.onSendFailed,
      onNats: options.onNats ?? (() => {}),
      onRestart: options.onPublisherRestart ?? (() => {}),
      onFatal: options.onFatal,
    });
    this.indexer = options.snapshot ? this.#makeIndexer(options, options.snapshot, feed) : null;
    this.snapshots = new SnapshotClient(newSnapshotPort);
  }

  #makeIndexer(options: PipelineOptions, snapshot: SnapshotOptions, { ring, oversize }: RingFeed): IndexThread {
    return new IndexThread({
      ...snapshot,
      ring,
      oversize,
      wireFormat: options.wireFormat,
      kvBlockSizeTokens: options.kvBlockSizeTokens,
      entry: options.indexEntry ?? workerUrl("indexer"),
      publishedSequence: () => this.lastSequence(),
      onNewPorts: () => this.publisher.renewSnapshotPort(),
    });
  }

  /** Before the publisher starts: how the stream is called. */
  nameStream(epochUuid: string): void {
    this.#epochUuid = epochUuid;
  }

  /**
   * Before the publisher starts, while main owns its counters: the number of its first message. `isContinued`: the epoch has had
   * messages before that one, which nobody can replay.
   */
  beginAt(firstSequence: number, isContinued: boolean): void {
    this.publisher.counters.set(PUBLISHER_CELLS.publishedSequence, firstSequence - 1);
    if (isContinued && this.#replayWindow !== null) continueReplayWindow(this.#replayWindow, firstSequence);
  }

  /** Number of the last message that was published, or the one before the first. */
  lastSequence(): number {
    return this.publisher.counters.read(PUBLISHER_CELLS.publishedSequence);
  }

  status(): readonly WorkerStatus[] {
    const indexer = this.indexer === null ? [] : [this.indexer.status()];
    return [this.publisher.status(), ...this.pool.status(), ...indexer];
  }

  /** Bytes of the replay window; what threads have of their own does not count. */
  get memoryBytes(): number {
    return this.#replayWindow?.byteLength ?? 0;
  }
}
