/** Block hashes, in whatever width and sign they were written. MAIN THREAD. */
import { MAX_BLOCKS_PER_EVENT } from "../engine/raw-event.ts";
import { CELL, FLAG } from "./batch-columns.ts";
import { type Decoding, failure } from "./decoding.ts";
import type { WireReason } from "./wire-refusal.ts";

const FIX_STR = 0xa0;
const NIL = 0xc0;
const BIN_8 = 0xc4;
const BIN_32 = 0xc6;
const STR_8 = 0xd9;
const STR_32 = 0xdb;
const UINT_64 = 0xcf;
const INT_64 = 0xd3;
const BYTES_OF_WIDE = 9;

export function takeHashes(decoding: Decoding): WireReason | null {
  const { cursor, columns } = decoding;
  const count = cursor.takeArray();
  if (count < 0) return failure(decoding, "hashes");
  if (count > MAX_BLOCKS_PER_EVENT) {
    decoding.place.fault = `more than ${MAX_BLOCKS_PER_EVENT} blocks`;
    return "too_large";
  }
  columns.reserveHashes(count);
  const start = columns.hashCount;
  const { hashLo, hashHi } = columns;
  const { bytes, view } = cursor;
  const lastWide = cursor.end - BYTES_OF_WIDE;
  for (let i = start; i < start + count; i++) {
    const p = cursor.at;
    const head = p <= lastWide ? (bytes[p] as number) : 0;
    // Nearly all hashes are this long.
    if (head === INT_64 || head === UINT_64) {
      hashHi[i] = view.getUint32(p + 1);
      hashLo[i] = view.getUint32(p + 5);
      cursor.at = p + BYTES_OF_WIDE;
    } else if (cursor.takeInt()) {
      hashLo[i] = cursor.lo;
      hashHi[i] = cursor.hi;
    } else {
      decoding.place.entry = i - start;
      return noHash(decoding);
    }
  }
  columns.hashCount = start + count;
  columns.putPair(FLAG.hashes, CELL.hashStart, start, count);
  return null;
}

export function takeParent(decoding: Decoding): WireReason | null {
  const { cursor, columns } = decoding;
  if (cursor.takeNil()) {
    columns.drop(FLAG.parent);
    return null;
  }
  if (!cursor.takeInt()) return noHash(decoding);
  columns.putPair(FLAG.parent, CELL.parentLo, cursor.lo, cursor.hi);
  return null;
}

function noHash(decoding: Decoding): WireReason {
  const head = decoding.cursor.peek();
  const isText = (head >= FIX_STR && head < NIL) || (head >= STR_8 && head <= STR_32);
  const isBytes = head >= BIN_8 && head <= BIN_32;
  return failure(decoding, isText || isBytes ? "hash_bytes" : "hashes");
}
