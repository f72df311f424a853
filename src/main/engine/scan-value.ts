/**
 * Single values of an event, read by type. MAIN THREAD.
 *
 * Every function takes exactly one value, whatever it is, so that the scan goes on behind a value of the wrong type;
 * the event then has a defect, and only the event.
 */
import { type JsonCursor, MAX_IGNORED_DEPTH } from "./json-cursor.ts";
import { isNumberStart, QUOTE } from "./json-lexer.ts";
import { WORD, type Word } from "./json-words.ts";
import { ABSENT, type RawEvent } from "./raw-event.ts";

const LOWER_N = 0x6e;
const TWO_32 = 2 ** 32;
/** High half of 2^53 - 1. */
const MAX_SAFE_HI = 0x1f_ffff;

/** Result of `takeCount` for anything that is neither a count nor null. */
export const NOT_A_COUNT = -2;

/**
 * Takes a key and its colon. `seen` has the bits of the words that came before in this object: a word that is among them
 * is `other` now, which makes the first of a key count. (A plain number, for the callers' switches name a few words only.)
 */
export function takeNewKey(cursor: JsonCursor, seen: number): number {
  const word = cursor.key();
  return (seen & (1 << word)) === 0 ? word : WORD.other;
}

/** Takes a value that nobody needs. */
export function ignore(cursor: JsonCursor, event: RawEvent): void {
  if (cursor.skip() > MAX_IGNORED_DEPTH) event.fail("depth");
}

/** Takes a value that is not what the schema says. */
export function refuse(cursor: JsonCursor, event: RawEvent): void {
  event.fail("bad_type");
  cursor.skip();
}

/** Takes an integer of 0 … 2^53 - 1 and returns it; ABSENT for null, NOT_A_COUNT for the rest. */
export function takeCount(cursor: JsonCursor): number {
  const byte = cursor.peek();
  if (byte === LOWER_N) {
    cursor.literal();
    return ABSENT;
  }
  if (!isNumberStart(byte)) {
    cursor.skip();
    return NOT_A_COUNT;
  }
  cursor.number();
  const { lo, hi } = cursor.magnitude;
  if (!cursor.integer || !cursor.fits || hi > MAX_SAFE_HI) return NOT_A_COUNT;
  if (cursor.negative && (lo > 0 || hi > 0)) return NOT_A_COUNT;
  return hi * TWO_32 + lo;
}

/** Takes a null: true. Takes nothing otherwise. */
export function takeNull(cursor: JsonCursor): boolean {
  if (cursor.peek() !== LOWER_N) return false;
  cursor.literal();
  return true;
}

/** Takes a string and returns its text; null for null, undefined for anything else. */
export function takeString(cursor: JsonCursor): string | null | undefined {
  if (cursor.peek() === QUOTE) {
    cursor.string();
    return cursor.text();
  }
  if (takeNull(cursor)) return null;
  cursor.skip();
  return undefined;
}

/** The same for a text that must be one: anything but a string and null is a defect, and reads as null. */
export function takeText(cursor: JsonCursor, event: RawEvent): string | null {
  const text = takeString(cursor);
  if (text === undefined) event.fail("bad_type");
  return text ?? null;
}

/** Takes a string and returns which word of the schema it is; undefined for anything but a string. */
export function takeWord(cursor: JsonCursor): Word | undefined {
  if (cursor.peek() === QUOTE) return cursor.word();
  cursor.skip();
  return undefined;
}
