/**
 * What the decoders of events and fields share while a batch is read. MAIN THREAD.
 *
 * They answer with null, or with the reason why the batch must be refused; where that was stands in `place` then.
 */
import type { BatchColumns } from "./batch-columns.ts";
import type { MsgpackCursor } from "./msgpack-cursor.ts";
import type { Place, WireReason } from "./wire-refusal.ts";

export interface Decoding {
  readonly cursor: MsgpackCursor;
  readonly columns: BatchColumns;
  readonly place: Place;
  /** Guesses, which are never wrong but slow at worst: the fields that the last map had, in its order, … */
  readonly lastFields: Uint8Array;
  /** … and which known text each field had last. */
  readonly lastTexts: Uint8Array;
}

/** The reason to refuse a value: `reason`, unless the bytes are no msgpack or too deeply nested to say. */
export function failure({ cursor, place }: Decoding, reason: WireReason): WireReason {
  if (cursor.broken) return "msgpack";
  if (!cursor.tooDeep) return reason;
  place.fault = "a value is nested too deep";
  return "too_large";
}
