/**
 * How a publisher writes its batches, in the points in which readers differ. MAIN THREAD; pure.
 *
 * The decoder that feeds a pipeline takes all forms and forgets which one it was. This one forgets what was said and keeps the
 * form: it walks over the bytes of a payload and notes which manners it meets. `reader-rules.ts` says whom each of them hurts.
 */
import { MsgpackCursor } from "../wire/msgpack-cursor.ts";

export const MANNERS = [
  /** The batch is a map, or an array of another length than three. */
  "batch_map",
  "batch_short",
  "batch_long",
  "integer_timestamp",
  "nil_rank",
  "array_events",
  "map_events",
  /** An event type that is none of the three. */
  "unknown_event",
  /** A hash in fewer than the nine bytes of a 64-bit integer, and below 2^32. */
  "compact_hash",
  "unsigned_hash",
  "byte_hash",
  /** A BlockStored map without `lora_id`, `medium` or `lora_name`. */
  "missing_keys",
  /** Tokens that are no multiple of the block size. */
  "uneven_tokens",
  /** Stored blocks without any token. */
  "no_tokens",
  /** A hash of 0. */
  "zero_hash",
  /** An empty batch: a heartbeat. */
  "empty_batch",
  /** No msgpack, or nothing like a batch. */
  "unreadable",
] as const;
export type Manner = (typeof MANNERS)[number];

export interface BatchManners {
  readonly manners: ReadonlySet<Manner>;
  /** Seconds of the publisher's clock; NaN when there is none. */
  readonly timestamp: number;
  /** Null when the batch does not say. */
  readonly rank: number | null;
  readonly events: number;
  /** Of the stored events, each once. */
  readonly blockSizes: ReadonlySet<number>;
}

const KNOWN_EVENTS: ReadonlySet<string> = new Set(["BlockStored", "BlockRemoved", "AllBlocksCleared"]);
const STRICT_KEYS = ["lora_id", "medium", "lora_name"] as const;
const FLOAT_HEADS: ReadonlySet<number> = new Set([0xca, 0xcb]);
const UINT_64 = 0xcf;
const INT_64 = 0xd3;
/** Names longer than this are none that anybody knows. */
const MAX_NAME_BYTES = 64;
/** Of one batch; the rest is written in the same way. */
const MAX_EVENTS = 4096;

/** Looks at one payload. The bytes must not change meanwhile. */
export function mannersOf(payload: Uint8Array): BatchManners {
  return new MannersReader(payload).read();
}

class MannersReader {
  readonly #cursor: MsgpackCursor = new MsgpackCursor();
  readonly #manners: Set<Manner> = new Set();
  readonly #blockSizes: Set<number> = new Set();
  #timestamp: number = Number.NaN;
  #rank: number | null = null;
  #events: number = 0;

  constructor(payload: Uint8Array) {
    this.#cursor.open(payload);
  }

  read(): BatchManners {
    this.#readBatch();
    if (this.#cursor.broken || this.#cursor.tooDeep) this.#manners.add("unreadable");
    return {
      manners: this.#manners,
      timestamp: this.#timestamp,
      rank: this.#rank,
      events: this.#events,
      blockSizes: this.#blockSizes,
    };
  }

  #readBatch(): void {
    const cursor = this.#cursor;
    if (cursor.isMap()) {
      this.#manners.add("batch_map");
      return;
    }
    const length = cursor.takeArray();
    if (length < 2) {
      this.#manners.add("unreadable");
      return;
    }
    if (length < 3) this.#manners.add("batch_short");
    if (length > 3) this.#manners.add("batch_long");
    if (!FLOAT_HEADS.has(cursor.peek())) this.#manners.add("integer_timestamp");
    this.#timestamp = cursor.takeNumber();
    const events = cursor.takeArray();
    if (Number.isNaN(this.#timestamp) || events < 0) {
      this.#manners.add("unreadable");
      return;
    }
    if (events === 0) this.#manners.add("empty_batch");
    this.#events = events;
    for (let i = 0; i < events && !cursor.broken; i++) {
      if (i >= MAX_EVENTS) return;
      this.#readEvent();
    }
    if (length < 3 || cursor.broken) return;
    if (cursor.takeNil()) this.#manners.add("nil_rank");
    else if (cursor.takeInt()) this.#rank = cursor.isNegative ? null : cursor.lo;
    else this.#manners.add("unreadable");
  }

  #readEvent(): void {
    const cursor = this.#cursor;
    if (cursor.isMap()) {
      this.#manners.add("map_events");
      this.#readMap(cursor.takeMap());
      return;
    }
    const length = cursor.takeArray();
    if (length < 1) {
      this.#manners.add("unreadable");
      cursor.skip();
      return;
    }
    this.#manners.add("array_events");
    this.#readArray(length);
  }

  #readMap(keys: number): void {
    const cursor = this.#cursor;
    const seen = new Set<string>();
    let type = "";
    let tokens = -1;
    let blockSize = -1;
    for (let i = 0; i < keys && !cursor.broken; i++) {
      const key = this.#takeName();
      seen.add(key);
      if (key === "type") type = this.#takeName();
      else if (key === "block_hashes") this.#readHashes();
      else if (key === "parent_block_hash") this.#readHash();
      else if (key === "token_ids") tokens = this.#countEntries();
      else if (key === "block_size") blockSize = this.#takeSize();
      else cursor.skip();
    }
    if (!KNOWN_EVENTS.has(type)) this.#manners.add("unknown_event");
    if (type !== "BlockStored") return;
    if (STRICT_KEYS.some((key) => !seen.has(key))) this.#manners.add("missing_keys");
    this.#noteSize(tokens, blockSize);
  }

  #readArray(length: number): void {
    const cursor = this.#cursor;
    const type = this.#takeName();
    if (!KNOWN_EVENTS.has(type)) this.#manners.add("unknown_event");
    let done = 1;
    if (type === "BlockStored" && length >= 5) {
      this.#readHashes();
      this.#readHash();
      const tokens = this.#countEntries();
      this.#noteSize(tokens, this.#takeSize());
      done = 5;
    } else if (type === "BlockRemoved" && length >= 2) {
      this.#readHashes();
      done = 2;
    }
    for (let i = done; i < length && !cursor.broken; i++) cursor.skip();
  }

  #readHashes(): void {
    const hashes = this.#cursor.takeArray();
    if (hashes < 0) {
      this.#cursor.skip();
      return;
    }
    for (let i = 0; i < hashes && !this.#cursor.broken; i++) this.#readHash();
  }

  #readHash(): void {
    const cursor = this.#cursor;
    const head = cursor.peek();
    if (cursor.takeNil()) return;
    if (!cursor.takeInt()) {
      this.#manners.add("byte_hash");
      cursor.skip();
      return;
    }
    if (head === UINT_64) this.#manners.add("unsigned_hash");
    else if (head !== INT_64) this.#manners.add("compact_hash");
    if (cursor.lo === 0 && cursor.hi === 0) this.#manners.add("zero_hash");
  }

  #noteSize(tokens: number, blockSize: number): void {
    if (blockSize > 0) this.#blockSizes.add(blockSize);
    if (tokens === 0) this.#manners.add("no_tokens");
    if (tokens >= 0 && blockSize > 0 && tokens % blockSize !== 0) this.#manners.add("uneven_tokens");
  }

  /** A text, or empty for anything else. */
  #takeName(): string {
    const cursor = this.#cursor;
    const bytes = cursor.takeText();
    if (bytes < 0) {
      cursor.skip();
      return "";
    }
    if (bytes > MAX_NAME_BYTES) return "";
    return Buffer.from(cursor.bytes.buffer, cursor.bytes.byteOffset + cursor.textAt, bytes).toString("latin1");
  }

  #takeSize(): number {
    const size = this.#cursor.takeU32();
    if (size < 0) this.#cursor.skip();
    return size;
  }

  /** How many entries a list has; it is passed over. -1 for anything else. */
  #countEntries(): number {
    const cursor = this.#cursor;
    const entries = cursor.takeArray();
    if (entries < 0) {
      cursor.skip();
      return -1;
    }
    for (let i = 0; i < entries && !cursor.broken; i++) cursor.skip();
    return entries;
  }
}
