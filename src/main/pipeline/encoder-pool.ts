/**
 * The encoder pool: piscina workers, each with one task that stays for the life of the service. MAIN THREAD.
 *
 * A pool task a slot would cost 70–90 µs a slot; so the task parks in shared memory between slots, and the pool's job is
 * what pools are good at: starting threads, noticing that one died, and starting another. A task that rejects is
 * submitted again; before that the dead encoder's slot goes back to FILLED, so nothing is lost and nothing is doubled.
 *
 * An encoder that hangs is ended, which makes it a dead one. The pool reports a death only when the thread is gone, or has
 * come out of its task: a slot is never given on while its last owner could still write to it. An event at which two
 * encoders in a row died is poison and not encoded any more.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { CounterBlock } from "../../shared/counter-block.ts";
import { ENCODE_ERROR_REASONS } from "../../shared/counter-labels.ts";
import { elementAt } from "../../shared/element.ts";
import { ENCODER_CELLS } from "../../shared/encoder-cells.ts";
import { messageOf, ThreadDiedError } from "../../shared/errors.ts";
import type { EncoderTask, PlaneTask } from "../../shared/messages.ts";
import { blame } from "../../shared/poison.ts";
import { RECORD_WORD } from "../../shared/record.ts";
import { SLOT } from "../../shared/ring-layout.ts";
import type { RingMemory } from "../../shared/ring-memory.ts";
import type { RingProducer } from "../../shared/ring.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import type { WorkerRestartReason, WorkerStatus } from "../metrics/pipeline-view.ts";
import { within } from "../within.ts";
import { EncoderWatch, LOOK_EVERY_MS } from "./encoder-watch.ts";
import type { OversizeBuffer } from "./oversize-buffer.ts";
import { DeathBudget, deathReason, noRestarts, tooManyDeaths } from "./thread-deaths.ts";

const INTERNAL_ERRORS = ENCODER_CELLS.errors + ENCODE_ERROR_REASONS.indexOf("internal");
/** A thread that has not ended after this, though told to, is in a place where nothing reaches it. */
const MAX_ENDING_MS = 2000;
/**
 * An encoder works in shared memory and keeps nothing; whatever needs more than this is a fault. The less it is, the sooner a
 * thread that runs out of it is gone, instead of collecting garbage for a second and more.
 */
const ENCODER_HEAP_MB = 32;

export interface EncoderPoolOptions {
  readonly encoders: number;
  readonly ring: RingProducer;
  readonly oversize: OversizeBuffer;
  readonly wireFormat: WireFormat;
  readonly kvBlockSizeTokens: number;
  readonly redactTokens: boolean;
  /** Null: no messages for the event plane. */
  readonly plane: PlaneTask | null;
  /** The encoder's entry file. */
  readonly entry: URL;
  readonly onRestart: (encoder: string, reason: WorkerRestartReason, message: string, recoveredSlots: number) => void;
  /** An event has ended two encoders and is left out from now on; `index` counts in its slot. */
  readonly onIsolated: (encoder: string, rank: number, index: number) => void;
  /** So many more events have been left out, those isolated among them. */
  readonly onLeftOut: (encoder: string, events: number) => void;
  readonly onFatal: (error: ThreadDiedError) => void;
}

interface Encoder {
  readonly name: string;
  readonly counters: CounterBlock;
  readonly restarts: Record<WorkerRestartReason, number>;
  up: boolean;
  port: MessagePort | null;
  /** Events left out so far, as far as they have been reported. */
  leftOut: number;
  /** When it was told to end because it hangs; null while it does not. */
  endingSinceMs: number | null;
}

export class EncoderPool {
  readonly #options: EncoderPoolOptions;
  readonly #pool: Piscina;
  readonly #encoders: Encoder[];
  readonly #tasks: Promise<void>[] = [];
  readonly #budget: DeathBudget = new DeathBudget();
  readonly #watch: EncoderWatch;
  #looks: NodeJS.Timeout | null = null;
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
      restarts: noRestarts(),
      up: false,
      port: null,
      leftOut: 0,
      endingSinceMs: null,
    }));
    this.#watch = new EncoderWatch(options.ring.memory, options.encoders);
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
    this.#looks = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** From now on an encoder that ends is no death. Call it before the stop word says `now`. */
  expectEnd(): void {
    this.#stopping = true;
    if (this.#looks !== null) clearInterval(this.#looks);
  }

  /** Waits until all tasks have ended (the stop word must say `now`), at most `timeoutMs`; then ends the threads. */
  async stop(timeoutMs: number): Promise<void> {
    this.expectEnd();
    await within(Promise.all(this.#tasks), timeoutMs);
    await within(this.#pool.destroy(), timeoutMs);
    for (const encoder of this.#encoders) if (encoder.port !== null) this.#options.oversize.removePort(encoder.port);
  }

  async #keepRunning(encoder: Encoder, index: number): Promise<void> {
    while (!this.#stopping) {
      const error = await this.#runOnce(encoder, index);
      encoder.up = false;
      if (this.#stopping) return;
      const hung = encoder.endingSinceMs !== null;
      const cause = deathReason(error);
      // A thread that collects garbage for too long before it runs out of memory hangs too: the error knows better.
      const reason = hung && cause !== "oom" ? "heartbeat" : cause;
      const message = reason === "heartbeat" ? "it hung in a slot and was ended" : messageOf(error);
      encoder.endingSinceMs = null;
      encoder.counters.recover();
      this.#watch.forget(index);
      let isolated = false;
      const recovered = this.#options.ring.recoverEncoder(index, (slot) => {
        isolated = this.#findCulprit(encoder, slot);
      });
      encoder.restarts[reason]++;
      this.#options.onRestart(encoder.name, reason, message, recovered);
      // The two deaths that isolate an event count as one: a handful of such events must not end the service.
      if (!isolated && this.#budget.spend(performance.now())) {
        this.#options.onFatal(tooManyDeaths(encoder.name, encoder.name, message, error));
        return;
      }
    }
  }

  /** One life of one encoder. Resolves with what ended it. */
  async #runOnce(encoder: Encoder, index: number): Promise<unknown> {
    const { ring, oversize, wireFormat, kvBlockSizeTokens, redactTokens, plane } = this.#options;
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
      redactTokens,
      plane,
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

  /** Whether the slot of a dead encoder has shown which event it is that ends encoders. */
  #findCulprit(encoder: Encoder, slot: number): boolean {
    const { memory } = this.#options.ring;
    const index = blame(memory.words, slot);
    if (index === null) return false;
    this.#options.onIsolated(encoder.name, rankOf(memory, slot, index), index);
    return true;
  }

  /** Says what encoders cannot say themselves, because they must not wait for anyone. */
  #look(): void {
    for (const encoder of this.#encoders) {
      const leftOut = encoder.counters.read(INTERNAL_ERRORS);
      if (leftOut > encoder.leftOut) this.#options.onLeftOut(encoder.name, leftOut - encoder.leftOut);
      encoder.leftOut = leftOut;
    }
    this.#endHung(performance.now());
  }

  /** Ends encoders that hang; their end is then noticed like any other. */
  #endHung(nowMs: number): void {
    for (const index of this.#watch.look(nowMs)) {
      const encoder = elementAt(this.#encoders, index);
      if (encoder.endingSinceMs === null) {
        encoder.endingSinceMs = nowMs;
        const threadId = encoder.counters.read(ENCODER_CELLS.threadId);
        void this.#pool.threads.find((thread) => thread.threadId === threadId)?.terminate();
      } else if (nowMs - encoder.endingSinceMs > MAX_ENDING_MS) {
        this.expectEnd();
        this.#options.onFatal(new ThreadDiedError(encoder.name, `${encoder.name} hangs and cannot be ended`));
      }
    }
  }
}

/** Rank of an event. A slot of single events holds several, each in its record. */
function rankOf({ words, records }: RingMemory, slot: number, index: number): number {
  if (words[slot + SLOT.oversizeGeneration] !== 0) return words[slot + SLOT.rank] as number;
  let r = (words[slot + SLOT.recordsOffset] as number) >>> 2;
  for (let i = 0; i < index; i++) r += records[r + RECORD_WORD.length] as number;
  return records[r + RECORD_WORD.rank] as number;
}
