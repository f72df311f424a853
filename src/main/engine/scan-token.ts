/**
 * Tokens, the bulk of every body: thirty-two or more a block, sixty bytes each, all but the digits the same. MAIN THREAD.
 *
 * Serialisers write a token in one of two spellings, with or without a space behind ',' and ':'. Both are tried as a
 * whole first: eight bytes a compare, read as doubles. Two doubles of ASCII bytes are equal exactly when their bits are,
 * because ASCII makes neither a NaN nor a zero. A token in any other spelling (other key order, other keys, not a plain
 * number) takes the way through the cursor, key by key.
 */
import { CLOSE_BRACE, CLOSE_BRACKET, type JsonCursor, OPEN_BRACE, OPEN_BRACKET } from "./json-cursor.ts";
import { isNumberStart, QUOTE } from "./json-lexer.ts";
import { WORD } from "./json-words.ts";
import { MAX_EXTRAS_PER_EVENT, type OddToken, type RawEvent } from "./raw-event.ts";
import { ignore, refuse } from "./scan-value.ts";

const SPACE = 0x20;
const COMMA = 0x2c;
const ZERO = 0x30;
const LOWER_N = 0x6e;
const LOWER_T = 0x74;
const MAX_TOKEN = 0xffff_ffff;

/** `before` + digits + `after`, as doubles of eight bytes; the last double of each overlaps the one in front of it. */
class Spelling {
  readonly before: Float64Array;
  readonly beforeLength: number;
  readonly after: Float64Array;
  readonly afterLength: number;

  constructor(before: string, after: string) {
    this.before = wordsOf(before);
    this.beforeLength = before.length;
    this.after = wordsOf(after);
    this.afterLength = after.length;
  }
}

function wordsOf(text: string): Float64Array {
  const view = new DataView(new TextEncoder().encode(text).buffer);
  const count = Math.ceil(text.length / 8);
  return Float64Array.from({ length: count }, (_, i) => view.getFloat64(Math.min(i * 8, text.length - 8), true));
}

const COMPACT: Spelling = new Spelling('{"type":"unique_token","token_id":', ',"token_extra_id":0}');
const SPACED: Spelling = new Spelling('{"type": "unique_token", "token_id": ', ', "token_extra_id": 0}');
/** Where the two differ: behind `{"type":`. */
const GAP_AT = 8;

/** At an opening bracket: takes the array of a block's tokens. */
export function scanTokens(cursor: JsonCursor, event: RawEvent): void {
  if (!cursor.enter(CLOSE_BRACKET)) return;
  do {
    cursor.peek();
    if (!takeSpelled(cursor, event)) scanToken(cursor, event);
  } while (cursor.more(CLOSE_BRACKET));
}

/** Takes tokens as long as they are spelled the known way. False when it stands at one that is not. */
function takeSpelled(cursor: JsonCursor, event: RawEvent): boolean {
  const bytes = cursor.bytes;
  const view = cursor.view;
  const { before, beforeLength, after, afterLength } = bytes[cursor.pos + GAP_AT] === SPACE ? SPACED : COMPACT;
  let tokens = event.tokens;
  let count = event.tokenCount;
  let pos = cursor.pos;
  let behind = false;
  while (isBefore(view, pos, before, beforeLength)) {
    let end = pos + beforeLength;
    let digit = (bytes[end] as number) - ZERO;
    let token = digit;
    if (digit < 0 || digit > 9) break;
    // Up to nine digits; a leading zero or a tenth digit do not match `after`, and are judged by the cursor.
    const stop = digit === 0 ? end + 1 : end + 9;
    for (;;) {
      digit = (bytes[++end] as number) - ZERO;
      if (digit < 0 || digit > 9 || end === stop) break;
      token = token * 10 + digit;
    }
    if (!isAfter(view, end, after, afterLength)) break;
    if (count === tokens.length) {
      event.growTokens(count + 1);
      tokens = event.tokens;
    }
    tokens[count++] = token;
    pos = end + afterLength;
    if (bytes[pos] !== COMMA) {
      behind = true;
      break;
    }
    if (bytes[++pos] === SPACE) pos++;
  }
  event.tokenCount = count;
  cursor.pos = pos;
  return behind;
}

function isBefore(view: DataView, pos: number, before: Float64Array, length: number): boolean {
  return (
    view.getFloat64(pos, true) === before[0] &&
    view.getFloat64(pos + 8, true) === before[1] &&
    view.getFloat64(pos + 16, true) === before[2] &&
    view.getFloat64(pos + 24, true) === before[3] &&
    view.getFloat64(pos + length - 8, true) === before[4]
  );
}

function isAfter(view: DataView, pos: number, after: Float64Array, length: number): boolean {
  return (
    view.getFloat64(pos, true) === after[0] &&
    view.getFloat64(pos + 8, true) === after[1] &&
    view.getFloat64(pos + length - 8, true) === after[2]
  );
}

function scanToken(cursor: JsonCursor, event: RawEvent): void {
  if (cursor.peek() !== OPEN_BRACE) return refuse(cursor, event);
  let found = false;
  if (cursor.enter(CLOSE_BRACE)) {
    do {
      if (cursor.key() === WORD.token_id && !found) {
        found = true;
        scanTokenId(cursor, event);
      } else {
        ignore(cursor, event);
      }
    } while (cursor.more(CLOSE_BRACE));
  }
  if (!found) event.fail("missing_field");
}

function scanTokenId(cursor: JsonCursor, event: RawEvent): void {
  const byte = cursor.peek();
  if (isNumberStart(byte)) return scanNumber(cursor, event);
  if (byte === QUOTE) {
    cursor.string();
    return addOdd(event, "string", 0, cursor.text());
  }
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return refuse(cursor, event);
  cursor.literal();
  if (byte === LOWER_N) addOdd(event, "null", 0, "");
  else addOdd(event, "bool", byte === LOWER_T ? 1 : 0, "");
}

function scanNumber(cursor: JsonCursor, event: RawEvent): void {
  cursor.number();
  if (cursor.integer) {
    const { lo, hi } = cursor.magnitude;
    if (!cursor.fits || hi > 0 || (cursor.negative && lo > 0)) event.fail("token_range");
    else event.addToken(lo);
    return;
  }
  const token = Math.trunc(Number(cursor.bytes.toString("latin1", cursor.start, cursor.end)));
  if (token >= 0 && token <= MAX_TOKEN) addOdd(event, "float", token, "");
  else event.fail("token_range");
}

function addOdd(event: RawEvent, type: OddToken["type"], token: number, text: string): void {
  if (event.oddTokens.length < MAX_EXTRAS_PER_EVENT) event.oddTokens.push({ index: event.tokenCount, type, text });
  else event.fail("bad_type");
  event.addToken(token);
}
