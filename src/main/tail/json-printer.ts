/**
 * A stream as JSON, one object a line. MAIN THREAD. Hashes are decimal strings, because most JSON readers would round them.
 */
import { escapeControl } from "../log-text.ts";
import type { KvEvent } from "./kv-event.ts";
import type { NoteItem, Printer, PrinterOptions } from "./printer.ts";
import type { BatchItem } from "./stream-items.ts";

export class JsonPrinter implements Printer {
  readonly #options: PrinterOptions;

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  batch(): void {
    // A batch without events is a sign of life, and no data.
  }

  event(event: KvEvent, item: BatchItem): void {
    const { sequence, source, batch } = item;
    const at = { type: event.type, sequence, source, time: batch.timestamp, rank: batch.rank };
    this.#options.write(jsonLine({ ...at, ...this.#fields(event) }));
  }

  note(item: NoteItem): void {
    const { kind: type, ...rest } = item;
    // The header's own fields, and a gap's reason only where there is one, read better flat.
    if (item.kind === "snapshot-start") this.#options.write(jsonLine({ type, ...item.header }));
    else if (item.kind === "gap" && item.reason === null) {
      this.#options.write(jsonLine({ type, from: item.from, to: item.to, healed: item.healed }));
    } else this.#options.write(jsonLine({ type, ...rest }));
  }

  end(): void {
    // Whoever reads a stream of events by program can add them up.
  }

  #fields(event: KvEvent): Readonly<Record<string, unknown>> {
    switch (event.type) {
      case "stored": {
        const { hashes, parent, tokens, blockSize, loraId, loraName, medium, cacheSalt, others } = event;
        const fields = {
          hashes: hashes.map(String),
          parent: parent === null ? null : String(parent),
          tokens: tokens.length,
          block_size: blockSize,
          medium,
          lora_id: loraId,
          lora_name: loraName,
        };
        return this.#options.tokens ? { ...fields, token_ids: tokens, cache_salt: cacheSalt, others } : fields;
      }
      case "removed":
        return { hashes: event.hashes.map(String), medium: event.medium };
      case "unknown":
        return { name: event.name };
      case "malformed":
        return { reason: event.reason };
      case "cleared":
        return {};
    }
  }
}

/** One line. What a terminal would obey, and JSON lets pass, is escaped as well. */
export function jsonLine(value: Readonly<Record<string, unknown>>): string {
  return `${escapeControl(JSON.stringify(value, printable))}\n`;
}

function printable(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  // What is bytes here has become something else on its way to `value`.
  const bytes = this[key];
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("hex") : value;
}
