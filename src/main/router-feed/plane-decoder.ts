/**
 * Messages of the event plane, from their msgpack to events. MAIN THREAD; pure.
 *
 *   envelope   {publisher_id, sequence, published_at, topic, payload: [RouterEvent, …]}
 *
 * Keys may come in any order, and those that are not known are passed over. Nothing throws, and what is reserved is bounded by the
 * size of the message.
 */
import { MsgpackCursor } from "../wire/msgpack-cursor.ts";
import { PLANE_KIND, type PlaneEvent, TIER_NAMES } from "./plane-event.ts";

const TWO_TO_32 = 2 ** 32;
const MAX_RANK = 0xffff;

/** What stands before the payload. */
export interface Envelope {
  readonly publisher: bigint;
  readonly topic: string;
  /** Bytes of the payload. */
  readonly payload: Uint8Array;
}

const words = new BigUint64Array(1);
const halves = new Int32Array(words.buffer);

/** null: it is none. */
export function readEnvelope(message: Uint8Array): Envelope | null {
  const cursor = new MsgpackCursor();
  cursor.open(message);
  const keys = cursor.takeMap();
  let publisher: bigint | null = null;
  let topic: string | null = null;
  let payload: Uint8Array | null = null;
  for (let i = 0; i < keys; i++) {
    const key = textOf(cursor);
    if (key === "publisher_id" && cursor.takeInt() && !cursor.isNegative) publisher = wide(cursor);
    else if (key === "topic") topic = textOf(cursor);
    else if (key === "payload") {
      const length = cursor.takeBin();
      if (length >= 0) payload = message.subarray(cursor.textAt, cursor.textAt + length);
    } else if (key === null || !cursor.skip()) return null;
    if (cursor.broken) return null;
  }
  return publisher === null || topic === null || payload === null ? null : { publisher, topic, payload };
}

/** The events of a payload, one after the other, into a scratch. */
export class PlaneDecoder {
  readonly #cursor: MsgpackCursor = new MsgpackCursor();
  #left: number = 0;

  /** False: it is no list. */
  open(payload: Uint8Array): boolean {
    this.#cursor.open(payload);
    this.#left = this.#cursor.takeArray();
    return this.#left >= 0;
  }

  /** True: `event` was filled. null: there are no more. False: the rest cannot be read. */
  next(event: PlaneEvent): boolean | null {
    if (this.#left === 0) return null;
    this.#left--;
    const isGood = this.#event(event) && !this.#cursor.broken;
    if (!isGood) this.#left = 0;
    return isGood;
  }

  #event(event: PlaneEvent): boolean {
    const cursor = this.#cursor;
    event.begin();
    const keys = cursor.takeMap();
    let hasWorker = false;
    let hasEvent = false;
    for (let i = 0; i < keys; i++) {
      const key = textOf(cursor);
      if (key === "worker_id") {
        if (!cursor.takeInt() || cursor.isNegative) return false;
        event.worker = wide(cursor);
        hasWorker = true;
      } else if (key === "storage_tier") {
        const tier = TIER_NAMES.get(textOf(cursor) ?? "");
        if (tier === undefined) return false;
        event.tier = tier;
      } else if (key === "residency_domain") {
        const domain = textOf(cursor);
        if (domain !== "worker" && domain !== "cache_owner") return false;
      } else if (key === "event") {
        if (!this.#inner(event)) return false;
        hasEvent = true;
      } else if (key === null || !cursor.skip()) return false;
    }
    return hasWorker && hasEvent;
  }

  #inner(event: PlaneEvent): boolean {
    const cursor = this.#cursor;
    const keys = cursor.takeMap();
    let hasId = false;
    let hasData = false;
    for (let i = 0; i < keys; i++) {
      const key = textOf(cursor);
      if (key === "event_id") {
        if (!cursor.takeInt() || cursor.isNegative) return false;
        event.eventId = (cursor.hi >>> 0) * TWO_TO_32 + (cursor.lo >>> 0);
        hasId = Number.isSafeInteger(event.eventId);
      } else if (key === "dp_rank") {
        event.rank = cursor.takeU32();
        if (event.rank < 0 || event.rank > MAX_RANK) return false;
      } else if (key === "data") {
        hasData = this.#data(event);
        if (!hasData) return false;
      } else if (key === null || !cursor.skip()) return false;
    }
    return hasId && hasData;
  }

  #data(event: PlaneEvent): boolean {
    const cursor = this.#cursor;
    if (!cursor.isMap()) {
      event.kind = PLANE_KIND.cleared;
      return textOf(cursor) === "cleared";
    }
    if (cursor.takeMap() !== 1) return false;
    const kind = textOf(cursor);
    if (kind === "stored") return this.#stored(event);
    return kind === "removed" && this.#removed(event);
  }

  #stored(event: PlaneEvent): boolean {
    const cursor = this.#cursor;
    const { blocks } = event;
    event.kind = PLANE_KIND.stored;
    const keys = cursor.takeMap();
    let hasBlocks = false;
    for (let i = 0; i < keys; i++) {
      const key = textOf(cursor);
      if (key === "parent_hash") {
        blocks.hasParent = !cursor.takeNil();
        if (!blocks.hasParent) continue;
        if (!cursor.takeInt()) return false;
        blocks.parentLo = cursor.lo | 0;
        blocks.parentHi = cursor.hi | 0;
      } else if (key === "blocks") {
        const count = cursor.takeArray();
        if (count < 0) return false;
        event.reserve(count);
        for (let at = 0; at < count; at++) if (!this.#block(event, at)) return false;
        blocks.count = count;
        hasBlocks = true;
      } else if (key === null || !cursor.skip()) return false;
    }
    return hasBlocks;
  }

  #block({ blocks }: PlaneEvent, at: number): boolean {
    const cursor = this.#cursor;
    const keys = cursor.takeMap();
    let found = 0;
    for (let i = 0; i < keys; i++) {
      const length = cursor.takeText();
      if (isKey(cursor, length, BLOCK_HASH)) {
        if (!cursor.takeInt()) return false;
        blocks.hashLo[at] = cursor.lo;
        blocks.hashHi[at] = cursor.hi;
        found |= 1;
      } else if (isKey(cursor, length, TOKENS_HASH)) {
        if (!cursor.takeInt()) return false;
        blocks.localLo[at] = cursor.lo;
        blocks.localHi[at] = cursor.hi;
        found |= 2;
      } else if (length < 0 || !cursor.skip()) return false;
    }
    return found === 3;
  }

  #removed(event: PlaneEvent): boolean {
    const cursor = this.#cursor;
    const { blocks } = event;
    event.kind = PLANE_KIND.removed;
    const keys = cursor.takeMap();
    let hasHashes = false;
    for (let i = 0; i < keys; i++) {
      if (textOf(cursor) !== "block_hashes") {
        if (!cursor.skip()) return false;
        continue;
      }
      const count = cursor.takeArray();
      if (count < 0) return false;
      event.reserve(count);
      for (let at = 0; at < count; at++) {
        if (!cursor.takeInt()) return false;
        blocks.hashLo[at] = cursor.lo;
        blocks.hashHi[at] = cursor.hi;
      }
      blocks.count = count;
      hasHashes = true;
    }
    return hasHashes;
  }
}

const BLOCK_HASH: Uint8Array = new TextEncoder().encode("block_hash");
const TOKENS_HASH: Uint8Array = new TextEncoder().encode("tokens_hash");

/** Whether the text just taken, of so many bytes, is that key. */
function isKey(cursor: MsgpackCursor, length: number, key: Uint8Array): boolean {
  if (length !== key.length) return false;
  for (let i = 0; i < length; i++) if (cursor.bytes[cursor.textAt + i] !== key[i]) return false;
  return true;
}

/** Keys are short; a longer text is none of them. null: no text. */
function textOf(cursor: MsgpackCursor): string | null {
  const length = cursor.takeText();
  if (length < 0) return null;
  if (length > 32) return "";
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(cursor.bytes[cursor.textAt + i] as number);
  return text;
}

/** The integer just taken. */
function wide(cursor: MsgpackCursor): bigint {
  halves[0] = cursor.lo;
  halves[1] = cursor.hi;
  return words[0] as bigint;
}
