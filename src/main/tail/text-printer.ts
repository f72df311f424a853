/**
 * A stream as a person reads it, one line an event. MAIN THREAD. Text from outside is escaped: it may not forge a line or
 * drive the terminal.
 */
import { escapeControl, timeOfDay } from "../log-text.ts";
import { jsonLine } from "./json-printer.ts";
import type { KvEvent, StoredEvent } from "./kv-event.ts";
import { ANSI, type NoteItem, type Printer, type PrinterOptions } from "./printer.ts";
import type { BatchItem, GapItem, LossReason, SnapshotFailure } from "./stream-items.ts";

/** More hashes than this are only counted. */
const SHOWN_HASHES = 4;
/** A UUID, and not what else might come in its place. */
const SHOWN_EPOCH_CHARS = 36;
/** Seconds since 1970 that a Date can hold. */
const MAX_DATE_SECONDS = 8.64e12;

const LOSS: Readonly<Record<LossReason, string>> = {
  "no-replay": "there is no --replay to ask",
  evicted: "the publisher keeps them no more",
  timeout: "the replay did not answer in time",
  "cooling-down": "the replay did not answer a moment ago",
  framing: "the replay has other frames than --replay-framing says",
};

export const SNAPSHOT_FAILURE: Readonly<Record<SnapshotFailure, string>> = {
  off: "the publisher keeps none (serve --snapshot)",
  busy: "the publisher is busy with others",
  overflow: "the publisher's buffer for it ran over",
  stopping: "the publisher is stopping",
  expired: "the publisher gave it up, because nothing of it was taken for too long",
  timeout: "the replay socket did not answer in time",
  malformed: "what came is none",
};

export class TextPrinter implements Printer {
  readonly #options: PrinterOptions;

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  batch(): void {
    // A batch without events is a sign of life, and no data.
  }

  event(event: KvEvent, item: BatchItem): void {
    const { sequence, source, batch } = item;
    const number = sequence === null ? "-" : `#${sequence}`;
    const how = source === "live" ? "" : ` (${source === "replay" ? "replayed" : "snapshot"})`;
    const at = this.#paint(ANSI.dim, `${number} ${timeText(batch.timestamp)}`);
    const text = `rank ${batch.rank ?? "-"} ${this.#describe(event)}${how}`;
    this.#options.write(`${at} ${event.type === "malformed" ? this.#paint(ANSI.red, text) : text}\n`);
  }

  note(item: NoteItem): void {
    switch (item.kind) {
      case "gap":
        return this.#line(ANSI.red, gapText(item));
      case "restart":
        return this.#line(ANSI.cyan, `restart: #${item.sequence} where #${item.expected} was next; forget all blocks`);
      case "snapshot-start": {
        const { epoch, sequence, blocks, complete } = item.header;
        const note = complete ? "" : ", incomplete: the publisher does not know all";
        const run = escapeControl(epoch.slice(0, SHOWN_EPOCH_CHARS));
        return this.#line(
          ANSI.cyan,
          `snapshot of ${blocks} blocks up to #${sequence}, run ${run}${note}; forget all others`,
        );
      }
      case "snapshot-end":
        return this.#line(ANSI.cyan, `end of the snapshot: ${item.blocks} blocks; live from #${item.sequence + 1}`);
      case "snapshot-failed":
        return this.#line(ANSI.red, `no snapshot: ${SNAPSHOT_FAILURE[item.reason]}`);
      case "malformed": {
        const number = item.sequence === null ? "a message" : `#${item.sequence}`;
        return this.#line(ANSI.red, `${number} is malformed: ${item.reason}`);
      }
    }
  }

  end(): void {
    // The command says the totals where they are not in the way of the data.
  }

  #line(colour: string, text: string): void {
    this.#options.write(`${this.#paint(colour, text)}\n`);
  }

  #paint(colour: string, text: string): string {
    return this.#options.colour ? `${colour}${text}${ANSI.reset}` : text;
  }

  #describe(event: KvEvent): string {
    switch (event.type) {
      case "stored":
        return `stored  ${hashesText(event.hashes)}${this.#storedText(event)}`;
      case "removed":
        return `removed ${hashesText(event.hashes)} blocks ${event.hashes.length}`;
      case "cleared":
        return "cleared all blocks of the rank";
      case "unknown":
        return `unknown ${escapeControl(event.name)}`;
      case "malformed":
        return `malformed event: ${event.reason}`;
    }
  }

  #storedText(event: StoredEvent): string {
    const { hashes, parent, tokens, medium, loraName, loraId } = event;
    let text = ` blocks ${hashes.length} parent ${parent === null ? "root" : hex(parent)} tokens ${tokens.length}`;
    if (medium !== null && medium !== "GPU") text += ` medium ${JSON.stringify(medium)}`;
    if (loraName !== null) text += ` lora ${JSON.stringify(loraName)}`;
    else if (loraId !== null) text += ` lora ${loraId}`;
    if (this.#options.tokens) {
      text += ` token_ids ${tokens.join(",")}`;
      if (event.cacheSalt !== null) text += ` salt ${JSON.stringify(event.cacheSalt)}`;
      if (Object.keys(event.others).length > 0) text += ` others ${jsonLine(event.others).trimEnd()}`;
    }
    return escapeControl(text);
  }
}

function gapText(gap: GapItem): string {
  const { from, to, healed, reason } = gap;
  const numbers = from === to ? `#${from}` : `#${from} to #${to}`;
  const count = to - from + 1;
  const messages = `${count} message${count === 1 ? "" : "s"}`;
  if (healed) return `gap: ${numbers}, ${messages}, healed by replay`;
  return `gap: ${numbers}, ${messages} lost${reason === null ? "" : `: ${LOSS[reason]}`}`;
}

function hashesText(hashes: readonly bigint[]): string {
  const shown = hashes.slice(0, SHOWN_HASHES).map(hex).join(",");
  return hashes.length > SHOWN_HASHES ? `${shown},…` : shown;
}

/** All 16 digits, so that a hash can be looked for. */
function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, "0");
}

function timeText(seconds: number): string {
  return Math.abs(seconds) < MAX_DATE_SECONDS ? timeOfDay(new Date(seconds * 1000)) : "-";
}
