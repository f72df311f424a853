/**
 * The few msgpack forms that events need, written straight into a byte array. ENCODER THREAD.
 *
 * Each function writes at `p` and returns the position behind what it wrote. There are no bounds checks: the caller has
 * bounded the size before (`frameBoundBytes`), and a write past the end of a typed array is ignored by the language.
 * Integers take the smallest form, as msgspec and msgpack write them, unless a function says otherwise.
 */

/** A key or tag made ready: its msgpack bytes. */
export function packed(text: string): Uint8Array {
  const utf8 = new TextEncoder().encode(text);
  const out = new Uint8Array(utf8.length + 5);
  const end = putBytes(out, putTextHeader(out, 0, utf8.length), utf8);
  return out.slice(0, end);
}

/** Joins prepared pieces, so that a run of constant keys is one copy. */
export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

export function putBytes(out: Uint8Array, p: number, bytes: Uint8Array): number {
  // A loop beats TypedArray.set for the 4 to 60 bytes of a key.
  for (let i = 0; i < bytes.length; i++) out[p + i] = bytes[i] as number;
  return p + bytes.length;
}

export function putMapHeader(out: Uint8Array, p: number, entries: number): number {
  out[p] = 0x80 | entries;
  return p + 1;
}

export function putArrayHeader(out: Uint8Array, p: number, length: number): number {
  if (length < 16) {
    out[p] = 0x90 | length;
    return p + 1;
  }
  if (length < 0x10000) {
    out[p] = 0xdc;
    out[p + 1] = length >>> 8;
    out[p + 2] = length & 0xff;
    return p + 3;
  }
  out[p] = 0xdd;
  return putU32(out, p + 1, length);
}

export function putTextHeader(out: Uint8Array, p: number, bytes: number): number {
  if (bytes < 32) {
    out[p] = 0xa0 | bytes;
    return p + 1;
  }
  if (bytes < 0x100) {
    out[p] = 0xd9;
    out[p + 1] = bytes;
    return p + 2;
  }
  if (bytes < 0x10000) {
    out[p] = 0xda;
    out[p + 1] = bytes >>> 8;
    out[p + 2] = bytes & 0xff;
    return p + 3;
  }
  out[p] = 0xdb;
  return putU32(out, p + 1, bytes);
}

export function putNil(out: Uint8Array, p: number): number {
  out[p] = 0xc0;
  return p + 1;
}

/** A number from 0 to 2^32-1. */
export function putUint(out: Uint8Array, p: number, value: number): number {
  if (value < 0x80) {
    out[p] = value;
    return p + 1;
  }
  if (value < 0x100) {
    out[p] = 0xcc;
    out[p + 1] = value;
    return p + 2;
  }
  if (value < 0x10000) {
    out[p] = 0xcd;
    out[p + 1] = value >>> 8;
    out[p + 2] = value & 0xff;
    return p + 3;
  }
  out[p] = 0xce;
  return putU32(out, p + 1, value);
}

/** An unsigned 64-bit number from its halves. */
export function putUint64(out: Uint8Array, p: number, lo: number, hi: number): number {
  if (hi === 0) return putUint(out, p, lo);
  out[p] = 0xcf;
  return putU32(out, putU32(out, p + 1, hi), lo);
}

/** A signed 64-bit number from the halves of its two's complement. */
export function putInt64(out: Uint8Array, p: number, lo: number, hi: number): number {
  if (hi < 0x80000000) return putUint64(out, p, lo, hi);
  if (hi === 0xffffffff && lo >= 0x80000000) {
    if (lo >= 0xffffffe0) {
      out[p] = lo & 0xff;
      return p + 1;
    }
    if (lo >= 0xffffff80) {
      out[p] = 0xd0;
      out[p + 1] = lo & 0xff;
      return p + 2;
    }
    if (lo >= 0xffff8000) {
      out[p] = 0xd1;
      out[p + 1] = (lo >>> 8) & 0xff;
      out[p + 2] = lo & 0xff;
      return p + 3;
    }
    out[p] = 0xd2;
    return putU32(out, p + 1, lo);
  }
  return putWideInt64(out, p, lo, hi);
}

/** The same in nine bytes, always: valid for every reader, and some refuse hashes in a shorter form. */
export function putWideInt64(out: Uint8Array, p: number, lo: number, hi: number): number {
  out[p] = 0xd3;
  return putU32(out, putU32(out, p + 1, hi), lo);
}

/** A float64, also when it is whole: strict readers refuse an integer timestamp. */
export function putFloat64(out: Uint8Array, p: number, value: number): number {
  FLOAT[0] = value;
  out[p] = 0xcb;
  // The scratch is in the machine's byte order, the wire is big-endian.
  for (let i = 0; i < 8; i++) out[p + 1 + i] = FLOAT_BYTES[LITTLE_ENDIAN ? 7 - i : i] as number;
  return p + 9;
}

export function putU32(out: Uint8Array, p: number, value: number): number {
  out[p] = value >>> 24;
  out[p + 1] = (value >>> 16) & 0xff;
  out[p + 2] = (value >>> 8) & 0xff;
  out[p + 3] = value & 0xff;
  return p + 4;
}

const FLOAT = new Float64Array(1);
const FLOAT_BYTES = new Uint8Array(FLOAT.buffer);
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
