/**
 * A published message without tokens and salts. MAIN THREAD.
 *
 * What may stay is listed: types, hashes, parents, sizes, tiers, adapters, ranks. A token id becomes its place in its list. The
 * message is packed anew, so its numbers may have another width than before; what they say is the same.
 */
import { decode, encode } from "@msgpack/msgpack";
import { isSafeToDecode } from "../tail/payload-shape.ts";

const STAYS: ReadonlySet<string> = new Set([
  "type",
  "block_hashes",
  "parent_block_hash",
  "block_size",
  "lora_id",
  "lora_name",
  "medium",
  "group_idx",
  "dp_rank",
]);
/** Places of an event that is an array. */
const PLACES: readonly string[] = [
  "type",
  "block_hashes",
  "parent_block_hash",
  "token_ids",
  "block_size",
  "lora_id",
  "medium",
  "lora_name",
];
const REMOVED_PLACES: readonly string[] = ["type", "block_hashes", "medium"];
const EMPTY: Buffer = Buffer.alloc(0);

/** Empty where it is no message that can be understood: nobody knows what is in it. */
export function redactMessage(payload: Buffer): Buffer {
  if (!isSafeToDecode(payload)) return EMPTY;
  let value: unknown;
  try {
    value = decode(payload, { useBigInt64: true });
  } catch {
    return EMPTY;
  }
  if (!Array.isArray(value) || value.length < 2) return EMPTY;
  const [timestamp, events, rank = null]: readonly unknown[] = value;
  if (!Array.isArray(events) || !isPlain(timestamp) || !isPlain(rank)) return EMPTY;
  const redacted = [timestamp, events.map(redactEvent), ...(value.length > 2 ? [rank] : [])];
  return Buffer.from(encode(redacted, { useBigInt64: true }));
}

function redactEvent(event: unknown): unknown {
  if (Array.isArray(event)) {
    const places = event[0] === "BlockRemoved" ? REMOVED_PLACES : PLACES;
    return event.slice(0, places.length).map((value: unknown, place) => redactField(places[place] ?? "", value));
  }
  if (typeof event !== "object" || event === null) return null;
  return Object.fromEntries(
    Object.entries(event)
      .filter(([name]) => STAYS.has(name) || name === "token_ids")
      .map(([name, value]) => [name, redactField(name, value)]),
  );
}

function redactField(name: string, value: unknown): unknown {
  if (name === "token_ids") return Array.isArray(value) ? value.map(redactToken) : value === null ? null : [];
  if (!STAYS.has(name)) return null;
  if (Array.isArray(value)) return value.map((each: unknown) => (isPlain(each) ? each : null));
  return isPlain(value) ? value : null;
}

/** What is no token id stays none. */
function redactToken(token: unknown, place: number): unknown {
  return typeof token === "number" || typeof token === "bigint" ? (token >= 0 ? place : -1) : null;
}

/** A number, a word, a hash in bytes; no list and no map, in which anything could be. */
function isPlain(value: unknown): boolean {
  if (value instanceof Uint8Array) return true;
  return value === null || ["number", "bigint", "string", "boolean"].includes(typeof value);
}
