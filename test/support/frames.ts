/** Frames of numbered events, with an event writer that can be made to throw. */
import { measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import { RECORD_WORD } from "../../src/shared/record.ts";
import { ENTRY, SLOT_HEADER_BYTES } from "../../src/shared/ring-layout.ts";
import type { WireFormat } from "../../src/shared/wire-format.ts";
import { eventWriter } from "../../src/workers/event-writer.ts";
import { FrameEncoder, type FrameResult } from "../../src/workers/frame-encoder.ts";
import { outputOf } from "../../src/workers/msgpack-writer.ts";
import { type EventSpec, publishedEvent } from "./published.ts";
import { decodePayload } from "./wire.ts";

const BLOCK_SIZE = 4;
const FRAME_OFFSET = 1 << 16;

export const EventSpecs = {
  /** Removed events whose one hash is 1, 2, … */
  numbered(count: number): EventSpec[] {
    return Array.from({ length: count }, (_, i) => ({ type: "removed", hashes: [BigInt(i + 1)] }));
  },
};

export interface FrameOptions {
  readonly delaysMicros?: readonly number[];
  readonly ranks?: readonly number[];
  readonly wallSeconds?: number;
}

export function frameOf(
  format: WireFormat,
  specs: readonly EventSpec[],
  throwsFor: (number: number) => boolean,
  options: FrameOptions = {},
): { result: FrameResult; numbers: number[]; payloads: [number | bigint, unknown[], number][] } {
  const buffer = new ArrayBuffer(2 * FRAME_OFFSET);
  const records = new Uint32Array(buffer);
  const size = { words: 0, frameBytes: 0 };
  let words = 0;
  for (const [i, spec] of specs.entries()) {
    const event = publishedEvent(spec, options.ranks?.[i] ?? 0);
    measure(event, size);
    words = writeRecord(event, size, records, words, options.delaysMicros?.[i] ?? 0);
  }
  const write = eventWriter(format, BLOCK_SIZE);
  const encoder = new FrameEncoder(format, BLOCK_SIZE, (from, r, out, p) => {
    if (throwsFor(from[r + RECORD_WORD.header] ?? 0)) throw new Error("cannot be encoded");
    return write(from, r, out, p);
  });
  const result = encoder.encode({
    header: new Int32Array(SLOT_HEADER_BYTES / 4),
    slot: 0,
    records,
    recordsWord: 0,
    recordWords: words,
    events: specs.length,
    rank: 0,
    wallSeconds: options.wallSeconds ?? 1,
    out: outputOf(new Uint8Array(buffer)),
    frameOffset: FRAME_OFFSET,
  });
  const payloads: [number | bigint, unknown[], number][] = [];
  let p = FRAME_OFFSET;
  for (let i = 0; i < result.entries; i++) {
    const length = records[(p >>> 2) + ENTRY.bytes] ?? 0;
    const start = p + ENTRY.headerBytes;
    payloads.push(decodePayload(new Uint8Array(buffer, start, length)));
    p = (start + length + 3) & ~3;
  }
  const numbers = payloads.flatMap(([, events]) =>
    events.map((event) => Number((event as { block_hashes: (bigint | number)[] }).block_hashes[0])),
  );
  return { result: { ...result }, numbers, payloads };
}
