/**
 * From the bytes of a drain's body to its entries, one at a time, while the body is still arriving. MAIN THREAD.
 *
 * The body is one JSON array. Its entries are scanned one by one, each in one go: an entry that has not fully arrived is
 * scanned again from its start, but not before twice as many bytes of it are there (or the body has ended). So the work
 * stays within a small multiple of the body however small the chunks are, and no scanning state has to survive a chunk.
 * Entries in front of a broken place are delivered; nothing behind it is, because where the next entry would start is
 * unknown then.
 *
 * A UTF-8 byte order mark in front is skipped. Bytes inside strings that are not UTF-8, and surrogates without their
 * other half, read as U+FFFD. Two things that JSON allows are refused: a body that is no array, and nesting beyond
 * `MAX_NESTING` levels.
 */
import { BodyBuffer } from "./body-buffer.ts";
import { CLOSE_BRACKET, JsonCursor, OPEN_BRACKET } from "./json-cursor.ts";
import { isNumberStart } from "./json-lexer.ts";
import { describeRefusal, type RefusalCode, type ScanError } from "./scan-error.ts";

/**
 * - `event`: the scratch holds the next entry of the list.
 * - `more`: nothing to give until more bytes are pushed, or `end()` is called.
 * - `done`: the list was closed, nothing but whitespace followed, and `end()` was called.
 * - `error`: the body is refused from here on; `error` says why.
 */
export type ScanStep = "event" | "more" | "done" | "error";

/** What may stand next on the level of the list. */
type Expectation = "mark" | "list" | "first" | "entry" | "separator" | "nothing";

const COMMA = 0x2c;
const BYTE_ORDER_MARK: Uint8Array = Uint8Array.of(0xef, 0xbb, 0xbf);

/** What an entry is read into; reused for the next. */
export interface Scratch {
  reset(): void;
}

export class ListScanner<T extends Scratch> {
  readonly #scanEntry: (cursor: JsonCursor, entry: T) => void;
  readonly #body: BodyBuffer = new BodyBuffer();
  readonly #cursor: JsonCursor = new JsonCursor(this.#body);
  #expect: Expectation = "mark";
  #ended: boolean = false;
  #error: ScanError | null = null;
  #entries: number = 0;
  /** The entry at the front is not tried before so many bytes of it are there. */
  #worthTrying: number = 0;
  #scannedBytes: number = 0;

  /** `scanEntry` takes one entry at the cursor into a scratch that was reset. It may run again for the same entry. */
  constructor(scanEntry: (cursor: JsonCursor, entry: T) => void) {
    this.#scanEntry = scanEntry;
  }

  /** Why the body was refused; null as long as it was not. */
  get error(): ScanError | null {
    return this.#error;
  }

  /** Entries of this body that were delivered. */
  get entries(): number {
    return this.#entries;
  }

  /** Bytes looked at for this body, each as often as it was looked at: what the scan costs. */
  get scannedBytes(): number {
    return this.#scannedBytes;
  }

  /** Starts a new body and forgets the one before, whatever became of it. */
  begin(): void {
    this.#body.clear();
    this.#expect = "mark";
    this.#ended = false;
    this.#error = null;
    this.#entries = 0;
    this.#worthTrying = 0;
    this.#scannedBytes = 0;
  }

  /** Takes the next bytes of the body. They are copied: the chunk's memory may be used again at once. */
  push(chunk: Uint8Array): void {
    // What follows a refused place is not even kept.
    if (this.#error === null) this.#body.push(chunk);
  }

  /** No more bytes will come. */
  end(): void {
    this.#ended = true;
  }

  /** Fills `entry` with the next of the list. Its content counts only after the answer `event`. */
  next(entry: T): ScanStep {
    entry.reset();
    if (this.#error !== null) return "error";
    if (this.#expect === "mark" && !this.#passMark()) return "more";
    const cursor = this.#cursor;
    cursor.load(this.#body);
    for (;;) {
      const byte = cursor.peek();
      this.#consume();
      if (cursor.pos === cursor.length) return this.#outOfBytes();
      if (this.#expect === "first" && byte !== CLOSE_BRACKET) this.#expect = "entry";
      switch (this.#expect) {
        case "entry":
          return this.#scan(entry, byte);
        case "first":
          this.#expect = "nothing";
          break;
        case "separator":
          if (byte !== COMMA && byte !== CLOSE_BRACKET) return this.#refuse("bad_separator", cursor.pos, false);
          this.#expect = byte === COMMA ? "entry" : "nothing";
          break;
        case "nothing":
          return this.#refuse("trailing_data", cursor.pos, false);
        case "mark":
        case "list":
          if (byte !== OPEN_BRACKET) return this.#refuse("not_array", cursor.pos, false);
          this.#expect = "first";
          break;
      }
      cursor.pos++;
    }
  }

  #scan(entry: T, firstByte: number): ScanStep {
    const cursor = this.#cursor;
    const waiting = cursor.length - cursor.pos;
    if (waiting < this.#worthTrying && !this.#ended) return "more";
    this.#scanEntry(cursor, entry);
    this.#scannedBytes += cursor.reread;
    const { fault, faultAt } = cursor;
    // A number may go on in the bytes to come; everything else has an end of its own.
    const mayGoOn = fault === null && cursor.pos === cursor.length && isNumberStart(firstByte) && !this.#ended;
    if (fault === null && !mayGoOn) {
      this.#consume();
      this.#entries++;
      this.#worthTrying = 0;
      this.#expect = "separator";
      return "event";
    }
    if (!mayGoOn && fault !== null && (faultAt < cursor.length || this.#ended)) {
      const code = faultAt < cursor.length ? fault : "truncated";
      this.#scannedBytes += faultAt - this.#body.start;
      return this.#refuse(code, faultAt, true);
    }
    this.#scannedBytes += waiting;
    this.#worthTrying = waiting * 2;
    return "more";
  }

  /** Steps over a byte order mark. False when the few bytes that are there may still become one. */
  #passMark(): boolean {
    const body = this.#body;
    const found = body.bytes.subarray(body.start, body.length);
    const isMark = BYTE_ORDER_MARK.every((byte, i) => i >= found.length || byte === found[i]);
    if (isMark && found.length < BYTE_ORDER_MARK.length && !this.#ended) return false;
    if (isMark && found.length >= BYTE_ORDER_MARK.length) body.start += BYTE_ORDER_MARK.length;
    this.#expect = "list";
    return true;
  }

  /** Everything in front of the cursor is read for good. */
  #consume(): void {
    this.#scannedBytes += this.#cursor.pos - this.#body.start;
    this.#body.start = this.#cursor.pos;
  }

  #outOfBytes(): ScanStep {
    if (!this.#ended) return "more";
    if (this.#expect === "nothing") return "done";
    return this.#refuse(this.#expect === "list" ? "empty_body" : "truncated", this.#cursor.length, false);
  }

  #refuse(code: RefusalCode, pos: number, inEntry: boolean): ScanStep {
    const { base, bytes } = this.#body;
    const byte = bytes[pos] as number;
    this.#error = describeRefusal(code, { offset: base + pos, entries: this.#entries, inEntry, byte });
    return "error";
  }
}
