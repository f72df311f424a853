/**
 * The words of JSON, strictly: strings, numbers, literals, whitespace, read byte by byte. MAIN THREAD.
 *
 * The one failure mode keeps all functions above free of checks: at the first byte that cannot be, the fault is noted
 * and the position jumps to the NULs behind the buffer, where every further call fails too and every loop ends. The
 * caller looks at `fault` once, when a whole entry has been tried. Bytes that have not arrived yet look the same, with
 * `faultAt` at the end of the buffer.
 */
import { type BodyBuffer } from "./body-buffer.ts";
import { HEAD_DIGITS, MAX_U64_DIGITS, U64Parts } from "./json-number.ts";

export type Fault = "bad_value" | "bad_key" | "bad_separator" | "bad_string" | "bad_escape" | "bad_number" | "too_deep";

export const QUOTE = 0x22;
const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const BACKSLASH = 0x5c;
const LOWER_E = 0x65;
const LOWER_U = 0x75;

const TRUE: Buffer = Buffer.from("true");
const FALSE: Buffer = Buffer.from("false");
const NULL: Buffer = Buffer.from("null");

/** 1 for the bytes at which plain text in a string ends: the quote, the backslash, control characters. */
const ENDS_TEXT: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < SPACE || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
);
const SIMPLE_ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));

export class JsonLexer {
  bytes: Buffer;
  view: DataView;
  /** Index of the next byte. */
  pos: number = 0;
  /** Index behind the last byte that has arrived; NULs follow. */
  length: number = 0;
  fault: Fault | null = null;
  /** Index of the byte that cannot be; `length` when it is the one that is missing. */
  faultAt: number = 0;

  /** The last string or number: its text is `bytes[start … end)`, a string's without the quotes. */
  start: number = 0;
  end: number = 0;
  /** The last string has a backslash in it. */
  escaped: boolean = false;
  /** The last number has neither fraction nor exponent. */
  integer: boolean = false;
  negative: boolean = false;
  /** The magnitude of the last integer is at most 2^64 - 1, and stands in `magnitude`. */
  fits: boolean = false;
  readonly magnitude: U64Parts = new U64Parts();

  constructor(body: BodyBuffer) {
    this.bytes = body.bytes;
    this.view = body.view;
  }

  /** Goes to the first unread byte of `body`; needed after every push, which may have moved the memory. */
  load(body: BodyBuffer): void {
    this.bytes = body.bytes;
    this.view = body.view;
    this.pos = body.start;
    this.length = body.length;
    this.fault = null;
  }

  /** Notes the fault at `pos`, unless there was one before. */
  fail(fault: Fault): void {
    if (this.fault === null) {
      this.fault = fault;
      this.faultAt = this.pos;
    }
    this.pos = this.length;
  }

  /** Steps over whitespace and returns the byte that follows, without taking it. */
  peek(): number {
    const bytes = this.bytes;
    let pos = this.pos;
    let byte = bytes[pos] as number;
    while (byte <= SPACE && (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09)) {
      byte = bytes[++pos] as number;
    }
    this.pos = pos;
    return byte;
  }

  /** At a quote: takes a string. */
  string(): void {
    const bytes = this.bytes;
    let pos = this.pos + 1;
    this.start = pos;
    this.end = pos;
    this.escaped = false;
    for (;;) {
      while (ENDS_TEXT[bytes[pos] as number] === 0) pos++;
      this.pos = pos;
      const byte = bytes[pos] as number;
      if (byte === QUOTE) break;
      if (byte !== BACKSLASH) return this.fail("bad_string");
      this.#escape();
      if (this.fault !== null) return;
      pos = this.pos;
    }
    this.end = pos;
    this.pos = pos + 1;
  }

  /** The text of the last string. What is not UTF-8, and surrogates without their other half, become U+FFFD. */
  text(): string {
    if (!this.escaped) return this.bytes.toString("utf8", this.start, this.end);
    // A fault leaves no string that JSON.parse would take.
    if (this.fault !== null) return "";
    const text: string = JSON.parse(this.bytes.toString("utf8", this.start - 1, this.end + 1));
    return Buffer.from(text, "utf8").toString("utf8");
  }

  /** At a minus or a digit: takes a number and sorts out what kind it is. */
  number(): void {
    const bytes = this.bytes;
    let pos = this.pos;
    this.start = pos;
    this.integer = true;
    this.negative = bytes[pos] === MINUS;
    if (this.negative) pos++;
    const first = pos;
    let head = 0;
    let tail = 0;
    let digit = (bytes[pos] as number) - ZERO;
    // Nine digits are a small integer to the engine that runs this; nearly all numbers end here.
    while (digit >= 0 && digit <= 9 && pos < first + HEAD_DIGITS) {
      head = head * 10 + digit;
      digit = (bytes[++pos] as number) - ZERO;
    }
    const middle = pos;
    while (digit >= 0 && digit <= 9 && pos < first + MAX_U64_DIGITS) {
      tail = tail * 10 + digit;
      digit = (bytes[++pos] as number) - ZERO;
    }
    this.pos = pos;
    if (pos === first) return this.fail("bad_number");
    if (pos > first + 1 && bytes[first] === ZERO) {
      this.pos = first + 1;
      return this.fail("bad_number");
    }
    if (pos === middle) this.fits = this.magnitude.set(head);
    else this.fits = this.magnitude.join(head, tail, pos - middle);
    if (this.#digits()) this.fits = false;
    this.#fraction();
  }

  /** Takes a literal if it is one; otherwise nothing can stand here. */
  literal(): void {
    const byte = this.bytes[this.pos] as number;
    const letters = byte === 0x6e ? NULL : byte === 0x74 ? TRUE : FALSE;
    for (const letter of letters) {
      if (this.bytes[this.pos] !== letter) return this.fail("bad_value");
      this.pos++;
    }
  }

  /** Takes a string, number or literal that starts with `byte`. */
  scalar(byte: number): void {
    if (byte === QUOTE) this.string();
    else if (isNumberStart(byte)) this.number();
    else this.literal();
  }

  /** At a backslash: takes the escape. */
  #escape(): void {
    this.escaped = true;
    const kind = this.bytes[++this.pos] as number;
    if (kind === LOWER_U) {
      for (let i = 0; i < 4; i++) {
        if (!isHexDigit(this.bytes[++this.pos] as number)) return this.fail("bad_escape");
      }
    } else if (!SIMPLE_ESCAPES.has(kind)) {
      return this.fail("bad_escape");
    }
    this.pos++;
  }

  /** Behind the integer part: takes fraction and exponent, if there are any. */
  #fraction(): void {
    const bytes = this.bytes;
    if (bytes[this.pos] === DOT) {
      this.integer = false;
      this.pos++;
      if (!this.#digits()) return this.fail("bad_number");
    }
    if (((bytes[this.pos] as number) | 0x20) === LOWER_E) {
      this.integer = false;
      this.pos++;
      if (bytes[this.pos] === PLUS || bytes[this.pos] === MINUS) this.pos++;
      if (!this.#digits()) return this.fail("bad_number");
    }
    this.end = this.pos;
  }

  /** Takes digits; false when there is none. */
  #digits(): boolean {
    const first = this.pos;
    while (isDigit(this.bytes[this.pos] as number)) this.pos++;
    return this.pos > first;
  }
}

export function isNumberStart(byte: number): boolean {
  return byte === MINUS || isDigit(byte);
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function isHexDigit(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}
