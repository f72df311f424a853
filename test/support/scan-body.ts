/** Runs a body through the scanner, in chunks, as an engine source does. */
import { EventScanner, type ScanStep } from "../../src/main/engine/event-scanner.ts";
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import type { ScanError } from "../../src/main/engine/scan-error.ts";
import { type EventView, viewOf } from "./event-oracle.ts";

export interface Scanned {
  readonly events: readonly EventView[];
  /** `done` or `error`. */
  readonly step: ScanStep;
  readonly error: ScanError | null;
  readonly scannedBytes: number;
}

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** One scratch for all bodies, as in a source: nothing may be left over in it. */
const event: RawEvent = new RawEvent();

/** Each step gives at least one event or takes a chunk, so a scan that needs more steps than this does not end. */
function stepLimit(bytes: number, chunks: number): number {
  return bytes + chunks + 2;
}

/**
 * Scans the chunks one after the other. The chunk's memory is overwritten as soon as it was pushed. The scanner may be
 * one that was used before.
 */
export function scanChunks(chunks: readonly Uint8Array[], scanner: EventScanner = new EventScanner()): Scanned {
  const events: EventView[] = [];
  let stepsLeft = stepLimit(
    chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    chunks.length,
  );
  const drain = (): ScanStep => {
    for (;;) {
      if (stepsLeft-- === 0) throw new Error("the scan does not end");
      const step = scanner.next(event);
      if (step !== "event") return step;
      events.push(viewOf(event));
    }
  };
  scanner.begin();
  for (const chunk of chunks) {
    const shared = Uint8Array.from(chunk);
    scanner.push(shared);
    shared.fill(0x7b);
    drain();
  }
  scanner.end();
  const step = drain();
  return { events, step, error: scanner.error, scannedBytes: scanner.scannedBytes };
}

export function scanText(text: string): Scanned {
  return scanChunks([encode(text)]);
}

/** Cuts `bytes` into pieces of `size`. */
export function chunked(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}
