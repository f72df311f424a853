/**
 * Writes small msgpack messages of a known shape, field by field. Any thread; pure.
 *
 * The events have writers of their own that care for speed. Here the types count: a reader in another language takes a
 * float where it wants one and a u64 where it wants one, and a library that looks at a JavaScript number alone would
 * write 0.0 as an integer, and 2^40 as a float.
 */

const FIX_MAP = 0x80;
const FIX_STR = 0xa0;
const NIL = 0xc0;
const BIN_8 = 0xc4;
const FLOAT_64 = 0xcb;
const UINT_8 = 0xcc;
const UINT_64 = 0xcf;
const STR_8 = 0xd9;

const MAX_FIX_MAP = 15;
const MAX_FIX_STR = 31;
const INITIAL_BYTES = 512;

export class SmallWriter {
  #bytes: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length: number = 0;

  /** Begins a map of at most 15 entries; each is a `str` and a value. */
  map(entries: number): this {
    if (entries > MAX_FIX_MAP) throw new RangeError("a small map has at most 15 entries");
    return this.#byte(FIX_MAP | entries);
  }

  /** A text of at most 65,535 bytes. */
  str(text: string): this {
    const size = Buffer.byteLength(text);
    if (size > 0xffff) throw new RangeError("a small text has at most 65535 bytes");
    if (size <= MAX_FIX_STR) this.#byte(FIX_STR | size);
    else this.#size(STR_8, size);
    this.#room(size);
    this.#length += this.#bytes.write(text, this.#length);
    return this;
  }

  nil(): this {
    return this.#byte(NIL);
  }

  /** An unsigned integer in its shortest form: a number of at most 2^53 - 1, a bigint of at most 2^64 - 1. */
  uint(value: number | bigint): this {
    if (value >= 0 && value <= 0x7f) return this.#byte(Number(value));
    if (value >= 0 && value <= 0xffff_ffff) return this.#size(UINT_8, Number(value));
    this.#room(9);
    this.#byte(UINT_64);
    this.#length = this.#bytes.writeBigUInt64BE(BigInt(value), this.#length);
    return this;
  }

  /** A 64-bit float, also for whole numbers. */
  float(value: number): this {
    this.#room(9);
    this.#byte(FLOAT_64);
    this.#length = this.#bytes.writeDoubleBE(value, this.#length);
    return this;
  }

  bin(bytes: Uint8Array): this {
    this.#size(BIN_8, bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** What was written, in memory of its own that may be transferred. */
  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  /** A number behind its head: in one, two or four bytes, whose heads follow each other. */
  #size(head: number, size: number): this {
    this.#room(5);
    if (size <= 0xff) {
      this.#byte(head);
      this.#length = this.#bytes.writeUInt8(size, this.#length);
    } else if (size <= 0xffff) {
      this.#byte(head + 1);
      this.#length = this.#bytes.writeUInt16BE(size, this.#length);
    } else {
      this.#byte(head + 2);
      this.#length = this.#bytes.writeUInt32BE(size, this.#length);
    }
    return this;
  }

  #byte(byte: number): this {
    this.#room(1);
    this.#bytes[this.#length++] = byte;
    return this;
  }

  #room(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
