/**
 * A stream as figures: a line a second, and the totals at the end. MAIN THREAD. On a terminal each line takes the place of
 * the one before it.
 */
import { timeOfDay } from "../log-text.ts";
import { jsonLine } from "./json-printer.ts";
import type { LiveBlocks } from "./live-blocks.ts";
import { ANSI, type Printer } from "./printer.ts";
import type { BatchItem, StreamCounters } from "./stream-items.ts";

const EVERY_MS = 1000;
/** Ranks that a line has room for. */
const SHOWN_RANKS = 16;
const ERASE_LINE = "\r\u001B[2K";

export interface StatsOptions {
  readonly counters: Readonly<StreamCounters>;
  /** Null when blocks are not kept. */
  readonly blocks: LiveBlocks | null;
  readonly json: boolean;
  readonly colour: boolean;
  /** Columns of the terminal that is written to; null when it is none. */
  readonly columns: number | null;
  readonly write: (text: string) => void;
}

export class StatsPrinter implements Printer {
  readonly #options: StatsOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #startMs: number = performance.now();
  #lastMs: number = this.#startMs;
  #last: { events: number; messages: number; bytes: number } = { events: 0, messages: 0, bytes: 0 };
  /** Greatest age of a live batch since the last line, in seconds; null without one. */
  #lagSeconds: number | null = null;

  constructor(options: StatsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#report(), EVERY_MS);
  }

  batch(item: BatchItem): void {
    // A snapshot and a replay are old by their nature.
    if (item.source !== "live") return;
    this.#lagSeconds = Math.max(this.#lagSeconds ?? -Infinity, Date.now() / 1000 - item.batch.timestamp);
  }

  event(): void {
    // They are in the counters, as everything is that can happen.
  }

  note(): void {
    // See above.
  }

  end(): void {
    clearInterval(this.#timer);
    const { json, columns, write, counters } = this.#options;
    const seconds = (performance.now() - this.#startMs) / 1000;
    if (json) write(jsonLine({ type: "summary", seconds: round(seconds), ...totals(counters), ...this.#blocksJson() }));
    else write(`${columns === null ? "" : ERASE_LINE}${summaryText(counters, seconds)}${this.#blocksText()}\n`);
  }

  #report(): void {
    const { json, columns, colour, write, counters } = this.#options;
    const nowMs = performance.now();
    const perSecond = (total: number, before: number): number => ((total - before) * 1000) / (nowMs - this.#lastMs);
    const events = perSecond(counters.events, this.#last.events);
    const messages = perSecond(counters.messages, this.#last.messages);
    const bytes = perSecond(counters.bytes, this.#last.bytes);
    const lag = this.#lagSeconds;
    this.#lastMs = nowMs;
    this.#last = { events: counters.events, messages: counters.messages, bytes: counters.bytes };
    this.#lagSeconds = null;
    if (json) {
      const rates = { events_per_s: round(events), messages_per_s: round(messages), bytes_per_s: round(bytes) };
      const lagJson = { lag_s: lag === null ? null : round(lag) };
      write(
        jsonLine({
          type: "stats",
          time: Date.now() / 1000,
          ...rates,
          ...lagJson,
          ...totals(counters),
          ...this.#blocksJson(),
        }),
      );
      return;
    }
    const parts = [
      timeOfDay(new Date()).slice(0, 8),
      `events/s ${Math.round(events)}`,
      `messages/s ${Math.round(messages)}`,
      `MB/s ${(bytes / 1e6).toFixed(2)}`,
      `last ${counters.lastSequence < 0 ? "-" : `#${counters.lastSequence}`}`,
      `gaps ${counters.gaps} lost ${counters.lost} healed ${counters.healed}`,
      `lag ${lag === null ? "-" : `${(lag * 1000).toFixed(1)} ms`}`,
    ];
    const line = `${parts.join("  ")}${rareText(counters)}${this.#blocksText()}`;
    // A line that wraps could not be written over.
    const fitting = columns === null ? line : line.slice(0, Math.max(1, columns - 1));
    const painted = colour && counters.lost > 0 ? `${ANSI.red}${fitting}${ANSI.reset}` : fitting;
    write(columns === null ? `${painted}\n` : `${ERASE_LINE}${painted}`);
  }

  #blocksText(): string {
    const { blocks } = this.#options;
    if (blocks === null) return "";
    const counts = blocks.counts();
    const shown = counts.slice(0, SHOWN_RANKS).map(([rank, count]) => `${rank}:${count}`);
    const more = counts.length > SHOWN_RANKS ? " …" : "";
    return `  blocks ${shown.join(" ") || "0"}${more}${blocks.complete ? "" : " and more"}`;
  }

  #blocksJson(): Readonly<Record<string, unknown>> {
    const { blocks } = this.#options;
    return blocks === null ? {} : { blocks: Object.fromEntries(blocks.counts()), blocks_complete: blocks.complete };
  }
}

/** The totals in a sentence. */
export function summaryText(counters: Readonly<StreamCounters>, seconds: number): string {
  const { events, messages, gaps, lost, healed } = counters;
  return (
    `${events} events in ${messages} messages in ${seconds.toFixed(1)} s, ` +
    `${gaps} gaps, ${lost} messages lost, ${healed} healed${rareText(counters)}`
  );
}

/** What should not happen, where it did. */
function rareText(counters: Readonly<StreamCounters>): string {
  const { restarts, duplicates } = counters;
  const malformed = sum(counters.malformed) + sum(counters.malformedEvents);
  let text = "";
  if (restarts > 0) text += `  restarts ${restarts}`;
  if (duplicates > 0) text += `  duplicates ${duplicates}`;
  if (malformed > 0) text += `  malformed ${malformed}`;
  return text;
}

function totals(counters: Readonly<StreamCounters>): Readonly<Record<string, unknown>> {
  return {
    events: counters.events,
    messages: counters.messages,
    bytes: counters.bytes,
    last_sequence: counters.lastSequence,
    gaps: counters.gaps,
    lost: counters.lost,
    healed: counters.healed,
    restarts: counters.restarts,
    duplicates: counters.duplicates,
    snapshots: counters.snapshots,
    malformed: counters.malformed,
    malformed_events: counters.malformedEvents,
  };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
