/**
 * What a socket's queue may hold, in bytes. libzmq counts messages; the publisher chooses their number by the size of a usual
 * one, and main prints the bound that follows at the start. ANY THREAD; pure.
 */
import { SNAPSHOT_PIECE_BYTES } from "./index-limits.ts";
import { isSingleEvent, type WireFormat } from "./wire-format.ts";

/** Clients of the replay socket that may be served at once. */
export const REPLAY_MAX_CLIENTS = 32;
/** Messages that may wait in the socket for each of them: as many as fit into so many bytes, within these limits. */
const REPLAY_QUEUE_BYTES = 768 * 1024;
const MIN_QUEUE_MESSAGES = 8;
const MAX_QUEUE_MESSAGES = 32;
/** What a message costs besides its payload: the other frames, and libzmq's own bookkeeping. */
export const REPLAY_MESSAGE_OVERHEAD_BYTES = 512;

/**
 * Where a message carries one event, it is far smaller than a slot: this share of it, 6 KiB by default, holds 32 blocks of 32
 * tokens.
 */
const SINGLE_EVENTS_PER_SLOT = 16;

/** Bytes: the largest message of ordinary traffic; what is larger (an oversize event) may make a queue exceed its limit. */
export function usualMessageBytes(wireFormat: WireFormat, slotBytes: number): number {
  return isSingleEvent(wireFormat) ? slotBytes / SINGLE_EVENTS_PER_SLOT : slotBytes;
}

/** Bytes: the same on the replay socket, where pieces of snapshots go too, if there are any. */
export function replayMessageBytes(wireFormat: WireFormat, slotBytes: number, hasSnapshots: boolean): number {
  return Math.max(usualMessageBytes(wireFormat, slotBytes), hasSnapshots ? SNAPSHOT_PIECE_BYTES : 0);
}

/** Messages that may wait in the replay socket for one client. */
export function replayQueueMessages(messageBytes: number): number {
  const fitting = Math.floor(REPLAY_QUEUE_BYTES / (messageBytes + REPLAY_MESSAGE_OVERHEAD_BYTES));
  return Math.min(MAX_QUEUE_MESSAGES, Math.max(MIN_QUEUE_MESSAGES, fitting));
}

/** The same, and the message that is being written to the connection. */
export function replayHeldMessages(messageBytes: number): number {
  return replayQueueMessages(messageBytes) + 1;
}

/** Bytes: most that the replay socket holds for one client that does not read. */
export function replayClientBytes(messageBytes: number): number {
  return replayHeldMessages(messageBytes) * (messageBytes + REPLAY_MESSAGE_OVERHEAD_BYTES);
}
