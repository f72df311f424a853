/**
 * Messages to events, all dialects. MAIN THREAD, or any program that uses the library.
 *
 * Maps and arrays, signed and unsigned hashes, two outer elements or more, fields that are missing at the end or that nobody
 * knows: what can be understood is, since a reader that refuses a message for one odd field loses all that is in it. Input is
 * hostile: see `payload-shape.ts` for what is refused before it is decoded.
 */
import { decode } from "@msgpack/msgpack";
import { MalformedError } from "./kv-event.ts";
import type { EventFault, KvBatch, KvEvent, MessageFault } from "./kv-event.ts";
import { isSafeToDecode } from "./payload-shape.ts";
import { elementAt } from "../../shared/element.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Names of the places in an event that is an array, behind its type. */
const STORED_PLACES: readonly string[] = [
  "block_hashes",
  "parent_block_hash",
  "token_ids",
  "block_size",
  "lora_id",
  "medium",
  "lora_name",
  "extra_keys",
  "group_idx",
  "kv_cache_spec_kind",
  "kv_cache_spec_sliding_window",
  "locality",
  "ownership",
];
const REMOVED_PLACES: readonly string[] = ["block_hashes", "medium"];
/** Fields of a stored event that have a property of their own. */
const NAMED: ReadonlySet<string> = new Set(["type", "cache_salt", ...STORED_PLACES.slice(0, 7)]);

const MAX_NAME_CHARS = 64;
/** Ranks beyond this are no ranks; also keeps what is counted by rank within bounds. */
const MAX_RANK = 0x7fff_ffff;

/** Decodes one payload. Throws MalformedError when it is no msgpack (`msgpack`) or not of the outer form (`batch`). */
export function decodeBatch(payload: Uint8Array): KvBatch {
  const value = decodeValue(payload);
  if (!Array.isArray(value) || value.length < 2) throw new MalformedError("batch");
  const [timestamp, events, rankField = null]: readonly unknown[] = value;
  const seconds = typeof timestamp === "bigint" ? Number(timestamp) : timestamp;
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) throw new MalformedError("batch");
  if (!Array.isArray(events)) throw new MalformedError("batch");
  const rank = rankField === null ? null : countOf(rankField);
  if (rank !== null && !(rank <= MAX_RANK)) throw new MalformedError("batch");
  return { timestamp: seconds, events: events.map(decodeEvent), rank };
}

/** Decodes a map whose keys are text. Throws MalformedError when it is none. */
export function decodeMap(payload: Uint8Array): Fields {
  const value = decodeValue(payload);
  if (!isMap(value)) throw new MalformedError("batch");
  return value;
}

function decodeValue(payload: Uint8Array): unknown {
  const fault: MessageFault = "msgpack";
  if (!isSafeToDecode(payload)) throw new MalformedError(fault);
  try {
    return decode(payload, { useBigInt64: true });
  } catch {
    // Such as a key that is no text, or a text that is no UTF-8. The decoder's words may quote the message.
    throw new MalformedError(fault);
  }
}

function decodeEvent(value: unknown): KvEvent {
  const fields = Array.isArray(value) ? placed(value) : value;
  if (!isMap(fields) || typeof fields["type"] !== "string") return malformed("event");
  switch (fields["type"]) {
    case "BlockStored":
      return storedEvent(fields);
    case "BlockRemoved": {
      const hashes = hashList(fields["block_hashes"]);
      if (hashes === null) return malformed("block_hashes");
      return { type: "removed", hashes, medium: textOrNull(fields["medium"]) };
    }
    case "AllBlocksCleared":
      return { type: "cleared" };
    default:
      return { type: "unknown", name: fields["type"].slice(0, MAX_NAME_CHARS) };
  }
}

function storedEvent(fields: Fields): KvEvent {
  const hashes = hashList(fields["block_hashes"]);
  if (hashes === null) return malformed("block_hashes");
  const parentField = fields["parent_block_hash"] ?? null;
  const parent = parentField === null ? null : hashOf(parentField);
  if (parentField !== null && parent === null) return malformed("parent_block_hash");
  const tokenField = fields["token_ids"] ?? [];
  const tokens = Array.isArray(tokenField) ? tokenField.map(countOf) : null;
  if (tokens === null || tokens.includes(Number.NaN)) return malformed("token_ids");
  const sizeField = fields["block_size"] ?? null;
  const blockSize = sizeField === null ? null : countOf(sizeField);
  if (Number.isNaN(blockSize)) return malformed("block_size");
  const loraId = countOf(fields["lora_id"]);
  const others: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!NAMED.has(name) && value !== null) others[name] = value;
  }
  // SGLang's arrays have a map with the salt in this place, where all others have the name of an adapter.
  const seventh = fields["lora_name"];
  const salt = isMap(seventh) ? seventh["cache_salt"] : fields["cache_salt"];
  return {
    type: "stored",
    hashes,
    parent,
    tokens,
    blockSize,
    loraId: Number.isNaN(loraId) ? null : loraId,
    loraName: textOrNull(seventh),
    medium: textOrNull(fields["medium"]),
    cacheSalt: textOrNull(salt),
    others,
  };
}

/** An event that is an array, with names for its places. Places that nobody knows are left out. */
function placed(event: readonly unknown[]): Fields {
  const [type] = event;
  const names = type === "BlockStored" ? STORED_PLACES : REMOVED_PLACES;
  const fields: Record<string, unknown> = { type };
  for (let i = 0; i < names.length && i + 1 < event.length; i++) fields[elementAt(names, i)] = event[i + 1];
  return fields;
}

function hashList(value: unknown): readonly bigint[] | null {
  if (!Array.isArray(value)) return null;
  const hashes: bigint[] = [];
  for (const each of value) {
    const hash = hashOf(each);
    if (hash === null) return null;
    hashes.push(hash);
  }
  return hashes;
}

function hashOf(value: unknown): bigint | null {
  if (typeof value === "bigint") return BigInt.asUintN(64, value);
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt.asUintN(64, BigInt(value)) : null;
  // A hash in full, as vLLM can send it: its last eight bytes stand for it, as in llm-d's router.
  if (!(value instanceof Uint8Array) || value.length < 8) return null;
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getBigUint64(value.length - 8);
}

function malformed(reason: EventFault): KvEvent {
  return { type: "malformed", reason };
}

/** A whole number, in whatever width it was written; NaN for anything else. */
export function integerOf(value: unknown): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : Number.NaN;
}

/** The same of zero or more. */
function countOf(value: unknown): number {
  const number = integerOf(value);
  return number >= 0 ? number : Number.NaN;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** A msgpack map, and none of the objects that stand for bytes, times and extensions. */
function isMap(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
