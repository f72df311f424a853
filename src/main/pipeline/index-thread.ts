/**
 * Starts and ends the index thread, and starts another when it dies. MAIN THREAD.
 *
 * Publishing never depends on it: when it dies, the slots that waited for it are freed at once, and its successor begins
 * with an empty index, which says so. One that keeps dying is given up, and the service goes on without snapshots.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { CounterBlock } from "../../shared/counter-block.ts";
import { INDEX_CELLS } from "../../shared/index-cells.ts";
import { messageOf, StateDirTakenError } from "../../shared/errors.ts";
import type {
  Epoch,
  IndexData,
  IndexMessage,
  IndexRequest,
  IndexStream,
  SavedState,
} from "../../shared/index-messages.ts";
import { MAX_ENGINES } from "../../shared/record.ts";
import type { RingProducer } from "../../shared/ring.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import type { WorkerRestartReason, WorkerStatus } from "../metrics/pipeline-view.ts";
import { within } from "../within.ts";
import type { OversizeBuffer } from "./oversize-buffer.ts";
import { IndexWatch } from "./index-watch.ts";
import { DeathBudget, deathReason, noRestarts } from "./thread-deaths.ts";

/** For the end of a thread that was told to end at once. One that a system call holds cannot. */
const TERMINATION_MS = 250;

/** What the service decides about the index. */
export interface SnapshotOptions {
  readonly maxBlocks: number;
  readonly keepTokens: boolean;
  /** Default: true. */
  readonly keepSalts?: boolean;
  /** Of each engine. */
  readonly attentionDpSize: number;
  /** Default: 1. */
  readonly engines?: number;
  /** See IndexData. */
  readonly stateDir: string | null;
  readonly engine: string;
  /** The thread died. `givenUp`: there will be no snapshots any more. */
  readonly onDeath: (reason: WorkerRestartReason, message: string, givenUp: boolean) => void;
  /** A state was written, or could not be (`reason`). */
  readonly onSaved: (clean: boolean, blocks: number, reason: string | null) => void;
}

export interface IndexThreadOptions extends SnapshotOptions {
  readonly ring: RingProducer;
  readonly oversize: OversizeBuffer;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  readonly entry: URL;
  /** Number of the last message that was published, also as far as a dead index thread did not see it. */
  readonly publishedSequence: () => number;
  /** A port that was given out is dead; `newSnapshotPort` makes another. */
  readonly onNewPorts: () => void;
}

/** What was found at the start. */
export interface IndexStart {
  readonly saved: SavedState | null;
  readonly refusal: string | null;
}

const NOTHING_FOUND: IndexStart = { saved: null, refusal: null };

export class IndexThread {
  readonly counters: CounterBlock = CounterBlock.allocate(INDEX_CELLS.size);
  readonly #options: IndexThreadOptions;
  readonly #watch: IndexWatch;
  readonly #deaths: DeathBudget = new DeathBudget();
  readonly #restarts: Record<WorkerRestartReason, number> = noRestarts();
  #worker: Worker | null = null;
  #epoch: Epoch | null = null;
  #unknownRanks: readonly number[] = [];
  #up: boolean = false;
  #stopping: boolean = false;
  #givenUp: boolean = false;
  /** Tells whoever asked for a save what came of it; null while nobody did. */
  #saved: ((isSaved: boolean) => void) | null = null;

  constructor(options: IndexThreadOptions) {
    this.#options = options;
    this.#watch = new IndexWatch(options.ring.memory, () => void this.#worker?.terminate());
  }

  status(): WorkerStatus {
    return { name: "indexer", up: this.#up, restarts: this.#restarts };
  }

  /** There will be no snapshots any more. */
  get isGivenUp(): boolean {
    return this.#givenUp;
  }

  /**
   * Starts the thread, which reads the state directory. Before the publisher is started. Rejects with StateDirTakenError; the
   * thread is gone then.
   */
  start(): Promise<IndexStart> {
    this.#options.ring.addIndexer();
    return this.#live(null);
  }

  /** Tells how the stream is called and where its numbers begin. Once, between `start` and the publisher's start. */
  begin(stream: IndexStream): void {
    this.#epoch = stream.epoch;
    this.#ask({ type: "begin", stream });
  }

  /** A port for SnapshotRequests, to be handed to one asker; null when there is no thread to ask. */
  newSnapshotPort(): MessagePort | null {
    if (this.#worker === null) return null;
    const { port1, port2 } = new MessageChannel();
    this.#ask({ type: "port", port: port2 }, [port2]);
    return port1;
  }

  /** Names the ranks whose engine may hold blocks that it did not tell us of. */
  setUnknownRanks(ranks: readonly number[]): void {
    this.#unknownRanks = ranks;
    this.#ask({ type: "unknown", ranks });
  }

  /**
   * Has the index written as it is when all slots before `position`, and no others, are in it. Resolves with whether it was;
   * see `onSaved` too. One at a time.
   */
  save(position: number, state: SavedState): Promise<boolean> {
    this.#endSave(false);
    if (this.#worker === null) return Promise.resolve(false);
    this.#ask({ type: "save", position, state });
    return new Promise((resolve) => (this.#saved = resolve));
  }

  #endSave(isSaved: boolean): void {
    this.#saved?.(isSaved);
    this.#saved = null;
  }

  /** The stop word is about to say `now`, which the thread obeys by itself: that is no death. */
  expectEnd(): void {
    this.#stopping = true;
  }

  /**
   * Ends the thread once it has taken in all that was published, and written it, if there is a state to go with it. To be
   * called when the publisher has ended. What is not done after `timeoutMs` is cut off. `isUnused`: see IndexRequest.
   */
  async stop(timeoutMs: number, state: SavedState | null, isUnused: boolean): Promise<void> {
    this.#stopping = true;
    const worker = this.#worker;
    if (worker === null) return;
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.#ask({ type: "stop", state, isUnused });
    await within(exited, timeoutMs);
    await within(worker.terminate(), TERMINATION_MS);
    this.#up = false;
  }

  /** One life of the thread, up to its being ready. */
  #live(stream: IndexStream | null): Promise<IndexStart> {
    const { entry, ring, oversize } = this.#options;
    const { port1, port2 } = new MessageChannel();
    const { maxBlocks, keepTokens, attentionDpSize, stateDir, engine, wireFormat, kvBlockSizeTokens } = this.#options;
    const { engines = 1, keepSalts = true } = this.#options;
    const data: IndexData = {
      ring: ring.memory.buffer,
      shape: ring.memory.shape,
      counters: this.counters.buffer,
      wireFormat,
      kvBlockSizeTokens,
      engines,
      attentionDpSize,
      maxBlocks,
      keepTokens,
      keepSalts,
      stateDir,
      engine,
      stream,
      oversize: oversize.current,
      oversizePort: port2,
    };
    oversize.addPort(port1);
    const worker = new Worker(entry, { workerData: data, transferList: [port2], name: "kvcast-indexer" });
    this.#worker = worker;
    this.#watch.begin();
    return new Promise((resolve, reject) => {
      let cause: unknown = null;
      worker.on("message", (message: IndexMessage) => {
        switch (message.type) {
          case "ready":
            this.#up = true;
            resolve({ saved: message.saved, refusal: message.refusal });
            return;
          case "taken":
            this.#stopping = true;
            reject(new StateDirTakenError(stateDir ?? "", message.pid));
            return;
          case "saved":
            this.#options.onSaved(message.clean, message.blocks, message.reason);
            this.#endSave(message.reason === null);
            return;
          case "stopped":
            // Its end is what is waited for.
            return;
        }
      });
      worker.on("error", (error) => (cause = error));
      worker.on("exit", (code) => {
        this.#up = false;
        this.#worker = null;
        this.#watch.end();
        oversize.removePort(port1);
        ring.removeIndexer();
        this.#endSave(false);
        if (!this.#stopping) this.#succeed(cause, cause === null ? `exit code ${code}` : messageOf(cause));
        resolve(NOTHING_FOUND);
      });
    });
  }

  /** Starts the next life after a death. */
  #succeed(cause: unknown, message: string): void {
    const reason = this.#watch.hung ? "heartbeat" : deathReason(cause);
    this.#restarts[reason]++;
    // The thread is gone: until its successor lives, main owns the block.
    this.counters.recover();
    this.counters.begin();
    for (const cell of [INDEX_CELLS.blocks, INDEX_CELLS.memoryBytes, INDEX_CELLS.complete, INDEX_CELLS.openSnapshots]) {
      this.counters.set(cell, 0);
    }
    for (let i = 0; i < MAX_ENGINES; i++) this.counters.set(INDEX_CELLS.engineBlocks + i, 0);
    this.counters.end();
    this.#givenUp = this.#deaths.spend(performance.now());
    this.#options.onDeath(reason, message, this.#givenUp);
    if (this.#givenUp || this.#stopping) return;
    // In this order: messages that are published in between are then counted neither as contained nor as gone.
    const lastSequence = this.#options.publishedSequence();
    this.#options.ring.addIndexer();
    void this.#live({ epoch: this.#epoch ?? { uuid: "", startedSeconds: 0 }, lastSequence });
    this.#ask({ type: "unknown", ranks: this.#unknownRanks });
    this.#options.onNewPorts();
  }

  #ask(request: IndexRequest, transfer: MessagePort[] = []): void {
    this.#worker?.postMessage(request, transfer);
    this.#options.ring.memory.indexBell().ring();
  }
}
