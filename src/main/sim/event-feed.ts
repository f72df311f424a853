/**
 * The event buffer of the stand-in engine: filled in real time, emptied by drains, bounded. MAIN THREAD.
 *
 * Traffic follows from its seed, so the buffer needs no memory: one copy of the traffic runs ahead with the clock, a
 * second one behind it is what drains read from. The events between the two are the buffer; dropping its oldest is
 * reading and throwing away.
 *
 *   drained, cut, dropped │ buffered: at most `bufferMaxEvents` │ not made yet
 *                         ▲ behind                              ▲ ahead
 */
import { dueEvents } from "../engine/pace.ts";
import { RAW_KIND, RawEvent } from "../engine/raw-event.ts";
import type { EventJsonWriter } from "./event-json.ts";
import { liveContent, type LiveRank } from "./live-content.ts";
import type { FaultPlan } from "./fault-plan.ts";
import { RestartingTraffic } from "./restarting-traffic.ts";
import type { Fault, SimConfig } from "./sim-config.ts";

/** Most events made in one go, so that a very high rate does not stop the event loop: some 10 ms. */
const MAX_ADVANCE_EVENTS = 65_536;
/** Events that one drain finds when the rate is `max`. */
const FLAT_OUT_EVENTS = 4096;
/** Longest body of one drain; what is left waits for the next. */
const MAX_BODY_BYTES = 67_108_864;

/** The truth about the events. generated = drained + cut + droppedByOverflow + droppedByFault + buffered. */
export interface FeedStats {
  /** All events, `created` ones included. */
  readonly generated: number;
  /** Stored and removed events among them. */
  readonly published: number;
  /** In answers that were sent whole, or are being sent. */
  readonly drained: number;
  /** In answers that broke off, because of a fault or because the client went away. */
  readonly cut: number;
  readonly droppedByOverflow: number;
  /** Left out by a gap fault. */
  readonly droppedByFault: number;
  readonly buffered: number;
  readonly restarts: number;
  /** Last id by rank since the last restart; -1 before the first. */
  readonly lastIds: readonly number[];
}

export class EventFeed {
  readonly #config: SimConfig;
  readonly #plan: FaultPlan;
  readonly #now: () => number;
  readonly #restartsAt: number[] = [];
  readonly #ahead: RestartingTraffic;
  readonly #behind: RestartingTraffic;
  readonly #raw: RawEvent = new RawEvent();
  /** Null while the first drain is awaited. */
  #startedAt: number | null;
  #drained = 0;
  #cut = 0;
  #droppedByOverflow = 0;
  #droppedByFault = 0;

  constructor(config: SimConfig, plan: FaultPlan, now: () => number) {
    this.#config = config;
    this.#plan = plan;
    this.#now = now;
    this.#startedAt = config.startEmpty === true ? null : now();
    this.#ahead = new RestartingTraffic(config.traffic, this.#restartsAt);
    this.#behind = new RestartingTraffic(config.traffic, this.#restartsAt);
    this.planRestarts(config.faults);
  }

  /** What was generated so far, for statistics. Read only. */
  get traffic(): RestartingTraffic {
    return this.#ahead;
  }

  /** Replaces the restarts that are still to come. One at the present number of events happens with the next event. */
  planRestarts(faults: readonly Fault[]): void {
    const done = this.#ahead.restarts;
    const counts = new Set<number>();
    for (const fault of faults) {
      if (fault.kind === "restart-at" && fault.count >= this.#ahead.published) counts.add(fault.count);
    }
    // The part behind the copies must stay as it is: the one behind has still to go through it.
    this.#restartsAt.length = done;
    this.#restartsAt.push(...[...counts].toSorted((a, b) => a - b));
  }

  /** Makes what is due by now and drops what the buffer cannot hold. */
  advance(): void {
    const { ratePerSecond } = this.#config.traffic;
    if (this.#startedAt === null || ratePerSecond === Infinity) return;
    const due = Math.floor(dueEvents(this.#config.traffic, this.#now() - this.#startedAt));
    const { ranks } = this.#config.traffic;
    for (let n = 0; n < MAX_ADVANCE_EVENTS && (this.#ahead.published < due || this.#ahead.made < ranks); n++) {
      if (!this.#ahead.next(this.#raw)) break;
    }
    this.#dropOldest();
  }

  /** Moves the buffered events to `writer`, oldest first, and returns their number. */
  drain(writer: EventJsonWriter): number {
    if (this.#startedAt === null) {
      this.#startedAt = this.#now();
      return 0;
    }
    if (this.#config.traffic.ratePerSecond === Infinity) this.#makeFlatOut();
    else this.advance();

    let taken = 0;
    while (this.#behind.made < this.#ahead.made && writer.bytes < MAX_BODY_BYTES) {
      this.#behind.next(this.#raw);
      // Without its `created` event a rank would be another test case than a gap.
      if (this.#raw.kind !== RAW_KIND.created && this.#plan.losesEvent()) this.#droppedByFault++;
      else {
        writer.add(this.#raw);
        taken++;
      }
    }
    this.#drained += taken;
    return taken;
  }

  /** The answer with these drained events did not get through as a whole. */
  broken(events: number): void {
    this.#drained -= events;
    this.#cut += events;
  }

  stats(): FeedStats {
    this.advance();
    return {
      generated: this.#ahead.made,
      published: this.#ahead.published,
      drained: this.#drained,
      cut: this.#cut,
      droppedByOverflow: this.#droppedByOverflow,
      droppedByFault: this.#droppedByFault,
      buffered: this.#ahead.made - this.#behind.made,
      restarts: this.#ahead.restarts,
      lastIds: Array.from(this.#ahead.lastEventId),
    };
  }

  /** The blocks that all events so far amount to, by rank. Takes as long as the events took to make. */
  content(): readonly LiveRank[] {
    this.advance();
    return liveContent(this.#config.traffic, this.#restartsAt, this.#ahead.made);
  }

  #makeFlatOut(): void {
    const room = Math.min(FLAT_OUT_EVENTS, this.#config.bufferMaxEvents) - (this.#ahead.made - this.#behind.made);
    for (let n = 0; n < room; n++) if (!this.#ahead.next(this.#raw)) break;
  }

  #dropOldest(): void {
    while (this.#ahead.made - this.#behind.made > this.#config.bufferMaxEvents) {
      this.#behind.next(this.#raw);
      this.#droppedByOverflow++;
    }
  }
}
