/**
 * A place in a msgpack payload, and the ways to go on from it. MAIN THREAD; pure.
 *
 * A `take…` reads the value at hand if it is of the type asked for and moves behind it; if it is not, the cursor stays, so
 * that another type can be tried. No method throws and none reads behind the end: where the bytes are no msgpack at all, or
 * end too early, `broken` is set, and everything that was read is worth nothing.
 *
 * A list or map that announces more entries than there are bytes left is broken too, before any memory is reserved for it.
 */

/** How deep a value that nobody knows may be nested. */
export const MAX_SKIPPED_DEPTH = 64;

const NIL = 0xc0;
/** The one head that msgpack never uses. */
const RESERVED = 0xc1;
const BIN_8 = 0xc4;
const BIN_32 = 0xc6;
const FLOAT_32 = 0xca;
const FLOAT_64 = 0xcb;
const UINT_8 = 0xcc;
const INT_8 = 0xd0;
const STR_8 = 0xd9;
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;
const MAP_16 = 0xde;
const MAP_32 = 0xdf;
const NEGATIVE_FIXINT = 0xe0;

const TWO_TO_32 = 2 ** 32;
const EMPTY: Uint8Array = new Uint8Array(0);

export class MsgpackCursor {
  bytes: Uint8Array = EMPTY;
  /** Of the same bytes. */
  view: DataView = new DataView(EMPTY.buffer);
  at: number = 0;
  end: number = 0;
  broken: boolean = false;
  /** A skipped value is nested deeper than MAX_SKIPPED_DEPTH. */
  tooDeep: boolean = false;

  /** The integer last taken, as two's complement. */
  lo: number = 0;
  hi: number = 0;
  isNegative: boolean = false;
  /** Where the text or binary data last taken begins. */
  textAt: number = 0;
  /** While a value is skipped: values that the open list or map at each depth still owes. */
  readonly #owed: Float64Array = new Float64Array(MAX_SKIPPED_DEPTH + 1);

  /** Begins at the first byte. The bytes must not change while the cursor is in use. */
  open(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.end = bytes.length;
    this.broken = false;
    this.tooDeep = false;
  }

  /** Head of the value at hand; behind the end a byte that begins none. */
  peek(): number {
    const { at } = this;
    const head = at < this.end ? (this.bytes[at] as number) : RESERVED;
    if (head === RESERVED) this.broken = true;
    return head;
  }

  isArray(): boolean {
    const head = this.peek();
    return (head & 0xf0) === 0x90 || head === ARRAY_16 || head === ARRAY_32;
  }

  isMap(): boolean {
    const head = this.peek();
    return (head & 0xf0) === 0x80 || head === MAP_16 || head === MAP_32;
  }

  takeNil(): boolean {
    if (this.peek() !== NIL) return false;
    this.at++;
    return true;
  }

  /** Number of entries; -1 when it is no array. */
  takeArray(): number {
    const head = this.peek();
    if ((head & 0xf0) === 0x90) return this.#open(head & 0x0f, 1, 1);
    if (head === ARRAY_16) return this.#need(3) ? this.#open(this.view.getUint16(this.at + 1), 3, 1) : -1;
    if (head === ARRAY_32) return this.#need(5) ? this.#open(this.view.getUint32(this.at + 1), 5, 1) : -1;
    return -1;
  }

  /** Number of keys; -1 when it is no map. */
  takeMap(): number {
    const head = this.peek();
    if ((head & 0xf0) === 0x80) return this.#open(head & 0x0f, 1, 2);
    if (head === MAP_16) return this.#need(3) ? this.#open(this.view.getUint16(this.at + 1), 3, 2) : -1;
    if (head === MAP_32) return this.#need(5) ? this.#open(this.view.getUint32(this.at + 1), 5, 2) : -1;
    return -1;
  }

  /** Length in bytes, `textAt` says where; -1 when it is no text. Whether it is UTF-8 is not looked at. */
  takeText(): number {
    const head = this.peek();
    const { at } = this;
    let length = head & 0x1f;
    let start = at + 1;
    if ((head & 0xe0) !== 0xa0) {
      if (head < STR_8 || head >= ARRAY_16) return -1;
      const width = 1 << (head - STR_8);
      if (!this.#need(1 + width)) return -1;
      length = this.#size(at + 1, width);
      start += width;
    }
    return this.#gotBytes(start, length);
  }

  /** Length in bytes of binary data, `textAt` says where it begins; -1 when it is none. */
  takeBin(): number {
    const head = this.peek();
    if (head < BIN_8 || head > BIN_32) return -1;
    const width = 1 << (head - BIN_8);
    if (!this.#need(1 + width)) return -1;
    return this.#gotBytes(this.at + 1 + width, this.#size(this.at + 1, width));
  }

  /** An integer of any width into `lo`, `hi` and `isNegative`; false when it is none, also when it is a whole float. */
  takeInt(): boolean {
    const head = this.peek();
    const { at, view } = this;
    if (head < 0x80) return this.#gotInt(head, 0, false, 1);
    if (head >= NEGATIVE_FIXINT) return this.#gotInt((head - 0x100) >>> 0, 0xffff_ffff, true, 1);
    if (head < UINT_8 || head >= INT_8 + 4) return false;
    const isSigned = head >= INT_8;
    const width = 1 << (head & 3);
    if (!this.#need(1 + width)) return false;
    if (width === 8) {
      const high = view.getUint32(at + 1);
      return this.#gotInt(view.getUint32(at + 5), high, isSigned && high >= 0x8000_0000, 9);
    }
    let value = this.#size(at + 1, width);
    if (isSigned) value = (value << (32 - 8 * width)) >> (32 - 8 * width);
    const isNegative = isSigned && value < 0;
    return this.#gotInt(value >>> 0, isNegative ? 0xffff_ffff : 0, isNegative, 1 + width);
  }

  /** An integer from 0 to 2^32 - 1; -1, and nothing taken, when it is none. */
  takeU32(): number {
    const { at } = this;
    if (this.takeInt()) {
      if (this.hi === 0) return this.lo;
      this.at = at;
    }
    return -1;
  }

  /** A float or an integer; NaN when it is neither. */
  takeNumber(): number {
    const head = this.peek();
    const { at, view } = this;
    if (head === FLOAT_64) {
      if (!this.#need(9)) return Number.NaN;
      this.at = at + 9;
      return view.getFloat64(at + 1);
    }
    if (head === FLOAT_32) {
      if (!this.#need(5)) return Number.NaN;
      this.at = at + 5;
      return view.getFloat32(at + 1);
    }
    if (!this.takeInt()) return Number.NaN;
    return (this.isNegative ? this.hi - TWO_TO_32 : this.hi) * TWO_TO_32 + this.lo;
  }

  /** Takes any value. False when it is broken, or nested too deep. */
  skip(): boolean {
    const owed = this.#owed;
    let depth = 0;
    owed[0] = 1;
    while (depth >= 0) {
      owed[depth] = (owed[depth] as number) - 1;
      const entries = this.#skipHead();
      if (entries < 0) return false;
      if (entries > 0) {
        if (++depth === owed.length) {
          this.tooDeep = true;
          return false;
        }
        owed[depth] = entries;
      }
      while (depth >= 0 && owed[depth] === 0) depth--;
    }
    return true;
  }

  /** Takes a value without what is in it; returns how many values that are, -1 when it is broken. */
  #skipHead(): number {
    const head = this.peek();
    if (head < 0x80 || head >= NEGATIVE_FIXINT) return this.#skipBytes(1);
    if ((head & 0xf0) === 0x90 || head === ARRAY_16 || head === ARRAY_32) return this.takeArray();
    if ((head & 0xf0) === 0x80 || head >= MAP_16) {
      const keys = this.takeMap();
      return keys < 0 ? -1 : 2 * keys;
    }
    if ((head & 0xe0) === 0xa0 || head >= STR_8) return this.takeText() < 0 ? -1 : 0;
    const fixed = FIXED_BYTES[head - NIL] as number;
    const width = LENGTH_WIDTH[head - NIL] as number;
    if (head === RESERVED || !this.#need(1 + width)) return -1;
    return this.#skipBytes(1 + width + fixed + (width === 0 ? 0 : this.#size(this.at + 1, width)));
  }

  #skipBytes(count: number): number {
    if (!this.#need(count)) return -1;
    this.at += count;
    return 0;
  }

  #need(count: number): boolean {
    if (count <= this.end - this.at) return true;
    this.broken = true;
    return false;
  }

  /** An unsigned integer of one, two or four bytes. */
  #size(at: number, width: number): number {
    if (width === 1) return this.bytes[at] as number;
    return width === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  /** Moves behind the head of a list or map, if as many values as it announces can follow. */
  #open(entries: number, headBytes: number, valuesAnEntry: number): number {
    const at = this.at + headBytes;
    if (entries * valuesAnEntry > this.end - at) {
      this.broken = true;
      return -1;
    }
    this.at = at;
    return entries;
  }

  /** Moves behind text or binary data, if that many bytes are there. */
  #gotBytes(start: number, length: number): number {
    if (length > this.end - start) {
      this.broken = true;
      return -1;
    }
    this.textAt = start;
    this.at = start + length;
    return length;
  }

  #gotInt(lo: number, hi: number, isNegative: boolean, bytes: number): true {
    this.lo = lo;
    this.hi = hi;
    this.isNegative = isNegative;
    this.at += bytes;
    return true;
  }
}

/** Bytes of the length that follows the head, for heads from 0xc0 to 0xd8. */
const LENGTH_WIDTH: readonly number[] = [0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/** Bytes besides those that the length counts: the whole of a number, the type of an extension. */
const FIXED_BYTES: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17];
