/** Published events to wire payloads, through the product's own record and frame encoders but without threads. */
import { decode } from "@msgpack/msgpack";
import { type EventSize, measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { ENTRY, SLOT_HEADER_BYTES } from "../../src/shared/ring-layout.ts";
import type { WireFormat } from "../../src/shared/wire-format.ts";
import { eventWriter } from "../../src/workers/event-writer.ts";
import { redactedWriter } from "../../src/workers/redacted-writer.ts";
import { outputOf } from "../../src/workers/msgpack-writer.ts";
import { FrameEncoder } from "../../src/workers/frame-encoder.ts";

/** The clock of the recorded vectors. */
export const FIXED_SECONDS = 1700000000.5;

export interface Entry {
  readonly payload: Buffer;
  readonly stored: number;
  readonly removed: number;
  readonly cleared: number;
}

/** Collects events as records, so that scratches may be reused between them. */
export class WireBatch {
  #words: Uint32Array = new Uint32Array(0);
  #frameBound: number = 64;
  #events: number = 0;

  add(event: PublishedEvent, delayMicros: number = 0): void {
    const size: EventSize = { words: 0, frameBytes: 0 };
    measure(event, size);
    const start = this.#words.length;
    const words = new Uint32Array(start + size.words);
    words.set(this.#words);
    const end = writeRecord(event, size, words, start, delayMicros);
    if (end !== words.length) throw new Error(`a record of ${end - start} words was measured as ${size.words}`);
    this.#words = words;
    this.#frameBound += size.frameBytes;
    this.#events++;
  }

  get events(): number {
    return this.#events;
  }

  get frameBound(): number {
    return this.#frameBound;
  }

  /** The messages of this batch, and how many bytes of frame they took. */
  encode(
    format: WireFormat,
    kvBlockSize: number,
    rank: number,
    wallSeconds: number = FIXED_SECONDS,
    redact: boolean = false,
  ): { entries: Entry[]; frameBytes: number } {
    const frameOffset = (this.#words.length * 4 + 7) & ~7;
    const buffer = new ArrayBuffer(frameOffset + ((this.#frameBound + 7) & ~7));
    const records = new Uint32Array(buffer);
    records.set(this.#words);
    const bytes = new Uint8Array(buffer);
    const plain = eventWriter(format, kvBlockSize);
    const result = new FrameEncoder(format, kvBlockSize, redact ? redactedWriter(plain) : plain).encode({
      header: new Int32Array(SLOT_HEADER_BYTES / 4),
      slot: 0,
      records,
      recordsWord: 0,
      recordWords: this.#words.length,
      events: this.#events,
      rank,
      wallSeconds,
      out: outputOf(bytes),
      frameOffset,
    });
    const entries: Entry[] = [];
    let p = frameOffset;
    for (let i = 0; i < result.entries; i++) {
      const header = p >>> 2;
      const length = records[header + ENTRY.bytes] ?? 0;
      p += ENTRY.headerBytes;
      entries.push({
        payload: Buffer.from(bytes.slice(p, p + length)),
        stored: records[header + ENTRY.stored] ?? 0,
        removed: records[header + ENTRY.removed] ?? 0,
        cleared: records[header + ENTRY.cleared] ?? 0,
      });
      p = (p + length + 3) & ~3;
    }
    return { entries, frameBytes: result.frameBytes };
  }
}

/** `[timestamp, events, rank]`, integers beyond 32 bits as BigInt. */
export function decodePayload(payload: Uint8Array): [number | bigint, unknown[], number] {
  return decode(payload, { useBigInt64: true }) as [number | bigint, unknown[], number];
}
