/** Reads an engine as `kvcast serve` does, and records its answers in place of publishing them. MAIN THREAD. */
import type { RecordedEngine } from "../config/load-record.ts";
import { DrainClient } from "../engine/drain-client.ts";
import { PollBackoff, type PollReport, runPollLoop, Sleeper } from "../engine/poll-loop.ts";
import { AnswerRecorder } from "./answer-recorder.ts";
import type { RecordingRun, RecordSink } from "./recording-run.ts";

/** As `HttpSource` grants: an answer that has begun is worth waiting for, one that has not as a rule is not. */
const GRACE_ANSWERING_MS = 3000;
const GRACE_UNANSWERED_MS = 250;

export class EngineRecording implements RecordingRun {
  readonly #recorder: AnswerRecorder;
  readonly #drain: DrainClient;
  readonly #backoff: PollBackoff;
  readonly #sleeper: Sleeper = new Sleeper();
  readonly #sink: RecordSink;
  readonly #timers: NodeJS.Timeout[] = [];
  #stopping: boolean = false;
  /** The engine did not answer when it was last asked; null: it was not asked yet. */
  #failing: boolean | null = null;

  constructor({ engine, profile }: RecordedEngine, sink: RecordSink) {
    this.#recorder = new AnswerRecorder(sink.writer, sink);
    this.#drain = new DrainClient(engine);
    this.#backoff = new PollBackoff(profile);
    this.#sink = sink;
  }

  get text(): string {
    const { answers, failures } = this.#recorder;
    return `${answers} answers${failures === 0 ? "" : `, ${failures} reads that failed`}`;
  }

  get counts(): Readonly<Record<string, number>> {
    const { answers, failures } = this.#recorder;
    return { answers, failures };
  }

  async run(): Promise<void> {
    try {
      await runPollLoop(
        {
          poll: () => this.#poll(),
          sleep: (ms) => this.#sleeper.sleep(ms),
          waiting: () => {},
          stopped: () => this.#stopping,
        },
        this.#backoff,
      );
    } finally {
      for (const timer of this.#timers) clearTimeout(timer);
      this.#drain.close();
    }
  }

  stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#sleeper.wake();
    this.#timers.push(
      setTimeout(() => {
        if (!this.#drain.answering) this.#drain.abort();
      }, GRACE_UNANSWERED_MS),
      setTimeout(() => this.#drain.abort(), GRACE_ANSWERING_MS),
    );
  }

  async #poll(): Promise<PollReport> {
    const before = this.#recorder.answers;
    this.#recorder.begin();
    const { error, cut } = await this.#drain.drain(async (piece) => {
      await this.#recorder.piece(piece, this.#sink.elapsedMs());
      return true;
    });
    await this.#recorder.end();
    const again = error?.staleSocket ?? false;
    if (error !== null && !again) await this.#recorder.failed(error.reason, this.#sink.elapsedMs());
    if (!cut && !again) this.#tell(error);
    return { events: this.#recorder.answers - before, failed: error !== null, again };
  }

  /** Says it when the engine stops answering, and when it begins. */
  #tell(error: Error | null): void {
    const failing = error !== null;
    if (failing === this.#failing) return;
    this.#failing = failing;
    this.#sink.say(error === null ? "the engine answers" : `reading the engine fails: ${error.message}`);
  }
}
