/**
 * The few msgpack forms that events need, written straight into memory. ENCODER THREAD.
 *
 * Each function writes at `p` and returns the position behind what it wrote. Nothing is checked here: the caller has
 * bounded the size before (`frameBoundBytes`), with room for the few bytes that a constant may be written over its end.
 * Integers take the smallest form, as msgspec and msgpack write them, unless a function says otherwise.
 */

/** Memory to write into, seen twice: single bytes go through one view, wider numbers through the other. */
export interface Output {
  readonly bytes: Uint8Array;
  /** Of the same bytes. */
  readonly view: DataView;
}

export function outputOf(bytes: Uint8Array): Output {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Constant bytes made ready to be written four at a time, which is four times as fast as one by one. */
export interface Constant {
  readonly length: number;
  /** The bytes as big-endian words; the last one is padded with zeros, which the next value overwrites. */
  readonly words: Uint32Array;
}

/** The constant of bytes that are msgpack already. */
export function constantOfBytes(bytes: Uint8Array): Constant {
  const words = new Uint32Array((bytes.length + 3) >>> 2);
  bytes.forEach((byte, i) => (words[i >>> 2] = (words[i >>> 2] as number) | (byte << (24 - 8 * (i & 3)))));
  return { length: bytes.length, words };
}

/** Texts, nulls and numbers that never change, joined: a run of them is written in one go. */
export function constantOf(...values: readonly (string | number | null)[]): Constant {
  const out = outputOf(new Uint8Array(1024));
  let p = 0;
  for (const value of values) {
    if (value === null) p = putNil(out, p);
    else if (typeof value === "number") p = putUint(out, p, value);
    else {
      const utf8 = new TextEncoder().encode(value);
      p = putTextHeader(out, p, utf8.length);
      out.bytes.set(utf8, p);
      p += utf8.length;
    }
  }
  return constantOfBytes(out.bytes.subarray(0, p));
}

/** May write up to three zeros behind the constant. */
export function putConstant(out: Output, p: number, value: Constant): number {
  const { words } = value;
  const { view } = out;
  for (let i = 0; i < words.length; i++) view.setUint32(p + 4 * i, words[i] as number);
  return p + value.length;
}

export function putMapHeader(out: Output, p: number, entries: number): number {
  out.bytes[p] = 0x80 | entries;
  return p + 1;
}

export function putArrayHeader(out: Output, p: number, length: number): number {
  if (length < 16) {
    out.bytes[p] = 0x90 | length;
    return p + 1;
  }
  if (length < 0x10000) {
    out.bytes[p] = 0xdc;
    out.bytes[p + 1] = length >>> 8;
    out.bytes[p + 2] = length & 0xff;
    return p + 3;
  }
  out.bytes[p] = 0xdd;
  return putU32(out, p + 1, length);
}

export function putTextHeader(out: Output, p: number, bytes: number): number {
  if (bytes < 32) {
    out.bytes[p] = 0xa0 | bytes;
    return p + 1;
  }
  if (bytes < 0x100) {
    out.bytes[p] = 0xd9;
    out.bytes[p + 1] = bytes;
    return p + 2;
  }
  if (bytes < 0x10000) {
    out.bytes[p] = 0xda;
    out.bytes[p + 1] = bytes >>> 8;
    out.bytes[p + 2] = bytes & 0xff;
    return p + 3;
  }
  out.bytes[p] = 0xdb;
  return putU32(out, p + 1, bytes);
}

export function putNil(out: Output, p: number): number {
  out.bytes[p] = 0xc0;
  return p + 1;
}

/** A number from 0 to 2^32-1. */
export function putUint(out: Output, p: number, value: number): number {
  if (value < 0x80) {
    out.bytes[p] = value;
    return p + 1;
  }
  if (value < 0x100) {
    out.bytes[p] = 0xcc;
    out.bytes[p + 1] = value;
    return p + 2;
  }
  if (value < 0x10000) {
    out.bytes[p] = 0xcd;
    out.bytes[p + 1] = value >>> 8;
    out.bytes[p + 2] = value & 0xff;
    return p + 3;
  }
  out.bytes[p] = 0xce;
  return putU32(out, p + 1, value);
}

/** An unsigned 64-bit number from its halves. */
export function putUint64(out: Output, p: number, lo: number, hi: number): number {
  if (hi === 0) return putUint(out, p, lo);
  out.bytes[p] = 0xcf;
  return putU32(out, putU32(out, p + 1, hi), lo);
}

/** A signed 64-bit number from the halves of its two's complement. */
export function putInt64(out: Output, p: number, lo: number, hi: number): number {
  if (hi < 0x80000000) return putUint64(out, p, lo, hi);
  if (hi === 0xffffffff && lo >= 0x80000000) {
    if (lo >= 0xffffffe0) {
      out.bytes[p] = lo & 0xff;
      return p + 1;
    }
    if (lo >= 0xffffff80) {
      out.bytes[p] = 0xd0;
      out.bytes[p + 1] = lo & 0xff;
      return p + 2;
    }
    if (lo >= 0xffff8000) {
      out.bytes[p] = 0xd1;
      out.bytes[p + 1] = (lo >>> 8) & 0xff;
      out.bytes[p + 2] = lo & 0xff;
      return p + 3;
    }
    out.bytes[p] = 0xd2;
    return putU32(out, p + 1, lo);
  }
  return putWideInt64(out, p, lo, hi);
}

/** The same in nine bytes, always: valid for every reader, and some refuse hashes in a shorter form. */
export function putWideInt64(out: Output, p: number, lo: number, hi: number): number {
  out.bytes[p] = 0xd3;
  return putU32(out, putU32(out, p + 1, hi), lo);
}

/** A float64, also when it is whole: strict readers refuse an integer timestamp. */
export function putFloat64(out: Output, p: number, value: number): number {
  out.bytes[p] = 0xcb;
  out.view.setFloat64(p + 1, value);
  return p + 9;
}

function putU32(out: Output, p: number, value: number): number {
  out.view.setUint32(p, value);
  return p + 4;
}
