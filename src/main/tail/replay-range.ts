/**
 * A range of a publisher's messages, asked for once, and whatever is missing in it. MAIN THREAD.
 *
 * Unlike the gap of a live stream (`gap-filler.ts`) the range may have no end, and nothing else goes on meanwhile: a publisher
 * that does not answer is an error.
 */
import { delivered } from "./delivered.ts";
import type { SideChannel } from "./side-channel.ts";
import type { BatchItem, GapItem, MalformedItem, StreamCounters } from "./stream-items.ts";

export interface ReplayRange {
  /** Number of the first message; null: the oldest that there is. */
  readonly from: number | null;
  /** Number of the last; Infinity: the newest. */
  readonly to: number;
}

/** Yields what is kept of the range, in order, and a gap item for each part that is not. Throws ReplayError. */
export async function* replayRange(
  channel: Pick<SideChannel, "replay">,
  { from, to }: ReplayRange,
  counters: StreamCounters,
): AsyncGenerator<BatchItem | MalformedItem | GapItem, void> {
  let next = from;
  for await (const message of channel.replay(from ?? 0)) {
    const { sequence } = message;
    if (next !== null && sequence > next) yield lost(next, Math.min(sequence - 1, to), counters);
    next = sequence + 1;
    if (sequence > to) return;
    yield delivered(message, "replay", counters);
    if (sequence === to) return;
  }
  const first = next ?? 0;
  if (to !== Infinity && first <= to) yield lost(first, to, counters);
}

function lost(from: number, to: number, counters: StreamCounters): GapItem {
  counters.gaps++;
  counters.lost += to - from + 1;
  return { kind: "gap", from, to, healed: false, reason: "evicted" };
}
