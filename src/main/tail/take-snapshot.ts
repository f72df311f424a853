/** One snapshot, from its header to its end. MAIN THREAD, or any program that uses the library. */
import { decodeBatch } from "./decode-batch.ts";
import { MalformedError } from "./kv-event.ts";
import type { KvBatch } from "./kv-event.ts";
import { ReplayError } from "./side-channel.ts";
import type { SideChannel } from "./side-channel.ts";
import { readSnapshotHeader } from "./snapshot-header.ts";
import type { SnapshotFailure, SnapshotHeader, StreamItem } from "./stream-items.ts";

/** Yields start, batches and end; returns the header, or why the snapshot is not there or not whole. */
export async function* takeSnapshot(
  channel: SideChannel,
): AsyncGenerator<StreamItem, SnapshotHeader | SnapshotFailure> {
  let header: SnapshotHeader | null = null;
  let blocks = 0;
  try {
    for await (const payload of channel.snapshot()) {
      if (header === null) {
        const read = readSnapshotHeader(payload);
        if (typeof read === "string") return read;
        header = read;
        yield { kind: "snapshot-start", header };
        continue;
      }
      const batch = batchOrFailure(payload);
      if (typeof batch === "string") return batch;
      const added = storedBlocks(batch);
      blocks += added;
      // A snapshot of more than it announces, or of nothing, might never end.
      if (added === 0 || blocks > header.blocks) return "malformed";
      yield { kind: "batch", source: "snapshot", sequence: null, batch, bytes: payload.length, payload };
    }
  } catch (error) {
    if (error instanceof ReplayError) return error.reason === "framing" ? "malformed" : error.reason;
    throw error;
  }
  // The end alone is all that a publisher has for those who ask too much of it at once.
  if (header === null) return "busy";
  yield { kind: "snapshot-end", sequence: header.sequence, blocks };
  return header;
}

/** A piece of a snapshot; or why the rest cannot be had, which comes in the form of a header. */
function batchOrFailure(payload: Buffer): KvBatch | SnapshotFailure {
  try {
    return decodeBatch(payload);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const header = readSnapshotHeader(payload);
    return typeof header === "string" ? header : "malformed";
  }
}

function storedBlocks(batch: KvBatch): number {
  let blocks = 0;
  for (const event of batch.events) if (event.type === "stored") blocks += event.hashes.length;
  return blocks;
}
