/** The messages of a recording, as a stream of a publisher would have them. MAIN THREAD. */
import { delivered } from "../tail/delivered.ts";
import type { ReplayRange } from "../tail/replay-range.ts";
import type { BatchItem, GapItem, MalformedItem, RestartItem, StreamCounters } from "../tail/stream-items.ts";
import { messageOfEntry, noteOfEntry } from "./message-entries.ts";
import { type Entry, ENTRY, RecordingError } from "./recording-format.ts";
import { RecordingReader } from "./recording-reader.ts";

type Item = BatchItem | MalformedItem | GapItem | RestartItem;

export interface RecordedStream {
  readonly items: AsyncIterable<Item>;
  share(): number | null;
  close(): void;
  /** What to tell of the file when it is over; null: nothing. */
  closing(): string | null;
}

/** Opens the file when it is iterated over, which throws RecordingError for one that is no recording of messages. */
export function replayRecording(path: string, range: ReplayRange, counters: StreamCounters): RecordedStream {
  let reader: RecordingReader | null = null;
  let finished = false;
  async function* items(): AsyncGenerator<Item, void> {
    reader = await RecordingReader.open(path);
    if (reader.head.kind !== "published") {
      await reader.close();
      throw new RecordingError(
        `${path} is a recording of an engine; kvcast serve --engine file:${path} publishes it again`,
      );
    }
    try {
      for await (const entry of reader.entries()) {
        const item = itemOf(entry, range, counters, path);
        if (item !== null) yield item;
      }
      finished = true;
    } finally {
      await reader.close();
    }
  }
  return {
    items: items(),
    share: () => (reader === null ? null : reader.position / Math.max(1, reader.sizeBytes)),
    close: () => void reader?.close(),
    closing: () =>
      finished && reader?.complete === false
        ? `${path} was cut at byte ${reader.position}: the recording was not ended in order`
        : null,
  };
}

/** Null for what is not wanted, or not known. */
function itemOf(entry: Entry, { from, to }: ReplayRange, counters: StreamCounters, path: string): Item | null {
  if (entry.kind === ENTRY.message) {
    const message = messageOfEntry(entry.bytes, path);
    if (message.sequence < (from ?? 0) || message.sequence > to) return null;
    return delivered(message, "replay", counters);
  }
  if (entry.kind !== ENTRY.note) return null;
  const note = noteOfEntry(entry.bytes, path);
  if (note.kind === "restart") counters.restarts++;
  else {
    if (note.to < (from ?? 0) || note.from > to) return null;
    counters.gaps++;
    if (note.healed) counters.healed += note.to - note.from + 1;
    else counters.lost += note.to - note.from + 1;
  }
  return note;
}
