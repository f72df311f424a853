/** What is counted when all threads have ended, so that the books close. MAIN THREAD. */
import type { CounterBlock } from "../../shared/counter-block.ts";
import { SINK_DROP_REASONS } from "../../shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../shared/publisher-cells.ts";

const DROPPED_SHUTDOWN = PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");
const NATS_DROPPED_SHUTDOWN = PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");

/**
 * Counts as dropped what the publisher has not counted, because it never came to the ring, or the thread is gone; returns how
 * many events. The thread must have ended. What it had sent of the batch in its hands is counted as dropped with the rest of
 * that batch.
 */
export function countRest(publisher: CounterBlock, enqueuedEvents: number, hasNats: boolean): number {
  publisher.recover();
  const counted = publisher.read(PUBLISHER_CELLS.dequeuedEvents) + publisher.read(PUBLISHER_CELLS.poisonedEvents);
  const events = enqueuedEvents - counted;
  publisher.begin();
  publisher.add(PUBLISHER_CELLS.dequeuedEvents, events);
  publisher.add(DROPPED_SHUTDOWN, events);
  if (hasNats) {
    const pending = publisher.read(PUBLISHER_CELLS.natsPendingEvents);
    publisher.add(NATS_DROPPED_SHUTDOWN, events + pending);
    publisher.set(PUBLISHER_CELLS.natsPendingEvents, 0);
  }
  publisher.end();
  return events;
}
