/**
 * `extra_keys`: what blocks depend on besides their tokens, in one list of keys for each block. MAIN THREAD.
 *
 *   [nil, ["adapter", ["64 hex digits", 3], "dynamo-cache-salt:tenant"], …]
 *
 * Three things stand here untagged: the adapter's name, identifiers of multimodal items, the salt. An identifier is known by
 * its 64 hex digits, of which the first 16 are its u64; a salt by the prefix that Dynamo's worker puts in front of it, and in
 * the first block only. What remains cannot be told apart, and is only noted as being there.
 *
 * Walked twice, as multimodal infos are: without a collector when the batch is checked, with one when the event is handed on.
 */
import { MAX_EXTRAS_PER_EVENT } from "../engine/raw-event.ts";
import { type Decoding, failure } from "./decoding.ts";
import type { MmCollector } from "./mm-infos.ts";
import type { MsgpackCursor } from "./msgpack-cursor.ts";
import { isGoodText, isSameText } from "./texts.ts";
import type { WireReason } from "./wire-refusal.ts";

const SALT_PREFIX: Uint8Array = Buffer.from("dynamo-cache-salt:", "latin1");
const IDENTIFIER_DIGITS = 64;
const DIGITS_A_HALF = 8;

const FALSE = 0xc2;
const TRUE = 0xc3;
const BIN_8 = 0xc4;
const BIN_32 = 0xc6;
const FLOAT_32 = 0xca;
const INT_64 = 0xd3;

/** Tells the keys of one event apart. */
export class KeyCollector {
  /** Place of the salt without its prefix; -1 for none. */
  saltAt: number = -1;
  saltBytes: number = 0;
  hasUnknown: boolean = false;
  readonly #cursor: MsgpackCursor;
  readonly #mm: MmCollector;
  readonly #loraNameAt: number;
  /** 0: no adapter. */
  readonly #loraNameBytes: number;
  /** A salt may be equal to the adapter's name; the name comes first, and once. */
  #loraSeen: boolean = false;

  constructor(cursor: MsgpackCursor, mm: MmCollector, loraNameAt: number, loraNameBytes: number) {
    this.#cursor = cursor;
    this.#mm = mm;
    this.#loraNameAt = loraNameAt;
    this.#loraNameBytes = loraNameBytes;
  }

  text(block: number, at: number, length: number): void {
    const isLora =
      length === this.#loraNameBytes && length > 0 && isSameText(this.#cursor, at, this.#loraNameAt, length);
    if (isLora && (block > 0 || !this.#loraSeen)) {
      this.#loraSeen = true;
      return;
    }
    if (this.#isTagged(at, length)) {
      if (block === 0 && this.saltAt < 0 && length > SALT_PREFIX.length) {
        this.saltAt = at + SALT_PREFIX.length;
        this.saltBytes = length - SALT_PREFIX.length;
      }
      return;
    }
    if (!isLora) this.identifier(block, at, length);
  }

  /** A text that stands with an offset, and so is nothing but the identifier of an item. */
  identifier(block: number, at: number, length: number): void {
    const { bytes } = this.#cursor;
    let isHex = length === IDENTIFIER_DIGITS;
    for (let i = 0; isHex && i < length; i++) isHex = hexValue(bytes[at + i] as number) >= 0;
    if (isHex) this.#mm.add(block, hexHalf(bytes, at + DIGITS_A_HALF), hexHalf(bytes, at));
    else this.hasUnknown = true;
  }

  #isTagged(at: number, length: number): boolean {
    if (length < SALT_PREFIX.length) return false;
    const { bytes } = this.#cursor;
    return SALT_PREFIX.every((byte, i) => bytes[at + i] === byte);
  }
}

/** Takes a list that is not nil. */
export function walkExtraKeys(decoding: Decoding, collector: KeyCollector | null): WireReason | null {
  const { cursor, place } = decoding;
  const blocks = cursor.takeArray();
  if (blocks < 0) return failure(decoding, "field");
  let total = 0;
  for (let block = 0; block < blocks; block++) {
    if (cursor.takeNil()) continue;
    place.entry = block;
    const keys = cursor.takeArray();
    if (keys < 0) return failure(decoding, "field");
    total += keys;
    if (total > MAX_EXTRAS_PER_EVENT) {
      place.fault = `more than ${MAX_EXTRAS_PER_EVENT} keys`;
      return "too_large";
    }
    for (let key = 0; key < keys; key++) if (!takeKey(cursor, block, collector)) return failure(decoding, "field");
  }
  place.entry = -1;
  return null;
}

function takeKey(cursor: MsgpackCursor, block: number, collector: KeyCollector | null): boolean {
  const head = cursor.peek();
  let length = cursor.takeText();
  if (length >= 0) {
    collector?.text(block, cursor.textAt, length);
    return isGoodText(cursor, length);
  }
  if (cursor.isArray()) {
    if (cursor.takeArray() !== 2) return false;
    length = cursor.takeText();
    if (length < 0 || !isGoodText(cursor, length)) return false;
    const at = cursor.textAt;
    if (!cursor.takeInt()) return false;
    collector?.identifier(block, at, length);
    return true;
  }
  const isNumber = head < 0x80 || head >= 0xe0 || (head >= FLOAT_32 && head <= INT_64);
  if (!isNumber && head !== FALSE && head !== TRUE && (head < BIN_8 || head > BIN_32)) return false;
  if (collector !== null) collector.hasUnknown = true;
  return cursor.skip();
}

/** -1 when it is no hex digit. */
function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function hexHalf(bytes: Uint8Array, at: number): number {
  let half = 0;
  for (let i = at; i < at + DIGITS_A_HALF; i++) half = (half << 4) | hexValue(bytes[i] as number);
  return half >>> 0;
}
