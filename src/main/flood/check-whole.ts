/**
 * Whether a message is one of events at all, by a decoder that the publisher does not use. A load test looks at one message in
 * this way; the rest it only counts. Pure.
 */
import { decode } from "@msgpack/msgpack";

interface EventMap {
  readonly type?: unknown;
  readonly block_hashes?: unknown;
  readonly token_ids?: unknown;
}

/**
 * Throws unless the payload is `[timestamp, events, rank]` with known events, as maps or arrays, and with as many tokens as
 * their blocks hold, where it is known (not null) how many that are.
 */
export function checkWhole(payload: Uint8Array, blockSizeTokens: number | null): void {
  const batch = decode(payload, { useBigInt64: true });
  const [timestamp, list, rank]: readonly unknown[] = Array.isArray(batch) ? batch : [];
  if (typeof timestamp !== "number" || typeof rank !== "number" || !Array.isArray(list)) {
    throw new Error("the first message is not [timestamp, events, rank]");
  }
  if (!list.every((event) => isEvent(fieldsOf(event), blockSizeTokens))) {
    throw new Error("the first message holds an event that is none");
  }
}

/** An event by the names of its fields; arrays have type, hashes, parent and tokens in this order. */
function fieldsOf(event: unknown): EventMap {
  if (Array.isArray(event)) return { type: event[0], block_hashes: event[1], token_ids: event[3] };
  return typeof event === "object" && event !== null ? event : {};
}

function isEvent({ type, block_hashes: hashes, token_ids: tokens }: EventMap, blockSizeTokens: number | null): boolean {
  if (type === "AllBlocksCleared") return true;
  if (!Array.isArray(hashes) || hashes.length === 0) return false;
  if (type === "BlockRemoved") return true;
  if (type !== "BlockStored" || !Array.isArray(tokens)) return false;
  return blockSizeTokens === null || tokens.length === hashes.length * blockSizeTokens;
}
