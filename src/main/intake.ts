/**
 * Where an engine's events enter the pipeline: judge, then offer. MAIN THREAD.
 *
 * The counts of one event are made in one synchronous step, when its fate is known: what the rules refuse at once, what
 * they let through in the step in which the ring takes it. So the books balance between any two steps.
 */
import type { RawEvent } from "./engine/raw-event.ts";
import type { EventSink } from "./engine/source.ts";
import type { Normaliser } from "./normalise/normaliser.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";

export class Intake implements EventSink {
  readonly #normaliser: Normaliser;
  readonly #pipeline: Pipeline;
  /** The event that was full last time. */
  #refused: RawEvent | null = null;

  constructor(normaliser: Normaliser, pipeline: Pipeline) {
    this.#normaliser = normaliser;
    this.#pipeline = pipeline;
  }

  accept(event: RawEvent): boolean {
    if (this.#normaliser.normalise(event) !== "publish") return true;
    return this.#offer(event);
  }

  retry(): boolean {
    return this.#refused === null || this.#offer(this.#refused);
  }

  #offer(event: RawEvent): boolean {
    if (!this.#pipeline.offer(this.#normaliser.out)) {
      this.#refused = event;
      return false;
    }
    this.#refused = null;
    this.#normaliser.countPublished(event);
    return true;
  }

  writable(): Promise<void> {
    return this.#pipeline.writable();
  }

  flush(): void {
    this.#pipeline.flush();
  }
}
