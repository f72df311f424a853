/** Payloads of one event, from plain values. */
import { encode } from "@msgpack/msgpack";
import { readAll, type StoredView, type WireView } from "./wire-view.ts";

export type Fields = Readonly<Record<string, unknown>>;

export function payload(value: unknown): Uint8Array {
  return encode(value, { useBigInt64: true });
}

/** A batch of these events, from rank 0. */
export function batch(...events: readonly unknown[]): Uint8Array {
  return payload([1.5, events, 0]);
}

/** A stored event as a map that is good by itself. */
export function storedMap(fields: Fields = {}): Fields {
  return { type: "BlockStored", block_hashes: [1, 2], token_ids: [10, 11, 12, 13], block_size: 2, ...fields };
}

/** The same as an array up to its fifth place, and what follows. */
export function storedArray(...more: readonly unknown[]): readonly unknown[] {
  return ["BlockStored", [1, 2], null, [10, 11, 12, 13], 2, ...more];
}

/** The one event of a batch that must be taken. */
export function theEvent(event: unknown): WireView {
  const read = readAll(batch(event));
  if ("reason" in read) throw new Error(read.message);
  const [only] = read.events;
  if (only === undefined || read.events.length > 1) throw new Error("there is not one event");
  return only;
}

export function theStored(event: unknown): StoredView & WireView {
  const view = theEvent(event);
  if (view.kind !== "stored") throw new Error(`the event is ${view.kind}`);
  return view;
}
