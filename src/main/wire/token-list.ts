/**
 * Token ids: the bulk of all bytes, and so the loop that decides how fast a batch is read. MAIN THREAD.
 */
import { CELL, FLAG } from "./batch-columns.ts";
import { type Decoding, failure } from "./decoding.ts";
import type { WireReason } from "./wire-refusal.ts";

const UINT_8 = 0xcc;
const UINT_16 = 0xcd;
const UINT_32 = 0xce;
/** Head and value of the longest form that a token should have. */
const LONGEST_BYTES = 5;

/** By its head, bytes of a token in one of the four forms that it should have; 0 for any other head. */
const LENGTH: Uint8Array = new Uint8Array(256).fill(1, 0, 0x80);
/** By its head, how far four bytes have to be shifted for a token to be left of them. */
const SHIFT: Uint8Array = new Uint8Array(256).fill(24, 0, 0x80);
for (const [head, bytes] of [
  [UINT_8, 1],
  [UINT_16, 2],
  [UINT_32, 4],
] as const) {
  LENGTH[head] = 1 + bytes;
  SHIFT[head] = 32 - 8 * bytes;
}

export function takeTokens(decoding: Decoding): WireReason | null {
  const { cursor, columns } = decoding;
  const count = cursor.takeArray();
  if (count < 0) return failure(decoding, "tokens");
  const isEagle = count > 0 && cursor.isArray();
  const start = columns.tokenCount;
  const held = isEagle ? count + 1 : count;
  columns.reserveTokens(held);
  const taken = isEagle ? takePairs(decoding, count) : takePlain(decoding, count);
  if (taken < count) {
    decoding.place.entry = taken;
    return failure(decoding, "tokens");
  }
  columns.tokenCount = start + held;
  columns.drop(FLAG.eagle);
  columns.putPair(isEagle ? FLAG.tokens | FLAG.eagle : FLAG.tokens, CELL.tokenStart, start, held);
  return null;
}

/**
 * Returns how many were good; `count` if all were.
 *
 * Tokens of one, two, three and five bytes come in an order that no processor can foresee, so their length is looked up
 * instead of branched upon. Two at a time, without a call in between, keep the loop in registers; `| 0` spares it the checks
 * for overflow.
 */
function takePlain({ cursor, columns }: Decoding, count: number): number {
  const { bytes, view, end } = cursor;
  const { tokens, tokenCount: start } = columns;
  const stop = start + count;
  let i = start;
  while (i < stop) {
    let p = cursor.at;
    const surelyThere = Math.floor((end - p) / LONGEST_BYTES);
    const lastPair = i + Math.min(stop - i, surelyThere) - 2;
    while (i <= lastPair) {
      const head = bytes[p] as number;
      const length = LENGTH[head] as number;
      const q = (p + length) | 0;
      const nextHead = bytes[q] as number;
      const nextLength = LENGTH[nextHead] as number;
      if (length === 0 || nextLength === 0) break;
      // A head below 0x80 is the value itself.
      tokens[i] = view.getUint32((p + (head >>> 7)) | 0) >>> (SHIFT[head] as number);
      tokens[i + 1] = view.getUint32((q + (nextHead >>> 7)) | 0) >>> (SHIFT[nextHead] as number);
      p = (q + nextLength) | 0;
      i += 2;
    }
    cursor.at = p;
    if (i === stop) break;
    const token = cursor.takeU32();
    if (token < 0) return i - start;
    tokens[i++] = token;
  }
  return count;
}

/** Pairs that overlap by one: the first of each, and the second of the last. */
function takePairs({ cursor, columns }: Decoding, count: number): number {
  const { tokens, tokenCount: start } = columns;
  for (let i = 0; i < count; i++) {
    if (cursor.takeArray() !== 2) return i;
    const first = cursor.takeU32();
    const second = first < 0 ? -1 : cursor.takeU32();
    if (second < 0) return i;
    tokens[start + i] = first;
    tokens[start + i + 1] = second;
  }
  return count;
}
