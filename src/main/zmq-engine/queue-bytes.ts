/** How much may wait of an engine that publishes itself, before it is worked off. MAIN THREAD; pure. */
import { MAX_PAYLOAD_BYTES } from "../wire/wire-batch.ts";

const MIB: number = 1 << 20;
/** Of all sockets of an engine together, and of one at least. */
const ENGINE_QUEUE_BYTES: number = 64 * MIB;
const MIN_QUEUE_BYTES: number = MIB;
/** Messages of the greatest size that a socket holds ahead of its queue. */
const AHEAD_MESSAGES = 33;

/** Bytes: what may wait of each socket, when there are so many; a message more than that at most. */
export function socketQueueBytes(sockets: number): number {
  return Math.max(MIN_QUEUE_BYTES, Math.floor(ENGINE_QUEUE_BYTES / sockets));
}

/** Bytes: most that one socket can hold back, be its publisher as hostile as it may; with a replay, that of the other socket. */
export function socketBoundBytes(sockets: number, hasReplay: boolean): number {
  const ahead = AHEAD_MESSAGES * MAX_PAYLOAD_BYTES;
  return socketQueueBytes(sockets) + MAX_PAYLOAD_BYTES + (hasReplay ? 2 * ahead : ahead);
}
