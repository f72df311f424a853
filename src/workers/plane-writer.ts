/**
 * The msgpack pieces of a message for the event plane. ENCODER THREAD, and the publisher thread where it encodes anew.
 *
 *   {publisher_id, sequence, published_at, topic, payload: bin}      the envelope
 *   payload = [{worker_id, storage_tier, residency_domain, event: {event_id, data, dp_rank}}, …]
 *
 * What only the publisher knows is written as a uint64 of full width, to be patched; so are, when they are known, the length
 * and the count in front of the events. All else takes its smallest form. Like `msgpack-writer.ts`, nothing is checked here.
 */
import { KV_EVENTS_TOPIC } from "../shared/plane-layout.ts";
import { RECORD_FLAG, RECORD_WORD } from "../shared/record.ts";
import { putMmObjects } from "./event-fields.ts";
import {
  type Constant,
  constantOf,
  constantOfBytes,
  type Output,
  outputOf,
  putArrayHeader,
  putConstant,
  putMapHeader,
  putNil,
  putUint,
  putUint64,
} from "./msgpack-writer.ts";
import type { TokenHasher } from "./token-hash.ts";

const UINT64 = 0xcf;
const BIN32 = 0xc6;
const ARRAY16 = 0xdc;

const PUBLISHER_ID = constantOf("publisher_id");
const SEQUENCE = constantOf("sequence");
const PUBLISHED_AT = constantOf("published_at");
const TOPIC_AND_PAYLOAD = constantOf("topic", KV_EVENTS_TOPIC, "payload");
const WORKER_ID = constantOf("worker_id");
/** By tier. */
const STORAGE_TIERS: readonly string[] = ["device", "host_pinned", "disk", "external"];
const EVENT_ID = constantOf("event_id");
const DATA = constantOf("data");
/** From an event's data to its first value. */
const STORED_HEAD = inMaps(DATA, 1, constantOf("stored"), 3, constantOf("parent_hash"));
const REMOVED_HEAD = inMaps(DATA, 1, constantOf("removed"), 1, constantOf("block_hashes"));
const START_AND_BLOCKS = constantOf("start_position", null, "blocks");
const BLOCK_HEAD = inMaps(3, constantOf("block_hash"));
const TOKENS_HASH = constantOf("tokens_hash");
const MM_EXTRA_INFO = constantOf("mm_extra_info");
const NO_MM_EXTRA_INFO = constantOf("mm_extra_info", null);
const CLEARED = constantOf("data", "cleared");
const DP_RANK = constantOf("dp_rank");

/** Keys, and the sizes of the maps between them, as one constant. */
function inMaps(...parts: readonly (number | Constant)[]): Constant {
  const out = outputOf(new Uint8Array(64));
  let p = 0;
  for (const part of parts) p = typeof part === "number" ? putMapHeader(out, p, part) : putConstant(out, p, part);
  return constantOfBytes(out.bytes.subarray(0, p));
}

/** A uint64 to be patched; returns the position behind it. Its eight bytes are the last ones before that. */
function putPatched(out: Output, p: number): number {
  out.bytes[p] = UINT64;
  out.bytes.fill(0, p + 1, p + 9);
  return p + 9;
}

/** What `put` writes, as one constant, and where its patched values lie. `put` tells their ends. */
function prepared(put: (out: Output) => { readonly end: number; readonly patched: readonly number[] }): {
  readonly constant: Constant;
  readonly patchedAt: readonly number[];
} {
  const out = outputOf(new Uint8Array(256));
  const { end, patched } = put(out);
  return { constant: constantOfBytes(out.bytes.subarray(0, end)), patchedAt: patched.map((behind) => behind - 8) };
}

/** Up to the bin header of the payload, its length missing. */
const ENVELOPE = prepared((out) => {
  const publisherId = putPatched(out, putConstant(out, putMapHeader(out, 0, 5), PUBLISHER_ID));
  const sequence = putPatched(out, putConstant(out, publisherId, SEQUENCE));
  const publishedAt = putPatched(out, putConstant(out, sequence, PUBLISHED_AT));
  const bin = putConstant(out, publishedAt, TOPIC_AND_PAYLOAD);
  out.bytes.set([BIN32, 0, 0, 0, 0, ARRAY16, 0, 0], bin);
  return { end: bin + 8, patched: [publisherId, sequence, publishedAt] };
});
/** Where an envelope's numbers lie, and where its events begin; bytes from its start. */
export const ENVELOPE_AT: {
  readonly publisherId: number;
  readonly sequence: number;
  readonly publishedAt: number;
  readonly events: number;
} = {
  publisherId: ENVELOPE.patchedAt[0] as number,
  sequence: ENVELOPE.patchedAt[1] as number,
  publishedAt: ENVELOPE.patchedAt[2] as number,
  events: ENVELOPE.constant.length,
};

/** Begins a message at `p`; the events go where it returns. */
export function putEnvelope(out: Output, p: number): number {
  return putConstant(out, p, ENVELOPE.constant);
}

/** Ends the message that began at `start` and whose `events` events end at `end`. */
export function closeEnvelope(
  view: Pick<DataView, "setUint16" | "setUint32">,
  start: number,
  end: number,
  events: number,
): void {
  const first = start + ENVELOPE_AT.events;
  view.setUint16(first - 2, events);
  // The payload begins with the array's own header.
  view.setUint32(first - 7, end - first + 3);
}

/** Everything that stands in front of the data of an event of one tier, for one worker. */
export class EventHead {
  readonly #constant: Constant;
  /** Where the event's number lies; bytes from the event's start. */
  readonly eventIdAt: number;

  constructor(workerId: bigint, tier: number) {
    const place = constantOf("storage_tier", STORAGE_TIERS[tier] ?? "", "residency_domain", "worker", "event");
    const { constant, patchedAt } = prepared((out) => {
      const lo = Number(BigInt.asUintN(32, workerId));
      const hi = Number(BigInt.asUintN(64, workerId) >> 32n);
      const worker = putUint64(out, putConstant(out, putMapHeader(out, 0, 4), WORKER_ID), lo, hi);
      const event = putConstant(out, worker, place);
      const end = putPatched(out, putConstant(out, putMapHeader(out, event, 3), EVENT_ID));
      return { end, patched: [end] };
    });
    this.#constant = constant;
    this.eventIdAt = patchedAt[0] as number;
  }

  put(out: Output, p: number): number {
    return putConstant(out, p, this.#constant);
  }
}

/** Ends an event. */
export function putRank(out: Output, p: number, rank: number): number {
  return putUint(out, putConstant(out, p, DP_RANK), rank);
}

export function putCleared(out: Output, p: number): number {
  return putConstant(out, p, CLEARED);
}

/** Begins the data of removed blocks: so many hashes follow. */
export function putRemovedHead(out: Output, p: number, hashes: number): number {
  return putArrayHeader(out, putConstant(out, p, REMOVED_HEAD), hashes);
}

/** Begins the data of stored blocks, with the parent of the record at `r`: so many blocks follow. */
export function putStoredHead(records: Uint32Array, r: number, out: Output, p: number, blocks: number): number {
  p = putConstant(out, p, STORED_HEAD);
  const hasParent = ((records[r + RECORD_WORD.kind] as number) & RECORD_FLAG.parent) !== 0;
  p = hasParent
    ? putUint64(out, p, records[r + RECORD_WORD.parentLo] as number, records[r + RECORD_WORD.parentHi] as number)
    : putNil(out, p);
  return putArrayHeader(out, putConstant(out, p, START_AND_BLOCKS), blocks);
}

/** A stored block: its hash at word `h`, the hash of its tokens in `tokens`, its multimodal hashes from word `m` on. */
export function putStoredBlock(
  records: Uint32Array,
  h: number,
  tokens: TokenHasher,
  m: number,
  mmHashes: number,
  out: Output,
  p: number,
): number {
  p = putConstant(out, p, BLOCK_HEAD);
  p = putUint64(out, p, records[h] as number, records[h + 1] as number);
  p = putUint64(out, putConstant(out, p, TOKENS_HASH), tokens.lo, tokens.hi);
  if (mmHashes === 0) return putConstant(out, p, NO_MM_EXTRA_INFO);
  return putMmObjects(records, m, mmHashes, out, putConstant(out, p, MM_EXTRA_INFO));
}
