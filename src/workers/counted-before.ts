/**
 * What the counters say of the slots that a publisher has not let go of: how a publisher that takes over sees how far the one
 * before it came. PUBLISHER THREAD.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import { PUBLISHER_CELLS } from "../shared/publisher-cells.ts";
import type { RingMemory } from "../shared/ring-memory.ts";
import { SLOT } from "../shared/ring-layout.ts";

/** Whether the slot at the tail has been sent and counted already, by a publisher that died before it let go of it. */
export function isCounted(memory: RingMemory, counters: CounterBlock): boolean {
  return (counters.read(PUBLISHER_CELLS.countedPosition) | 0) === ((memory.tail() + 1) | 0);
}

/** Events of a slot that ZMQ has had. */
export function eventsOf({ words }: RingMemory, slot: number): number {
  return (words[slot + SLOT.events] as number) - (words[slot + SLOT.poisonedEvents] as number);
}

/** The same of slots from one position up to another. */
export function eventsBetween(memory: RingMemory, from: number, to: number): number {
  let events = 0;
  for (let p = from; p !== to; p = (p + 1) | 0) events += eventsOf(memory, memory.slotWord(p));
  return events;
}

/** What a publisher that takes over finds of the one before it. */
export interface FedBefore {
  /** Position of the slot that is fed next. */
  readonly position: number;
  /** Events that have been sent and counted, and wait in the ring to be fed. */
  readonly waitingEvents: number;
}

export function fedBefore(memory: RingMemory, counters: CounterBlock): FedBefore {
  const sentTo = (memory.tail() + (isCounted(memory, counters) ? 1 : 0)) | 0;
  if (!memory.planeFollows) return { position: sentTo, waitingEvents: 0 };
  const position = (memory.fedTail() + (isFed(memory, counters) ? 1 : 0)) | 0;
  return { position, waitingEvents: eventsBetween(memory, position, sentTo) };
}

/** Whether the first slot that was not let go of has been fed and counted. */
export function isFed(memory: RingMemory, counters: CounterBlock): boolean {
  return (counters.read(PUBLISHER_CELLS.natsFedPosition) | 0) === ((memory.fedTail() + 1) | 0);
}
