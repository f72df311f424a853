/**
 * Why a message of another publisher was refused, as a value and in words for the one who has to find out. MAIN THREAD.
 *
 * A message is taken as a whole or not at all. The words name the place, event, field, entry and byte, and what would have
 * been right, never what stood there: messages are full of tokens and salts.
 */

/** Reasons; also good as label values. */
export const WIRE_REFUSALS = [
  /** Not two or three frames. */
  "frames",
  /** The frame of the sequence number is none. */
  "sequence",
  /** Larger, deeper or more numerous than any honest message. */
  "too_large",
  /** No msgpack, or not all of it, or more than it. */
  "msgpack",
  /** Not `[timestamp, events, rank]`. */
  "shape",
  "timestamp",
  "rank",
  /** No event, or of a type that is not known. */
  "event",
  "hashes",
  /** Hashes that are bytes or text. */
  "hash_bytes",
  "tokens",
  /** Any other field of an event. */
  "field",
] as const;
export type WireReason = (typeof WIRE_REFUSALS)[number];

export interface WireRefusal {
  readonly reason: WireReason;
  /** One sentence without a full stop, for a log. */
  readonly message: string;
}

/** The fields of events, by the numbers that decoders use. */
export const FIELD = {
  /** The event as a whole. */
  none: -1,
  type: 0,
  blockHashes: 1,
  parentBlockHash: 2,
  tokenIds: 3,
  blockSize: 4,
  loraId: 5,
  medium: 6,
  loraName: 7,
  cacheSalt: 8,
  extraKeys: 9,
  blockMmInfos: 10,
  groupIdx: 11,
  specKind: 12,
  slidingWindow: 13,
  locality: 14,
  ownership: 15,
} as const;

/** Their keys in the map form, in the order of their numbers. The array form has the same fields by place. */
export const FIELD_NAMES: readonly string[] = [
  "type",
  "block_hashes",
  "parent_block_hash",
  "token_ids",
  "block_size",
  "lora_id",
  "medium",
  "lora_name",
  "cache_salt",
  "extra_keys",
  "block_mm_infos",
  "group_idx",
  "kv_cache_spec_kind",
  "kv_cache_spec_sliding_window",
  "locality",
  "ownership",
];

const COUNT = "an integer from 0 to 2^32 - 1";
const TEXT = "text of at most 65536 bytes of UTF-8, or nil";
const HASH = "an integer of 64 bits";

/** What each field must be. */
const EXPECTED: readonly string[] = [
  "one of BlockStored, BlockRemoved, AllBlocksCleared and Ignored",
  `a list, and each entry ${HASH}`,
  `${HASH}, or nil`,
  `a list, and each entry ${COUNT}, or each a pair of such`,
  COUNT,
  "an unsigned integer, or nil",
  "text, or nil",
  `${TEXT}; in an array a map with a cache_salt besides`,
  TEXT,
  "nil, or a list with nil or a list for each block, of texts, bytes, numbers and [text, integer]",
  "nil, or a list with nil or a map for each block, {mm_objects: [{mm_hash: unsigned integer}, ...]}",
  `${COUNT}, or nil`,
  "text, or nil",
  `${COUNT}, or nil`,
  "text, or nil",
  "text, or nil",
];

/** What a decoder notes on its way, so that a refusal can say where it was. */
export class Place {
  /** Index of the event in the batch; -1 outside of all. */
  event: number = -1;
  /** A number of FIELD. */
  field: number = FIELD.none;
  /** Index in the field's list; -1 when it is not about one entry. */
  entry: number = -1;
  /** What is wrong, where that is not simply the field's type. */
  fault: string | null = null;

  begin(event: number): void {
    this.event = event;
    this.field = FIELD.none;
    this.entry = -1;
    this.fault = null;
  }
}

const BYTES_HASH =
  "hashes are bytes or text, and only integers of 64 bits are taken; let the publisher send those " +
  "(vLLM: VLLM_KV_EVENTS_USE_INT_BLOCK_HASHES=1, which goes with every prefix_caching_hash_algo)";
const NO_EVENT = "is no event: neither a map nor an array that begins with a type";

/** The refusal of an event, decoded up to byte `offset` of the payload. */
export function eventRefusal(reason: WireReason, place: Place, offset: number): WireRefusal {
  const { event, field, entry, fault } = place;
  const list = field === FIELD.none ? "" : `, ${FIELD_NAMES[field]}${entry < 0 ? "" : `[${entry}]`}`;
  const where = `event ${event}${list}, at byte ${offset}`;
  if (reason === "msgpack") return { reason, message: `${where}: ${BROKEN}` };
  if (reason === "hash_bytes") return { reason, message: `${where}: ${BYTES_HASH}` };
  if (fault !== null) return { reason, message: `${where}: ${fault}` };
  return { reason, message: `${where}: ${field === FIELD.none ? NO_EVENT : `must be ${EXPECTED[field]}`}` };
}

/** What is wrong with bytes that are no msgpack. */
export const BROKEN = "the payload is no msgpack, or breaks off";
