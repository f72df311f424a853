/**
 * Starts and ends the publisher thread, and translates what it says. MAIN THREAD.
 */
import { once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { CounterBlock, PUBLISHER_CELLS } from "../../shared/counters.ts";
import { BindError, messageOf, ThreadDiedError } from "../../shared/errors.ts";
import type { PublisherData, PublisherMessage, ZmqSinkData } from "../../shared/messages.ts";
import type { RingMemory } from "../../shared/ring-memory.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import type { WorkerStatus } from "../metrics/pipeline-view.ts";
import { within } from "../within.ts";
import type { OversizeBuffer } from "./oversize-buffer.ts";

export interface PublisherThreadOptions {
  readonly memory: RingMemory;
  readonly oversize: OversizeBuffer;
  readonly zmq: ZmqSinkData | null;
  readonly wireFormat: WireFormat;
  readonly entry: URL;
  /** See PublisherData. */
  readonly sharesZmq: boolean;
  readonly onGateOpen: (subscribers: number, timedOut: boolean) => void;
  readonly onSendFailed: (reason: string, sequence: number) => void;
  /** The thread ended although nobody had asked it to. */
  readonly onDeath: (error: ThreadDiedError) => void;
}

export class PublisherThread {
  readonly counters: CounterBlock = CounterBlock.allocate(PUBLISHER_CELLS.size);
  readonly #options: PublisherThreadOptions;
  #worker: Worker | null = null;
  #port: MessagePort | null = null;
  #endpoint: string | null = null;
  #up: boolean = false;
  #stopping: boolean = false;
  /** Resolves with the events that the thread gave up, once it has obeyed the stop word; null: it ended without a word. */
  readonly #ending: Promise<number | null>;
  #end: (droppedEvents: number | null) => void = () => {};

  constructor(options: PublisherThreadOptions) {
    this.#options = options;
    this.#ending = new Promise((resolve) => (this.#end = resolve));
    // Before the thread lives, main is the block's owner. No message has been published yet.
    this.counters.set(PUBLISHER_CELLS.publishedSequence, -1);
  }

  /** The bound address with the real port; null when the sink is off or not bound yet. */
  get zmqEndpoint(): string | null {
    return this.#endpoint;
  }

  status(): WorkerStatus {
    return { name: "publisher", up: this.#up, restarts: { error: 0, oom: 0, exit: 0, heartbeat: 0 } };
  }

  /** Starts the thread; resolves when its sockets are bound. Rejects with BindError or ThreadDiedError. */
  start(): Promise<void> {
    const { memory, oversize, zmq, wireFormat, entry, sharesZmq } = this.#options;
    const { port1, port2 } = new MessageChannel();
    oversize.addPort(port1);
    this.#port = port1;
    const data: PublisherData = {
      ring: memory.buffer,
      shape: memory.shape,
      counters: this.counters.buffer,
      zmq,
      wireFormat,
      firstSequence: 0,
      oversize: oversize.current,
      oversizePort: port2,
      sharesZmq,
    };
    const worker = new Worker(entry, { workerData: data, transferList: [port2], name: "kvcast-publisher" });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let cause: unknown = null;
      worker.on("message", (message: PublisherMessage) => this.#onMessage(message, resolve, reject));
      worker.on("error", (error) => (cause = error));
      worker.on("exit", (code) => {
        this.#up = false;
        const why = cause === null ? `exit code ${code}` : messageOf(cause);
        const error = new ThreadDiedError("publisher", `the publisher thread ended: ${why}`, cause);
        reject(error);
        if (!this.#stopping) this.#options.onDeath(error);
        this.#end(null);
      });
    });
  }

  /** Whether the thread has been started and has not ended: it may still take what is in the ring. */
  get alive(): boolean {
    return this.#worker !== null && this.#worker.threadId !== -1;
  }

  /**
   * Waits for the thread to obey the stop word, at most `timeoutMs`, also while it is still coming up. Resolves with the
   * events it gave up; null: it is gone, or did not answer in time.
   */
  async stop(timeoutMs: number): Promise<number | null> {
    this.#stopping = true;
    if (this.#worker === null) return null;
    return within(this.#ending, timeoutMs);
  }

  /** Waits for the thread's own end, then makes sure of it. */
  async join(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    const worker = this.#worker;
    if (worker === null) return;
    if (this.alive) {
      const timer = setTimeout(() => void worker.terminate(), timeoutMs);
      await once(worker, "exit");
      clearTimeout(timer);
    }
    if (this.#port !== null) this.#options.oversize.removePort(this.#port);
    this.#worker = null;
  }

  #onMessage(message: PublisherMessage, resolve: () => void, reject: (error: Error) => void): void {
    switch (message.type) {
      case "ready":
        this.#endpoint = message.zmqEndpoint;
        this.#up = true;
        resolve();
        return;
      case "bind-failed":
        this.#stopping = true;
        reject(new BindError(message.endpoint, message.reason));
        return;
      case "gate-open":
        this.#options.onGateOpen(message.subscribers, message.timedOut);
        return;
      case "send-failed":
        this.#options.onSendFailed(message.reason, message.sequence);
        return;
      case "stopped":
        this.#up = false;
        this.#end(message.droppedEvents);
        return;
    }
  }
}
