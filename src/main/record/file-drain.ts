/**
 * A recording in place of an engine: what is drained is what was recorded, at its time. MAIN THREAD.
 *
 *   speed 1: as it came; N: so many times as fast; max: as fast as the pipeline takes it
 *
 * Behind the last answer it is silent, as an engine without requests is.
 */
import { messageOf } from "../../shared/errors.ts";
import type { Drain, DrainOutcome } from "../engine/drain-client.ts";
import { DrainError, type DrainFailure } from "../engine/drain-error.ts";
import type { OnChunk } from "../engine/drain-exchange.ts";
import { Sleeper } from "../engine/poll-loop.ts";
import type { LineLogger } from "../log.ts";
import { type Entry, ENTRY } from "./recording-format.ts";
import { RecordingReader } from "./recording-reader.ts";

/** How long one drain waits for its time; then it is empty, as an idle engine's. */
const MAX_WAIT_MS = 1000;
const FAILURES: readonly DrainFailure[] = ["connect", "timeout", "http_status", "decode", "oversize"];
const EMPTY: DrainOutcome = { error: null, cut: false, elapsedMs: 0 };
const CUT: DrainOutcome = { error: null, cut: true, elapsedMs: 0 };

export interface FileDrainOptions {
  readonly path: string;
  /** Infinity: as fast as it goes. */
  readonly speed: number;
  readonly log: LineLogger;
}

export class FileDrain implements Drain {
  answering: boolean = false;
  readonly #options: FileDrainOptions;
  readonly #sleeper: Sleeper = new Sleeper();
  #reader: RecordingReader | null = null;
  #entries: AsyncGenerator<Entry, void> | null = null;
  /** Read, and not its time yet. */
  #next: Entry | null = null;
  #over: boolean = false;
  #aborted: boolean = false;
  #startMs: number = 0;
  /** Of the first entry: what comes before it is nobody's pause. */
  #firstAtMs: number = 0;

  constructor(options: FileDrainOptions) {
    this.#options = options;
  }

  async drain(onChunk: OnChunk): Promise<DrainOutcome> {
    this.#aborted = false;
    this.answering = false;
    try {
      if (!(await this.#isDue())) return this.#aborted ? CUT : EMPTY;
      return await this.#answer(onChunk);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#finish("error", messageOf(error));
      return { ...EMPTY, error: new DrainError("decode", messageOf(error)) };
    }
  }

  abort(): void {
    this.#aborted = true;
    this.#sleeper.wake();
  }

  renew(): void {
    // It has no connection.
  }

  close(): void {
    this.#over = true;
    void this.#reader?.close();
  }

  /** Whether there is an entry, and it is its time. */
  async #isDue(): Promise<boolean> {
    const entry = await this.#peek();
    const waitMs = entry === null ? MAX_WAIT_MS : this.#untilMs(entry);
    if (waitMs <= 0) return entry !== null;
    await this.#sleeper.sleep(Math.min(waitMs, MAX_WAIT_MS));
    return entry !== null && !this.#aborted && waitMs <= MAX_WAIT_MS;
  }

  #untilMs({ atMs }: Entry): number {
    const { speed } = this.#options;
    return speed === Infinity ? 0 : this.#startMs + (atMs - this.#firstAtMs) / speed - performance.now();
  }

  async #answer(onChunk: OnChunk): Promise<DrainOutcome> {
    const startMs = performance.now();
    this.answering = true;
    for (let entry = await this.#peek(); entry !== null; entry = await this.#peek()) {
      this.#next = null;
      if (entry.kind === ENTRY.failure) return { ...EMPTY, error: recordedFailure(entry) };
      if (!(await onChunk(entry.bytes)) || this.#aborted) {
        await this.#skipRest(entry);
        return CUT;
      }
      if (entry.kind === ENTRY.answerEnd) break;
    }
    return { error: null, cut: false, elapsedMs: performance.now() - startMs };
  }

  /** The parts of an answer that nobody wants to the end must not be taken for the next answer. */
  async #skipRest(entry: Entry): Promise<void> {
    for (let last: Entry | null = entry; last?.kind === ENTRY.answerPart;) {
      this.#next = null;
      last = await this.#peek();
    }
    this.#next = null;
  }

  async #peek(): Promise<Entry | null> {
    if (this.#over) return null;
    if (this.#entries === null) {
      this.#reader = await RecordingReader.open(this.#options.path);
      this.#entries = this.#reader.entries();
    }
    const isFirst = this.#startMs === 0;
    while (this.#next === null) {
      const { value, done } = await this.#entries.next();
      if (done === true) {
        const cut = this.#reader?.complete === false ? "it was cut: the recording was not ended in order" : null;
        this.#finish(cut === null ? "info" : "warn", cut);
        return null;
      }
      if (value.kind === ENTRY.answerPart || value.kind === ENTRY.answerEnd || value.kind === ENTRY.failure) {
        this.#next = value;
      }
    }
    if (isFirst) {
      this.#startMs = performance.now();
      this.#firstAtMs = this.#next.atMs;
    }
    return this.#next;
  }

  #finish(level: "info" | "warn" | "error", detail: string | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.log[level]("the recording is over", detail === null ? {} : { detail });
    void this.#reader?.close();
  }
}

function recordedFailure({ bytes }: Entry): DrainError {
  const text = bytes.toString("latin1", 0, 32);
  const reason = FAILURES.find((each) => each === text) ?? "connect";
  return new DrainError(reason, "the engine failed so when it was recorded");
}
