/**
 * Events as the engine's server writes them: one compact JSON list, u64 hashes as bare integers. MAIN THREAD.
 *
 * It has to feed load tests, so bytes go straight into a buffer: constant text as ready pieces, digits by hand, no
 * BigInt, no strings. The answer to one drain is a list of such buffers; bytes once handed out are never written again,
 * because the socket may still be sending them.
 */
import { scramble } from "../engine/random.ts";
import { PARENT, RAW_KIND, type RawEvent } from "../engine/raw-event.ts";
import { HOST_BLOCKS, PRIMARY_BLOCKS } from "./pretended-cache.ts";
import type { EventsForm } from "./sim-config.ts";

const CHUNK_BYTES = 262_144;

// Upper bounds of what one part of an event can need.
const ENVELOPE_BYTES = 512;
const BLOCK_BYTES = 256;
const TOKEN_BYTES = 80;

const ZERO = 0x30;
const COMMA = 0x2c;
const HEX: Uint8Array = piece("0123456789abcdef");

const EVENT_ID = piece('{"event_id":');
const CREATED = piece(`,"data":{"type":"created","num_blocks_per_cache_level":[${PRIMARY_BLOCKS},${HOST_BLOCKS}]}`);
const STORED = piece(',"data":{"type":"stored","parent_hash":');
const BLOCKS = piece(',"blocks":[');
const BLOCK = piece('{"type":"stored_block","block_hash":');
const TOKENS = piece(',"tokens":[');
const FIRST_TOKEN = piece('{"type":"unique_token","token_id":');
const NEXT_TOKEN = piece(',"token_extra_id":0},{"type":"unique_token","token_id":');
const LAST_TOKEN = piece(',"token_extra_id":0}');
const BLOCK_END = piece('],"cache_level":0,"priority":35,"mm_keys":[],"cache_salt":null}');
const BLOCK_END_LEGACY = piece('],"cache_level":0,"priority":35}');
const REMOVED = piece(',"data":{"type":"removed","block_hashes":[');
const LIST_END = piece("]}");
const WINDOW = piece(',"window_size":');
const RANK = piece(',"attention_dp_rank":');
const NULL = piece("null");
const OPEN = piece("[");
const CLOSE = piece("]");
const END = piece("}");
const NOTHING = piece("");
const ALGORITHM: Record<EventsForm, Uint8Array> = {
  v1: NOTHING,
  legacy: NOTHING,
  v2_sha256: piece(',"hash_algo":"v2_sha256","layer_group_id":0'),
  v2_sha256_64: piece(',"hash_algo":"v2_sha256_64","layer_group_id":0'),
};

function piece(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** `set` of a ready piece is one memcpy; byte by byte the same costs five times as much. */
function put(out: Uint8Array, at: number, text: Uint8Array): number {
  out.set(text, at);
  return at + text.length;
}

/** Writes an integer below 2^31 without leading zeros. */
function putInt(out: Uint8Array, at: number, value: number): number {
  let width = 1;
  for (let rest = value; rest >= 10; rest = (rest / 10) | 0) width++;
  return putPadded(out, at, value, width);
}

function putPadded(out: Uint8Array, at: number, value: number, width: number): number {
  let rest = value;
  for (let i = at + width - 1; i >= at; i--) {
    const tenth = (rest / 10) | 0;
    out[i] = ZERO + rest - tenth * 10;
    rest = tenth;
  }
  return at + width;
}

/** Writes a u64 in decimal: three limbs in base 10^7, all sums of which stay far below 2^53. */
export function putU64(out: Uint8Array, at: number, lo: number, hi: number): number {
  const upper = hi >>> 16;
  const middle = hi & 0xffff;
  // 2^48 = 28147497·10^7 + 6710656 and 2^32 = 429·10^7 + 4967296.
  const sum0 = upper * 6_710_656 + middle * 4_967_296 + lo;
  const carry0 = Math.floor(sum0 / 1e7);
  const sum1 = upper * 28_147_497 + middle * 429 + carry0;
  const carry1 = Math.floor(sum1 / 1e7);
  const limb0 = sum0 - carry0 * 1e7;
  const limb1 = sum1 - carry1 * 1e7;
  if (carry1 > 0) {
    const next = putPadded(out, putInt(out, at, carry1), limb1, 7);
    return putPadded(out, next, limb0, 7);
  }
  if (limb1 > 0) return putPadded(out, putInt(out, at, limb1), limb0, 7);
  return putInt(out, at, limb0);
}

/** Writes 64 hex digits whose first 16 are the hash; the rest only has to look the part. */
function putHex(out: Uint8Array, start: number, lo: number, hi: number): number {
  let at = start;
  out[at++] = 0x22;
  for (let word = 0; word < 8; word++) {
    const value = word === 0 ? hi : word === 1 ? lo : scramble((word % 2 === 0 ? hi : lo) + word);
    for (let shift = 28; shift >= 0; shift -= 4) out[at++] = HEX[(value >>> shift) & 15] as number;
  }
  out[at++] = 0x22;
  return at;
}

export class EventJsonWriter {
  readonly #form: EventsForm;
  readonly #withRank: boolean;
  readonly #blockEnd: Uint8Array;
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  /** The bytes from `start` to `at` belong to the answer that is being written. */
  #start = 0;
  #at = 0;
  #full: Buffer[] = [];
  #fullBytes = 0;
  #count = 0;

  /** `ranks` above 1 adds `attention_dp_rank`, as the engine does with attention DP only. */
  constructor(form: EventsForm, ranks: number) {
    this.#form = form;
    this.#withRank = ranks > 1;
    this.#blockEnd = form === "legacy" ? BLOCK_END_LEGACY : BLOCK_END;
  }

  /** Bytes written since the last `finish`. */
  get bytes(): number {
    return this.#fullBytes + this.#at - this.#start;
  }

  /** Appends one created, stored or removed event. */
  add(raw: RawEvent): void {
    this.#reserve(ENVELOPE_BYTES + raw.blockCount * BLOCK_BYTES + raw.tokenCount * TOKEN_BYTES);
    const out = this.#chunk;
    let at = this.#at;
    if (this.#count++ === 0) at = put(out, at, OPEN);
    else out[at++] = COMMA;
    at = put(out, at, EVENT_ID);
    at = putU64(out, at, raw.eventId >>> 0, Math.floor(raw.eventId / 2 ** 32));

    if (raw.kind === RAW_KIND.stored) at = this.#stored(out, at, raw);
    else if (raw.kind === RAW_KIND.removed) at = this.#removed(out, at, raw);
    else at = put(out, at, CREATED);

    if (this.#form !== "legacy") {
      at = putInt(out, put(out, at, WINDOW), raw.windowSize);
      if (this.#withRank) at = putInt(out, put(out, at, RANK), raw.rank);
      at = put(out, at, ALGORITHM[this.#form]);
    }
    this.#at = put(out, at, END);
  }

  /** Ends the list. The buffers make up the body in this order; the next `add` begins a new list. */
  finish(): Buffer[] {
    this.#reserve(2);
    if (this.#count === 0) this.#at = put(this.#chunk, this.#at, OPEN);
    this.#at = put(this.#chunk, this.#at, CLOSE);
    const body = this.#full;
    body.push(this.#chunk.subarray(this.#start, this.#at));
    this.#start = this.#at;
    this.#full = [];
    this.#fullBytes = 0;
    this.#count = 0;
    return body;
  }

  #reserve(bytes: number): void {
    if (this.#chunk.length - this.#at >= bytes) return;
    if (this.#at > this.#start) {
      this.#full.push(this.#chunk.subarray(this.#start, this.#at));
      this.#fullBytes += this.#at - this.#start;
    }
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#start = 0;
    this.#at = 0;
  }

  #stored(out: Uint8Array, start: number, raw: RawEvent): number {
    const { hashLo, hashHi, tokenEnd, tokens, blockCount } = raw;
    let at = put(out, start, STORED);
    if (raw.parent === PARENT.given) at = this.#hash(out, at, raw.parentLo, raw.parentHi);
    else at = put(out, at, NULL);
    at = put(out, at, BLOCKS);
    let token = 0;
    for (let i = 0; i < blockCount; i++) {
      if (i > 0) out[at++] = COMMA;
      at = this.#hash(out, put(out, at, BLOCK), hashLo[i] as number, hashHi[i] as number);
      at = put(out, at, TOKENS);
      const end = tokenEnd[i] as number;
      if (token < end) {
        at = putInt(out, put(out, at, FIRST_TOKEN), tokens[token++] as number);
        while (token < end) at = putInt(out, put(out, at, NEXT_TOKEN), tokens[token++] as number);
        at = put(out, at, LAST_TOKEN);
      }
      at = put(out, at, this.#blockEnd);
    }
    return put(out, at, LIST_END);
  }

  #removed(out: Uint8Array, start: number, raw: RawEvent): number {
    let at = put(out, start, REMOVED);
    for (let i = 0; i < raw.blockCount; i++) {
      if (i > 0) out[at++] = COMMA;
      at = this.#hash(out, at, raw.hashLo[i] as number, raw.hashHi[i] as number);
    }
    return put(out, at, LIST_END);
  }

  #hash(out: Uint8Array, at: number, lo: number, hi: number): number {
    return this.#form === "v2_sha256" ? putHex(out, at, lo, hi) : putU64(out, at, lo, hi);
  }
}
