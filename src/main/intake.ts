/**
 * Where an engine's events enter the pipeline: judge, then offer. MAIN THREAD.
 *
 *   follow the ids ─► clear the rank, if one is owed ─► judge ─► offer
 *                          └── full: nothing below has happened yet, `retry()` goes on here ──┘
 *
 * The counts of one event are made in one synchronous step, when its fate is known: what the rules refuse at once, what
 * they let through in the step in which the ring takes it. So the books balance between any two steps.
 */
import type { FollowedRank } from "../shared/index-messages.ts";
import type { RawEvent } from "./engine/raw-event.ts";
import type { EventSink } from "./engine/source.ts";
import type { Injections } from "./normalise/injections.ts";
import type { Normaliser } from "./normalise/normaliser.ts";
import type { PublishedEvent } from "./normalise/published-event.ts";

/** What the intake needs of the pipeline. */
export interface EventOutlet {
  /** False: full, nothing was taken. */
  offer(event: PublishedEvent): boolean;
  writable(): Promise<void>;
  flush(): void;
}

export class Intake implements EventSink {
  readonly #normaliser: Normaliser;
  readonly #injections: Injections;
  readonly #outlet: EventOutlet;
  /** The event that was full last time. */
  #refused: RawEvent | null = null;
  /** It has been judged: the normaliser's `out` waits for room. */
  #judged: boolean = false;

  /** `normaliser` must tell `injections` of gaps and restarts, and those must offer their events to `outlet`. */
  constructor(normaliser: Normaliser, injections: Injections, outlet: EventOutlet) {
    this.#normaliser = normaliser;
    this.#injections = injections;
    this.#outlet = outlet;
  }

  /** What goes out before the first event. Waits for room where there is none, until `stopping()`. */
  async begin(stopping: () => boolean): Promise<void> {
    while (!this.#injections.begin()) {
      this.#outlet.flush();
      if (stopping()) return;
      await this.#outlet.writable();
    }
    this.#outlet.flush();
  }

  /** Of each rank, the state behind the last event that was dealt with in full; null while one waits for room. */
  followed(): Map<number, FollowedRank> | null {
    return this.#refused === null ? this.#normaliser.followed() : null;
  }

  accept(event: RawEvent): boolean {
    if (this.#normaliser.follow(event) !== null) return true;
    this.#judged = false;
    return this.#advance(event);
  }

  retry(): boolean {
    return this.#refused === null || this.#advance(this.#refused);
  }

  #advance(event: RawEvent): boolean {
    this.#refused = event;
    const injections = this.#injections;
    if (injections.owes(event.rank) && !injections.settle(event.rank, event.eventId)) return false;
    if (this.#judged || this.#normaliser.judge(event) === "publish") {
      this.#judged = true;
      for (let part = this.#normaliser.before; part !== null; part = this.#normaliser.before) {
        if (!this.#outlet.offer(part)) return false;
        this.#normaliser.countBefore();
      }
      if (!this.#outlet.offer(this.#normaliser.out)) return false;
      this.#normaliser.countPublished(event);
    }
    this.#refused = null;
    return true;
  }

  writable(): Promise<void> {
    return this.#outlet.writable();
  }

  flush(): void {
    this.#outlet.flush();
  }
}
