/**
 * The structure of JSON: objects, arrays, keys, and whole values that nobody needs. MAIN THREAD.
 *
 * The cursor checks the grammar and says where things are; what they mean is decided by the functions above it. It makes
 * no objects, and it follows nesting with a stack of its own, never with recursion.
 */
import { type BodyBuffer } from "./body-buffer.ts";
import { JsonLexer, QUOTE } from "./json-lexer.ts";
import { WORD, type Word, wordAt, wordOf } from "./json-words.ts";

/** Levels that an unknown value may nest before its event is given up, though the rest of the body is still read. */
export const MAX_IGNORED_DEPTH = 64;
/** Levels that are followed at all; beyond it the body is refused. */
export const MAX_NESTING = 4096;

export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;
/** From an opening bracket or brace to its closing one: the same step for both. */
const TO_CLOSER = 2;

export class JsonCursor extends JsonLexer {
  /** Bytes that were read a second time because of `rewind`. */
  reread: number = 0;
  readonly #closers: Uint8Array = new Uint8Array(MAX_NESTING);

  override load(body: BodyBuffer): void {
    super.load(body);
    this.reread = 0;
  }

  /** Goes back to read what follows `pos` once more. After a fault there is nothing to go back for. */
  rewind(pos: number): void {
    if (this.fault !== null) return;
    this.reread += this.pos - pos;
    this.pos = pos;
  }

  /** At an opening bracket or brace: takes it. False when the container is empty, which takes the closing one too. */
  enter(close: number): boolean {
    this.pos++;
    if (this.peek() !== close) return true;
    this.pos++;
    return false;
  }

  /** After a member: takes the comma (true) or the closing bracket or brace (false). */
  more(close: number): boolean {
    const byte = this.peek();
    if (byte === COMMA) {
      this.pos++;
      return true;
    }
    if (byte === close) this.pos++;
    else this.fail("bad_separator");
    return false;
  }

  /** Takes a key and its colon. */
  key(): Word {
    this.#skipKey();
    return this.#word();
  }

  /** At a quote: takes a string that should be one of the schema's words. */
  word(): Word {
    this.string();
    return this.#word();
  }

  /** Takes any value and checks it. Returns how deep it nests: 0 for a scalar, 1 for `[]`. */
  skip(): number {
    const closers = this.#closers;
    let depth = 0;
    let deepest = 0;
    do {
      const byte = this.peek();
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (depth === MAX_NESTING) {
          this.fail("too_deep");
          return deepest;
        }
        if (depth === deepest) deepest++;
        const close = byte + TO_CLOSER;
        if (this.enter(close)) {
          closers[depth++] = close;
          if (close === CLOSE_BRACE) this.#skipKey();
          continue;
        }
      } else {
        this.scalar(byte);
      }
      while (depth > 0) {
        const close = closers[depth - 1] as number;
        if (this.more(close)) {
          if (close === CLOSE_BRACE) this.#skipKey();
          break;
        }
        depth--;
      }
    } while (depth > 0);
    return deepest;
  }

  #skipKey(): void {
    if (this.peek() !== QUOTE) return this.fail("bad_key");
    this.string();
    if (this.peek() !== COLON) return this.fail("bad_key");
    this.pos++;
    this.peek();
  }

  #word(): Word {
    if (this.fault !== null) return WORD.other;
    return this.escaped ? wordOf(this.text()) : wordAt(this.bytes, this.start, this.end);
  }
}
