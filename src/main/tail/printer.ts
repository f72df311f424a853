/** What every printer of a stream can do. MAIN THREAD. */
import type { KvEvent } from "./kv-event.ts";
import type { BatchItem, StreamItem } from "./stream-items.ts";

/** Colours of a terminal. */
export const ANSI = {
  reset: "\u001B[0m",
  red: "\u001B[31m",
  green: "\u001B[32m",
  yellow: "\u001B[33m",
  dim: "\u001B[2m",
  cyan: "\u001B[36m",
} as const;

/** Everything in a stream that is no batch. */
export type NoteItem = Exclude<StreamItem, BatchItem>;

export interface Printer {
  /** Before the events of a batch, also of one that has none or none that is wanted. */
  batch(item: BatchItem): void;
  event(event: KvEvent, item: BatchItem): void;
  note(item: NoteItem): void;
  /** The totals, when the stream is over. */
  end(): void;
}

/** Decides what of an event may be shown. */
export interface PrinterOptions {
  /** Token ids and salts, which are people's prompts. */
  readonly tokens: boolean;
  readonly colour: boolean;
  readonly write: (text: string) => void;
}
