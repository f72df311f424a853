/**
 * The encoder pool: piscina workers, each with one task that stays for the life of the service. MAIN THREAD.
 *
 * A pool task a slot would cost 70–90 µs a slot; so the task parks in shared memory between slots, and the pool's job is
 * what pools are good at: starting threads, noticing that one died, and starting another. A task that rejects is
 * submitted again; before that the dead encoder's slot goes back to FILLED, so nothing is lost and nothing is doubled.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { CounterBlock, ENCODER_CELLS } from "../../shared/counters.ts";
import { messageOf, ThreadDiedError } from "../../shared/errors.ts";
import type { EncoderTask } from "../../shared/messages.ts";
import type { RingProducer } from "../../shared/ring.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import type { WorkerRestartReason, WorkerStatus } from "../metrics/pipeline-view.ts";
import { within } from "../within.ts";
import type { OversizeBuffer } from "./oversize-buffer.ts";

/** More deaths than this within the window are no accident any more: the service ends, so that a supervisor acts. */
const MAX_DEATHS = 10;
const DEATH_WINDOW_MS = 60_000;
/** An encoder works in shared memory and keeps nothing; whatever needs more than this is a fault. */
const ENCODER_HEAP_MB = 128;

export interface EncoderPoolOptions {
  readonly encoders: number;
  readonly ring: RingProducer;
  readonly oversize: OversizeBuffer;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  /** The encoder's entry file. */
  readonly entry: URL;
  readonly onRestart: (encoder: string, reason: WorkerRestartReason, message: string, recoveredSlots: number) => void;
  readonly onFatal: (error: ThreadDiedError) => void;
}

interface Encoder {
  readonly name: string;
  readonly counters: CounterBlock;
  readonly restarts: Record<WorkerRestartReason, number>;
  up: boolean;
  port: MessagePort | null;
}

export class EncoderPool {
  readonly #options: EncoderPoolOptions;
  readonly #pool: Piscina;
  readonly #encoders: Encoder[];
  readonly #tasks: Promise<void>[] = [];
  readonly #deathsMs: number[] = [];
  #stopping: boolean = false;

  constructor(options: EncoderPoolOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      filename: options.entry.href,
      minThreads: options.encoders,
      maxThreads: options.encoders,
      idleTimeout: Infinity,
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: ENCODER_HEAP_MB },
    });
    // A thread that dies before it has a task, as one that cannot be started does. The pool starts no other then.
    this.#pool.on("error", (error: unknown) => {
      if (this.#stopping) return;
      options.onFatal(new ThreadDiedError("encoder", `no encoder can be started: ${messageOf(error)}`, error));
    });
    this.#encoders = Array.from({ length: options.encoders }, (_, i) => ({
      name: `encoder${i}`,
      counters: CounterBlock.allocate(ENCODER_CELLS.size),
      restarts: { error: 0, oom: 0, exit: 0, heartbeat: 0 },
      up: false,
      port: null,
    }));
  }

  get counters(): readonly CounterBlock[] {
    return this.#encoders.map((encoder) => encoder.counters);
  }

  status(): WorkerStatus[] {
    return this.#encoders.map(({ name, up, restarts }) => ({ name, up, restarts }));
  }

  /** Submits the tasks. Threads come up in the background; slots wait for them. */
  start(): void {
    this.#encoders.forEach((encoder, index) => this.#tasks.push(this.#keepRunning(encoder, index)));
  }

  /** From now on an encoder that ends is no death. Call it before the stop word says `now`. */
  expectEnd(): void {
    this.#stopping = true;
  }

  /** Waits until all tasks have ended (the stop word must say `now`), at most `timeoutMs`; then ends the threads. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    await within(Promise.all(this.#tasks), timeoutMs);
    await this.#pool.destroy();
    for (const encoder of this.#encoders) if (encoder.port !== null) this.#options.oversize.removePort(encoder.port);
  }

  async #keepRunning(encoder: Encoder, index: number): Promise<void> {
    while (!this.#stopping) {
      const error = await this.#runOnce(encoder, index);
      encoder.up = false;
      if (this.#stopping) return;
      encoder.counters.recover();
      const recovered = this.#options.ring.recoverEncoder(index);
      const reason = deathReason(error);
      encoder.restarts[reason]++;
      this.#options.onRestart(encoder.name, reason, messageOf(error), recovered);
      if (this.#diesTooOften()) {
        const message = `${encoder.name} died ${MAX_DEATHS} times in ${DEATH_WINDOW_MS / 1000} s: ${messageOf(error)}`;
        this.#options.onFatal(new ThreadDiedError(encoder.name, message, error));
        return;
      }
    }
  }

  /** One life of one encoder. Resolves with what ended it. */
  async #runOnce(encoder: Encoder, index: number): Promise<unknown> {
    const { ring, oversize, wireFormat, kvBlockSizeTokens } = this.#options;
    if (encoder.port !== null) oversize.removePort(encoder.port);
    const { port1, port2 } = new MessageChannel();
    encoder.port = port1;
    oversize.addPort(port1);
    const task: EncoderTask = {
      encoder: index,
      ring: ring.memory.buffer,
      shape: ring.memory.shape,
      counters: encoder.counters.buffer,
      wireFormat,
      kvBlockSizeTokens,
      oversize: oversize.current,
      oversizePort: port2,
    };
    try {
      encoder.up = true;
      await this.#pool.run(task, { transferList: [port2] });
      return new Error("the task ended by itself");
    } catch (error) {
      return error;
    }
  }

  #diesTooOften(): boolean {
    const nowMs = performance.now();
    this.#deathsMs.push(nowMs);
    while (this.#deathsMs.length > 0 && nowMs - (this.#deathsMs[0] as number) > DEATH_WINDOW_MS) this.#deathsMs.shift();
    return this.#deathsMs.length >= MAX_DEATHS;
  }
}

function deathReason(error: unknown): WorkerRestartReason {
  if (error instanceof Error) {
    if ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") return "oom";
    if (/exited with code|terminat/i.test(error.message)) return "exit";
  }
  return "error";
}
