/**
 * Poison bits of a slot: events that are never to be encoded, because they cannot be. ANY THREAD that owns the slot: an
 * encoder sets them for events that throw, main for events that end their encoder; the indexer leaves such events out.
 * An event that turns out to be such only when its ZMQ message is out has a bit of its own, which counts for the event plane
 * alone. `words` hold the slot's header from `slot` on.
 */
import { SLOT, SLOT_STATE, SLOT_STATE_BITS } from "./ring-layout.ts";

export function isPoisoned(words: Int32Array, slot: number, index: number): boolean {
  return ((words[slot + SLOT.poisonBits + (index >>> 5)] as number) & (1 << (index & 31))) !== 0;
}

/** Whether the event plane does without the event: it is poison there, or altogether. */
export function isPlanePoisoned(words: Int32Array, slot: number, index: number): boolean {
  const word = slot + (index >>> 5);
  const bits = (words[word + SLOT.poisonBits] as number) | (words[word + SLOT.planePoisonBits] as number);
  return (bits & (1 << (index & 31))) !== 0;
}

export function countPoison(words: Int32Array, slot: number): number {
  return countBits(words, slot + SLOT.poisonBits);
}

/** Events that only the event plane does without. */
export function countPlanePoison(words: Int32Array, slot: number): number {
  return countBits(words, slot + SLOT.planePoisonBits);
}

function countBits(words: Int32Array, first: number): number {
  let count = 0;
  for (let i = 0; i < SLOT.poisonWords; i++) {
    for (let bits = words[first + i] as number; bits !== 0; bits &= bits - 1) count++;
  }
  return count;
}

/** `index` must be below MAX_SLOT_EVENTS. */
export function setPoison(words: Int32Array, slot: number, index: number): void {
  setBit(words, slot + SLOT.poisonBits, index);
}

/** The same for the event plane alone. */
export function setPlanePoison(words: Int32Array, slot: number, index: number): void {
  setBit(words, slot + SLOT.planePoisonBits, index);
}

function setBit(words: Int32Array, first: number, index: number): void {
  const word = first + (index >>> 5);
  words[word] = (words[word] as number) | (1 << (index & 31));
}

/**
 * Looks for the culprit in the slot of an encoder that died, in the state in which it left the slot. An event at which two in a row have died is poison from now on:
 * its index is returned. Otherwise the event at which this one died becomes the suspect, and null is returned.
 */
export function blame(words: Int32Array, slot: number): number | null {
  const progress = words[slot + SLOT.progress] as number;
  const isProven =
    progress > 0 && progress <= (words[slot + SLOT.events] as number) && progress === words[slot + SLOT.suspect];
  words[slot + SLOT.suspect] = isProven ? 0 : progress;
  words[slot + SLOT.progress] = 0;
  if (!isProven) return null;
  const state = (words[slot + SLOT.state] as number) & ((1 << SLOT_STATE_BITS) - 1);
  if (state === SLOT_STATE.planeEncoding) setPlanePoison(words, slot, progress - 1);
  else setPoison(words, slot, progress - 1);
  return progress - 1;
}
