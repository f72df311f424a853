/** A message on its way to the reader: decoded and counted. MAIN THREAD, or any program that uses the library. */
import { decodeBatch } from "./decode-batch.ts";
import { MalformedError } from "./kv-event.ts";
import type { KvBatch, MessageFault } from "./kv-event.ts";
import type { RawMessage } from "./raw-message.ts";
import type { BatchItem, MalformedItem, StreamCounters } from "./stream-items.ts";

/** What becomes of a message whose turn it is. Counts it. */
export type Deliver<Delivered> = (
  message: RawMessage,
  source: "live" | "replay",
  counters: StreamCounters,
) => Delivered;

/** The batch, or what is wrong with it. */
export function delivered(
  message: RawMessage,
  source: "live" | "replay",
  counters: StreamCounters,
): BatchItem | MalformedItem {
  const { sequence, payload } = message;
  counters.lastSequence = sequence;
  let batch: KvBatch;
  try {
    batch = decodeBatch(payload);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return unusable(error.reason, sequence, counters);
  }
  counters.messages++;
  counters.bytes += payload.length;
  counters.events += batch.events.length;
  for (const event of batch.events) if (event.type === "malformed") counters.malformedEvents[event.reason]++;
  return { kind: "batch", source, sequence, batch, bytes: payload.length };
}

export function unusable(reason: MessageFault, sequence: number | null, counters: StreamCounters): MalformedItem {
  counters.malformed[reason]++;
  return { kind: "malformed", reason, sequence };
}
