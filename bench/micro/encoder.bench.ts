/**
 * How fast an encoder thread turns a slot of records into payloads, in all dialects, beside `@msgpack/msgpack` on plain
 * objects of the same events. The rival gets its objects ready-made: making them is not counted against it.
 */
import { Encoder } from "@msgpack/msgpack";
import { type EventSize, measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import { MAX_BATCH_EVENTS } from "../../src/main/pipeline/batcher.ts";
import { SLOT_HEADER_BYTES } from "../../src/shared/ring-layout.ts";
import { isSingleEvent, ENGINE_WIRE_FORMATS, type WireFormat } from "../../src/shared/wire-format.ts";
import { FrameEncoder } from "../../src/workers/frame-encoder.ts";
import type { FrameJob } from "../../src/workers/frame-job.ts";
import { outputOf } from "../../src/workers/msgpack-writer.ts";
import { makeNormaliser, storedEvents, storedObject, TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { atLeast } from "../goal.ts";
import type { MicroCase } from "./micro-case.ts";

/** Room for the records, and behind it for the frame, of the largest case. */
const AREA_BYTES = 1024 * 1024;
const WALL_SECONDS = 1_700_000_000.25;

/** A slot full of the first stored events, of so many blocks each. */
export function slotOf(blocks: number): FrameJob {
  const memory = new SharedArrayBuffer(2 * AREA_BYTES);
  const records = new Uint32Array(memory);
  const size: EventSize = { words: 0, frameBytes: 0 };
  const normaliser = makeNormaliser();
  let words = 0;
  for (const [i, raw] of storedEvents(blocks, MAX_BATCH_EVENTS).entries()) {
    raw.eventId = i;
    normaliser.normalise(raw);
    measure(normaliser.out, size);
    words = writeRecord(normaliser.out, size, records, words, i);
  }
  return {
    header: new Int32Array(new SharedArrayBuffer(SLOT_HEADER_BYTES)),
    slot: 0,
    records,
    recordsWord: 0,
    recordWords: words,
    events: MAX_BATCH_EVENTS,
    rank: 0,
    wallSeconds: WALL_SECONDS,
    out: outputOf(new Uint8Array(memory)),
    frameOffset: AREA_BYTES,
  };
}

function encoderCase(format: WireFormat, blocks: number): MicroCase {
  return {
    name: `encoder/${format}-${blocks}x32`,
    unit: "events",
    // Of the dialect that is the default, for the event that there is most of.
    ...(format === "vllm" && blocks === 1 ? { goals: [atLeast(3e6, "≥ 3 M")] } : {}),
    rival: `encoder/msgpack-${isSingleEvent(format) ? "single" : "batch"}-${blocks}x32`,
    prepare() {
      const job = slotOf(blocks);
      const encoder = new FrameEncoder(format, TOKENS_A_BLOCK);
      if (encoder.encode(job).poisonedEvents > 0) throw new Error("the events cannot be encoded");
      return { perCall: MAX_BATCH_EVENTS, work: () => encoder.encode(job).frameBytes };
    },
  };
}

function msgpackCase(form: "batch" | "single", blocks: number): MicroCase {
  return {
    name: `encoder/msgpack-${form}-${blocks}x32`,
    unit: "events",
    prepare() {
      const encoder = new Encoder({ useBigInt64: true });
      const events = storedEvents(blocks, MAX_BATCH_EVENTS).map(storedObject);
      const messages =
        form === "batch" ? [[WALL_SECONDS, events, 0]] : events.map((event) => [WALL_SECONDS, [event], 0]);
      return {
        perCall: MAX_BATCH_EVENTS,
        work: () => {
          let bytes = 0;
          for (const message of messages) bytes += encoder.encodeSharedRef(message).length;
          return bytes;
        },
      };
    },
  };
}

export const ENCODER_CASES: readonly MicroCase[] = [1, 8].flatMap((blocks) => [
  ...ENGINE_WIRE_FORMATS.map((format) => encoderCase(format, blocks)),
  msgpackCase("batch", blocks),
  msgpackCase("single", blocks),
]);
