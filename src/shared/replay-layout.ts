/**
 * Every offset of the replay window, in one place. No behaviour.
 *
 *   buffer    [control 64 bytes][entry 0][entry 1] … [entry n-1][payloads, a ring of --replay-bytes bytes]
 *
 *   control   byte 0 head i32     4 tail i32     8 first number + 1, f64     16 next number, f64
 *
 *   entry     [sequence, low half u32][high half u32][offset u32][length u32]
 *             the entry of a position is position mod n; n is the number of batches, rounded up to a power of two
 *
 * Kept are the positions from tail to head, whose sequence numbers follow each other without a gap. Only the publisher
 * thread reads and writes, but it may be ended at any instruction, and another one goes on with the same memory. So what is
 * between tail and head is whole at every moment: a payload is written first, then its entry, then the head; and the tail
 * moves before anything that it gives up is written over.
 */
import { roundToPowerOfTwo } from "./ring-layout.ts";

/** Index of the two positions, counted in i32. They run freely and wrap. */
export const REPLAY_CONTROL = { head: 0, tail: 1 } as const;
/** Index of the two numbers, counted in f64. */
export const REPLAY_NUMBER = {
  /** One more than the first number of the epoch, as far as is known: none before it can be missing; 0 before it came by. */
  firstPlusOne: 1,
  /** The number after the last that came by, kept or not; 0 before the first. What is kept overrules it. */
  next: 2,
} as const;
export const REPLAY_CONTROL_BYTES = 64;
/** In u32. */
export const REPLAY_ENTRY = { sequenceLo: 0, sequenceHi: 1, offset: 2, length: 3, words: 4 } as const;

/** Entries in the index of a window. */
export function replayEntries(maxBatches: number): number {
  return roundToPowerOfTwo(maxBatches);
}

/** Where the payloads begin. */
export function replayPayloadOffset(maxBatches: number): number {
  return REPLAY_CONTROL_BYTES + replayEntries(maxBatches) * REPLAY_ENTRY.words * 4;
}

/**
 * Tells an empty window that the epoch began before it: all numbers below `next` were given out by an earlier process and are
 * not kept. For main, while no publisher lives.
 */
export function continueReplayWindow(window: SharedArrayBuffer, next: number): void {
  const numbers = new Float64Array(window, 0, REPLAY_CONTROL_BYTES / 8);
  numbers[REPLAY_NUMBER.firstPlusOne] = 1;
  numbers[REPLAY_NUMBER.next] = next;
}

/** Size of the whole window. */
export function replayWindowBytes(maxBytes: number, maxBatches: number): number {
  return replayPayloadOffset(maxBatches) + maxBytes;
}
