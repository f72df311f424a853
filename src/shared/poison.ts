/**
 * Poison bits of a slot: events that are never to be encoded, because they cannot be. ANY THREAD that owns the slot: an
 * encoder sets them for events that throw, main for events that end their encoder; the indexer leaves such events out.
 * `words` hold the slot's header from `slot` on.
 */
import { SLOT } from "./ring-layout.ts";

export function isPoisoned(words: Int32Array, slot: number, index: number): boolean {
  return ((words[slot + SLOT.poisonBits + (index >>> 5)] as number) & (1 << (index & 31))) !== 0;
}

export function countPoison(words: Int32Array, slot: number): number {
  let count = 0;
  for (let i = 0; i < SLOT.poisonWords; i++) {
    for (let bits = words[slot + SLOT.poisonBits + i] as number; bits !== 0; bits &= bits - 1) count++;
  }
  return count;
}

/** `index` must be below MAX_SLOT_EVENTS. */
export function setPoison(words: Int32Array, slot: number, index: number): void {
  const word = slot + SLOT.poisonBits + (index >>> 5);
  words[word] = (words[word] as number) | (1 << (index & 31));
}

/**
 * Looks for the culprit in the slot of an encoder that died. An event at which two in a row have died is poison from now on:
 * its index is returned. Otherwise the event at which this one died becomes the suspect, and null is returned.
 */
export function blame(words: Int32Array, slot: number): number | null {
  const progress = words[slot + SLOT.progress] as number;
  const isProven =
    progress > 0 && progress <= (words[slot + SLOT.events] as number) && progress === words[slot + SLOT.suspect];
  words[slot + SLOT.suspect] = isProven ? 0 : progress;
  words[slot + SLOT.progress] = 0;
  if (!isProven) return null;
  setPoison(words, slot, progress - 1);
  return progress - 1;
}
