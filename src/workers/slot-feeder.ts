/**
 * The publisher's second cursor: slots whose ZMQ messages are out go to the event plane, in the same order, one at a time, when
 * nothing is to be sent. PUBLISHER THREAD; only where the plane follows ZMQ (`RingShape`).
 *
 * From the moment in which a slot is counted as sent its events count as in flight for NATS, though they still lie in the ring.
 * What feeding it changes becomes visible in one step with its position, before it is let go of. No turn of the event loop comes
 * in between, so nothing of a slot is handed to a server before it is counted: a publisher that takes over feeds a slot that
 * was not counted as if for the first time, under the same event ids.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import { SINK_DROP_REASONS } from "../shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import { countPlanePoison } from "../shared/poison.ts";
import { SLOT } from "../shared/ring-layout.ts";
import type { RingPlane } from "../shared/ring-plane.ts";
import { eventsBetween, eventsOf, isFed } from "./counted-before.ts";
import type { NatsFeed } from "./nats-feed.ts";
import type { NatsSink } from "./nats-sink.ts";
import type { OversizeReader } from "./oversize.ts";

const DROPPED_REJECTED = PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf("rejected");
const DROPPED_SHUTDOWN = PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");

export interface SlotFeederParts {
  readonly plane: RingPlane;
  readonly counters: CounterBlock;
  readonly oversize: OversizeReader;
  readonly nats: { readonly sink: NatsSink; readonly feed: NatsFeed };
}

export class SlotFeeder {
  readonly #parts: SlotFeederParts;

  constructor(parts: SlotFeederParts) {
    this.#parts = parts;
  }

  get plane(): RingPlane {
    return this.#parts.plane;
  }

  /** Whether `feedNext` would feed a slot. */
  get hasWork(): boolean {
    return this.#parts.plane.peek() !== -1;
  }

  /** Feeds the oldest slot and lets go of it. False: there is none that is ready. */
  feedNext(): boolean {
    const { plane, oversize, nats } = this.#parts;
    const slot = plane.peek();
    if (slot === -1) return false;
    const { memory } = plane;
    const generation = memory.words[slot + SLOT.oversizeGeneration] as number;
    const view = generation === 0 ? memory : oversize.view(generation);
    nats.feed.beginSlot(memory, slot, view);
    nats.feed.offerPlane(memory.fedTail(), view);
    this.#count(slot);
    plane.release(slot);
    return true;
  }

  /** Lets go of a slot that a publisher before this one has fed and counted, and died. */
  skipCounted(): void {
    const { plane, counters } = this.#parts;
    const { memory } = plane;
    if (memory.fedTail() !== memory.tail() && isFed(memory, counters)) plane.release(memory.slotWord(memory.fedTail()));
  }

  /** Counts all slots that have been sent and not fed as dropped, inside an update that the caller has opened. Returns events. */
  dropAll(): number {
    const { plane, counters } = this.#parts;
    const { memory } = plane;
    const events = eventsBetween(memory, memory.fedTail(), memory.tail());
    counters.add(PUBLISHER_CELLS.natsPendingEvents, -events);
    counters.add(DROPPED_SHUTDOWN, events);
    return events;
  }

  #count(slot: number): void {
    const { plane, counters, nats } = this.#parts;
    const { memory } = plane;
    const leftOut = countPlanePoison(memory.words, slot);
    counters.begin();
    counters.set(PUBLISHER_CELLS.natsFedPosition, (memory.fedTail() + 1) >>> 0);
    // What found room in the queue comes back with what has been offered.
    counters.add(PUBLISHER_CELLS.natsPendingEvents, -eventsOf(memory, slot));
    counters.add(DROPPED_REJECTED, leftOut);
    nats.sink.countOffers();
    counters.end();
  }
}
