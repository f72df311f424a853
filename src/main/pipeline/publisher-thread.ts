/**
 * Starts and ends the publisher thread, starts it again when it dies, and translates what it says. MAIN THREAD.
 *
 * A successor gets the addresses that its predecessor had bound, and goes on with the number behind the last one that was
 * counted; what was in doubt it sends again under the same number. The ring and the replay window are in shared memory
 * and are as they were.
 */
import { once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { CounterBlock } from "../../shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";
import { BindError, messageOf, ThreadDiedError } from "../../shared/errors.ts";
import type { PublisherMessage, PublisherOrder } from "../../shared/messages.ts";
import type { LoadMessage } from "../../shared/nats-messages.ts";
import type { WorkerRestartReason, WorkerStatus } from "../metrics/pipeline-view.ts";
import { within } from "../within.ts";
import { PUBLISHER_NURSERY_MB, publisherData, publisherHeapMb, type PublisherThreadOptions } from "./publisher-data.ts";
import { DeathBudget, deathReason, noRestarts, tooManyDeaths } from "./thread-deaths.ts";

/** What binding its addresses takes a thread at most, if they are free. */
const BINDING_MS = 100;

export class PublisherThread {
  readonly counters: CounterBlock = CounterBlock.allocate(PUBLISHER_CELLS.size);
  readonly #options: PublisherThreadOptions;
  readonly #deaths: DeathBudget = new DeathBudget();
  readonly #restarts: Record<WorkerRestartReason, number> = noRestarts();
  #worker: Worker | null = null;
  #port: MessagePort | null = null;
  #endpoint: string | null = null;
  #replayEndpoint: string | null = null;
  #gateIsOpen: boolean = false;
  #wasBound: boolean = false;
  #up: boolean = false;
  #stopping: boolean = false;
  /** Of the gate; null but while it is under way. The thread is started as soon as it is open. */
  #opening: Promise<void> | null = null;
  /** Resolves with the events that the thread gave up, once it has obeyed the stop word; null: it ended without a word. */
  readonly #ending: Promise<number | null>;
  #end: (droppedEvents: number | null) => void = () => {};

  constructor(options: PublisherThreadOptions) {
    this.#options = options;
    this.#ending = new Promise((resolve) => (this.#end = resolve));
    // Before the thread lives, main is the block's owner. No message has been published yet.
    this.counters.set(PUBLISHER_CELLS.publishedSequence, options.firstSequence - 1);
  }

  /** The bound address with the real port; null when the sink is off or not bound yet. */
  get zmqEndpoint(): string | null {
    return this.#endpoint;
  }

  /** The same of the replay socket. */
  get replayEndpoint(): string | null {
    return this.#replayEndpoint;
  }

  status(): WorkerStatus {
    return { name: "publisher", up: this.#up, restarts: this.#restarts };
  }

  /**
   * Starts the thread; resolves when its sockets are bound. Rejects with BindError or ThreadDiedError, and with ConfigError for
   * a list of clients that cannot be used.
   */
  async start(): Promise<void> {
    const { gate } = this.#options;
    // Without a gate the thread must be there as soon as this has been called: it may be stopped at once.
    if (gate !== null) {
      this.#opening = gate.open(["live", "replay"]).finally(() => (this.#opening = null));
      await this.#opening;
    }
    const failure = await this.#live();
    if (failure !== null) {
      this.#end(null);
      throw failure;
    }
  }

  /** One life of the thread, up to its sockets being bound. Resolves with null, or with why it came to nothing. */
  #live(): Promise<BindError | ThreadDiedError | null> {
    const { port1, port2 } = new MessageChannel();
    const data = publisherData(this.#options, {
      counters: this.counters,
      wasBound: this.#wasBound,
      zmqEndpoint: this.#endpoint,
      replayEndpoint: this.#replayEndpoint,
      gateIsOpen: this.#gateIsOpen,
      oversizePort: port2,
    });
    this.#options.oversize.addPort(port1);
    this.#port = port1;
    const transferList = data.snapshotPort === null ? [port2] : [port2, data.snapshotPort];
    const worker = new Worker(this.#options.entry, {
      workerData: data,
      transferList,
      name: "kvcast-publisher",
      resourceLimits: {
        maxOldGenerationSizeMb: publisherHeapMb(data.nats),
        maxYoungGenerationSizeMb: PUBLISHER_NURSERY_MB,
      },
    });
    this.#worker = worker;
    return new Promise((resolve) => {
      let cause: unknown = null;
      let bound = false;
      worker.on("message", (message: PublisherMessage) => {
        if (message.type === "ready") {
          bound = true;
          this.#wasBound = true;
          this.#endpoint = message.zmqEndpoint;
          this.#replayEndpoint = message.replayEndpoint;
          this.#up = true;
          resolve(null);
        } else if (message.type === "bind-failed") resolve(new BindError(message.endpoint, message.reason));
        else this.#onMessage(message);
      });
      worker.on("error", (error) => (cause = error));
      worker.on("exit", (code) => {
        this.#up = false;
        this.#options.oversize.removePort(port1);
        const why = cause === null ? `exit code ${code}` : messageOf(cause);
        const error = new ThreadDiedError("publisher", `the publisher thread ended: ${why}`, cause);
        if (!bound) resolve(error);
        else if (this.#stopping) this.#end(null);
        else void this.#succeed(error, cause);
      });
    });
  }

  /** Starts the next life after a death. */
  async #succeed(error: ThreadDiedError, cause: unknown): Promise<void> {
    const reason = deathReason(cause);
    this.#restarts[reason]++;
    // The thread is gone: until its successor lives, main owns the block.
    this.counters.recover();
    this.counters.set(PUBLISHER_CELLS.zmqUp, 0);
    this.counters.set(PUBLISHER_CELLS.zmqSubscribers, 0);
    this.counters.set(PUBLISHER_CELLS.natsUp, 0);
    if (reason === "oom" && this.#options.sharesZmq) {
      const why =
        "what its ZMQ sockets held may have damaged the memory of the process, in which other threads use ZMQ";
      this.#giveUp(new ThreadDiedError("publisher", `${error.message}; ${why}`, error));
      return;
    }
    if (this.#deaths.spend(performance.now())) {
      this.#giveUp(tooManyDeaths("publisher", "the publisher thread", error.message, error));
      return;
    }
    this.#options.onRestart(reason, error.message, this.counters.read(PUBLISHER_CELLS.publishedSequence) + 1);
    const failure = await this.#live();
    if (failure === null) return;
    if (failure instanceof ThreadDiedError && !this.#stopping) return this.#succeed(failure, failure.cause);
    this.#giveUp(
      new ThreadDiedError("publisher", `the publisher thread cannot be replaced: ${failure.message}`, failure),
    );
  }

  #giveUp(error: ThreadDiedError): void {
    this.#end(null);
    if (!this.#stopping) this.#options.onFatal(error);
  }

  /** The port to the index thread is dead: hands the publisher another. */
  renewSnapshotPort(): void {
    const port = this.#options.newSnapshotPort();
    if (port !== null) this.#worker?.postMessage({ type: "snapshot-port", port } satisfies PublisherOrder, [port]);
  }

  /** Hands the newest load of a rank to the thread; lost when there is none, and said again by whoever posts it. */
  postLoad(message: LoadMessage): void {
    this.#worker?.postMessage(message satisfies PublisherOrder);
  }

  /** Whether the thread has been started, or is about to be, and has not ended: it may still take what is in the ring. */
  get alive(): boolean {
    return this.#opening !== null || (this.#worker !== null && this.#worker.threadId !== -1);
  }

  /**
   * Waits for the thread to obey the stop word, at most `timeoutMs`, also while it is still coming up. Resolves with the
   * events it gave up; null: it is gone, or did not answer in time.
   */
  async stop(timeoutMs: number): Promise<number | null> {
    // Whoever asked for the start hears of what became of it.
    if (this.#opening !== null) await this.#opening.catch(() => {});
    this.#stopping = true;
    if (this.#worker === null) return null;
    return within(this.#ending, timeoutMs);
  }

  /** Waits for the thread's own end, then makes sure of it. */
  async join(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    const worker = this.#worker;
    if (worker === null) {
      this.#options.gate?.close();
      return;
    }
    if (this.alive) {
      // One that is still binding is given a moment: a thread must not be ended while zeromq is at work in it.
      const timer = setTimeout(() => void worker.terminate(), this.#up ? timeoutMs : Math.max(timeoutMs, BINDING_MS));
      await once(worker, "exit");
      clearTimeout(timer);
    }
    this.#options.gate?.close();
    if (this.#port !== null) this.#options.oversize.removePort(this.#port);
    this.#worker = null;
  }

  #onMessage(message: Exclude<PublisherMessage, { readonly type: "ready" | "bind-failed" }>): void {
    switch (message.type) {
      case "gate-open":
        this.#gateIsOpen = true;
        this.#options.onGateOpen(message.subscribers, message.timedOut);
        return;
      case "send-failed":
        this.#options.onSendFailed(message.reason, message.sequence);
        return;
      case "nats-up":
      case "nats-down":
      case "nats-refused":
        this.#options.onNats(message);
        return;
      case "stopped":
        this.#up = false;
        this.#end(message.droppedEvents);
        return;
    }
  }
}
