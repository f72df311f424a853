/** Counters of a client, all at zero. MAIN THREAD, or any program that uses the library. */
import type { StreamCounters } from "./stream-items.ts";

export function newCounters(): StreamCounters {
  return {
    messages: 0,
    bytes: 0,
    events: 0,
    lastSequence: -1,
    gaps: 0,
    healed: 0,
    lost: 0,
    restarts: 0,
    duplicates: 0,
    covered: 0,
    snapshots: 0,
    malformed: { frames: 0, sequence: 0, msgpack: 0, batch: 0 },
    malformedEvents: { event: 0, block_hashes: 0, parent_block_hash: 0, token_ids: 0, block_size: 0 },
  };
}
