/**
 * A subscriber in a process of its own, on a msgpack decoder that shares nothing with the service.
 *
 * argv: endpoint. It sends `{ready}` when it has connected. Told `{untilEvents}` or `{untilSequence}` it answers
 * `{report}` once it has seen so much, and again whenever it is told more.
 */
import { decode } from "@msgpack/msgpack";
import { Subscriber } from "zeromq";
import { EventDigest } from "./event-digest.ts";

export interface SubscriberReport {
  readonly messages: number;
  readonly events: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Numbers that were left out, and numbers that came again or late. */
  readonly gaps: number;
  readonly repeats: number;
  readonly byType: Record<string, number>;
  readonly ranks: Record<string, { events: number; digest: string }>;
}

export type SubscriberOrder = { readonly untilEvents: number } | { readonly untilSequence: number };

interface MapEvent {
  readonly type: string;
  readonly block_hashes?: readonly (bigint | number)[];
  readonly parent_block_hash?: bigint | number | null;
  readonly token_ids?: readonly number[];
}

const endpoint = process.argv[2] ?? "";
const socket = new Subscriber({ receiveHighWaterMark: 0, linger: 0 });
socket.connect(endpoint);
socket.subscribe("");

const digest = new EventDigest();
const byType: Record<string, number> = {};
const seen = { messages: 0, events: 0, firstSequence: -1, lastSequence: -1, gaps: 0, repeats: 0 };
let order: SubscriberOrder | null = null;

function report(): void {
  if (order === null) return;
  const done = "untilEvents" in order ? seen.events >= order.untilEvents : seen.lastSequence >= order.untilSequence;
  if (!done) return;
  order = null;
  const message: SubscriberReport = { ...seen, byType, ranks: digest.result() };
  process.send?.({ report: message });
}

process.on("message", (message) => {
  order = message as SubscriberOrder;
  report();
});
process.on("disconnect", () => process.exit(0));
process.send?.({ ready: true });

for await (const [, number, payload] of socket) {
  if (number === undefined || payload === undefined) throw new Error("a message without three frames");
  const sequence = Number(number.readBigUInt64BE());
  if (seen.firstSequence === -1) seen.firstSequence = sequence;
  else if (sequence > seen.lastSequence + 1) seen.gaps += sequence - seen.lastSequence - 1;
  else if (sequence <= seen.lastSequence) seen.repeats++;
  seen.lastSequence = Math.max(seen.lastSequence, sequence);
  seen.messages++;
  const [, events, rank] = decode(payload, { useBigInt64: true }) as [number, MapEvent[], number];
  for (const event of events) {
    byType[event.type] = (byType[event.type] ?? 0) + 1;
    const parent = event.parent_block_hash ?? null;
    digest.add(
      rank,
      event.type,
      (event.block_hashes ?? []).map(BigInt),
      parent === null ? null : BigInt(parent),
      event.token_ids ?? [],
    );
    seen.events++;
  }
  report();
}
