/**
 * Block hashes: 64 bits, in every form that engines send. MAIN THREAD.
 *
 * Older engines write a u64 as a bare integer, which a double cannot hold; some tools write it signed. Newer ones may
 * write a SHA-256 as hex digits, of which the first eight bytes, big-endian, are the 64-bit hash.
 */
import { type JsonCursor } from "./json-cursor.ts";
import { isNumberStart, QUOTE } from "./json-lexer.ts";
import { type U64Parts } from "./json-number.ts";
import { type RawEvent } from "./raw-event.ts";
import { refuse, takeNull } from "./scan-value.ts";

/** Hex digits of 64 bits: a hash of fewer is none. */
const MIN_HEX_DIGITS = 16;
const HEX_DIGITS_A_HALF = 8;
const NO_DIGIT = 0xff;

/** Value of a hex digit, by its byte. */
const HEX_VALUE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? NO_DIGIT : value;
});

/**
 * Takes a hash; its halves are then in `cursor.magnitude`. True when it is null. Anything that is no hash gives the
 * event a defect and reads as 0.
 */
export function takeHash(cursor: JsonCursor, event: RawEvent): boolean {
  const byte = cursor.peek();
  const hash = cursor.magnitude;
  if (isNumberStart(byte)) {
    cursor.number();
    if (!cursor.integer) event.fail("bad_type");
    else if (!cursor.fits || (cursor.negative && !hash.negate())) event.fail("hash_range");
    return false;
  }
  if (byte === QUOTE) {
    cursor.string();
    if (!takeHex(cursor, hash)) event.fail("bad_type");
    return false;
  }
  hash.lo = 0;
  hash.hi = 0;
  if (takeNull(cursor)) return true;
  refuse(cursor, event);
  return false;
}

function takeHex(cursor: JsonCursor, hash: U64Parts): boolean {
  if (!cursor.escaped) return readHex(cursor.bytes, cursor.start, cursor.end, hash);
  const text = Buffer.from(cursor.text(), "utf8");
  return readHex(text, 0, text.length, hash);
}

function readHex(bytes: Uint8Array, start: number, end: number, hash: U64Parts): boolean {
  const length = end - start;
  if (length < MIN_HEX_DIGITS || length % 2 !== 0) return false;
  for (let i = start; i < end; i++) {
    if (HEX_VALUE[bytes[i] as number] === NO_DIGIT) return false;
  }
  hash.hi = readHalf(bytes, start);
  hash.lo = readHalf(bytes, start + HEX_DIGITS_A_HALF);
  return true;
}

function readHalf(bytes: Uint8Array, start: number): number {
  let half = 0;
  for (let i = start; i < start + HEX_DIGITS_A_HALF; i++) {
    half = (half << 4) | (HEX_VALUE[bytes[i] as number] as number);
  }
  return half >>> 0;
}
