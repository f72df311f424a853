/** What the NATS side of the publisher may hold, besides its queue: for those who hold it and for the bound told at start. */
import { MAX_SLOT_EVENTS } from "./ring-layout.ts";

/** In flight at most, besides the limit in messages: what is handed over is copied into the socket's memory. */
export const NATS_FLIGHT_BYTES: number = 8 * 1024 * 1024;

/** What a message in the queue costs besides its payload, and how much of that is heap of the thread. */
export const NATS_ITEM_BYTES = 640;
export const NATS_ITEM_HEAP_BYTES = 400;

/** Room that the queue must have for the messages of one slot: a frame area full, in as many messages as it may be. */
export function natsSlotReserveBytes(slotBytes: number): number {
  return slotBytes + MAX_SLOT_EVENTS * NATS_ITEM_BYTES;
}

/** Live blocks that are counted for the event plane; the blocks of one engine are far fewer. */
export const PLANE_GATE_HASHES: number = 2 * 1024 * 1024;
/** Most that one of them costs: a hash table grows in steps. */
export const PLANE_GATE_BYTES_A_HASH = 39;
