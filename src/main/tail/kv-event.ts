/**
 * What a subscriber gets to see: one message, decoded, the same whatever dialect it was written in. MAIN THREAD, or any
 * program that uses the library.
 *
 * A hash is an unsigned 64-bit BigInt. On the wire it may be signed or not, short or nine bytes, or the last eight bytes of
 * a longer one: here the same block always has the same hash, so it can be a key.
 */

/** Blocks that are in the cache now; the first follows `parent`, each other one the one before it. */
export interface StoredEvent {
  readonly type: "stored";
  readonly hashes: readonly bigint[];
  /** null: the chain begins at the root. */
  readonly parent: bigint | null;
  /** Of all blocks, one behind the other. Private: they are people's prompts. Empty where the publisher leaves them out. */
  readonly tokens: readonly number[];
  /** Tokens in a full block; null when the message does not say. */
  readonly blockSize: number | null;
  readonly loraId: number | null;
  readonly loraName: string | null;
  /** Where the blocks lie, such as `GPU`; null when the message does not say. */
  readonly medium: string | null;
  /** Private, as tokens are. */
  readonly cacheSalt: string | null;
  /** What else the message says, by its names there: `block_mm_infos`, `extra_keys`, … May hold salts, so it is private too. */
  readonly others: Readonly<Record<string, unknown>>;
}

/** Blocks that are gone. */
export interface RemovedEvent {
  readonly type: "removed";
  readonly hashes: readonly bigint[];
  readonly medium: string | null;
}

/** The rank holds no blocks any more. */
export interface ClearedEvent {
  readonly type: "cleared";
}

/** An event of a type that this version does not know. */
export interface UnknownEvent {
  readonly type: "unknown";
  /** Its name, cut to a length that fits into a line. */
  readonly name: string;
}

/** An event whose fields are not what its type demands. The others of its message are not affected. */
export interface MalformedEvent {
  readonly type: "malformed";
  readonly reason: EventFault;
}

/** `event`: neither a map nor an array with a name; the others name the field. */
export type EventFault = "event" | "block_hashes" | "parent_block_hash" | "token_ids" | "block_size";

export type KvEvent = StoredEvent | RemovedEvent | ClearedEvent | UnknownEvent | MalformedEvent;

/** The payload of a message. */
export interface KvBatch {
  /** Seconds since 1970 on the publisher's clock. */
  readonly timestamp: number;
  readonly events: readonly KvEvent[];
  /** Attention-DP rank that the events belong to; null when the message does not say. */
  readonly rank: number | null;
}

/** Why a message could not be used: its frames, its number, its encoding, or its outer form. */
export type MessageFault = "frames" | "sequence" | "msgpack" | "batch";

/** Thrown by the decoder, and caught by the client, which counts it. Holds nothing of the message. */
export class MalformedError extends Error {
  readonly reason: MessageFault;

  constructor(reason: MessageFault) {
    super(`malformed ${reason}`);
    this.name = "MalformedError";
    this.reason = reason;
  }
}
