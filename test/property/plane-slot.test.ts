/**
 * Slots that the batcher fills for both, ZMQ and the event plane: what encoders write stays in the slot's frame area, or in
 * the memory of an event larger than a slot, and the ZMQ frame is the same as without the plane.
 */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { Batcher } from "../../src/main/pipeline/batcher.ts";
import { OversizeBuffer } from "../../src/main/pipeline/oversize-buffer.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingProducer } from "../../src/shared/ring.ts";
import { SLOT } from "../../src/shared/ring-layout.ts";
import { isSingleEvent, WIRE_FORMATS } from "../../src/shared/wire-format.ts";
import { eventWriter } from "../../src/workers/event-writer.ts";
import { FrameEncoder } from "../../src/workers/frame-encoder.ts";
import type { FrameJob } from "../../src/workers/frame-job.ts";
import { outputOf } from "../../src/workers/msgpack-writer.ts";
import { PlaneEncoder } from "../../src/workers/plane-encoder.ts";
import { eventSpec, type EventSpec, hash64, publishedEvent } from "../support/published.ts";

const BLOCK_SIZE = 4;
const SLOT_BYTES = 2048;
/** The longest of all. */
const WORKER_ID = (1n << 64n) - 1n;

/** Little for ZMQ and much for the plane: whole blocks of small tokens, no texts, chains that do not go on. */
const denseStored = fc
  .tuple(
    fc.uniqueArray(hash64, { minLength: 1, maxLength: 12 }),
    fc.array(hash64, { minLength: 1, maxLength: 2 }),
    fc.boolean(),
  )
  .map(([hashes, mm, hasMm]): EventSpec => {
    const tokens = Array.from({ length: BLOCK_SIZE * hashes.length }, () => 1);
    const parts = { loraName: null, loraId: 0, salt: null, mm: hasMm ? hashes.map(() => mm) : undefined };
    return { type: "stored", hashes, tokens, parent: null, ...parts };
  });
const spec = fc.oneof({ weight: 2, arbitrary: denseStored }, { weight: 1, arbitrary: eventSpec });
const slotEvents = fc.oneof(
  fc.array(fc.record({ spec, rank: fc.constantFrom(0, 1, 2, 300, 1023) }), { minLength: 1, maxLength: 60 }),
  fc.array(fc.record({ spec: denseStored, rank: fc.constant(0) }), { minLength: 20, maxLength: 60 }),
  fc.array(fc.record({ spec: fc.constant<EventSpec>({ type: "cleared" }), rank: fc.nat({ max: 1023 }) }), {
    minLength: 60,
    maxLength: 90,
  }),
);

for (const format of WIRE_FORMATS) {
  test(`${format}: frame and messages stay in their memory, and the frame is what it is without them`, () => {
    const plain = new FrameEncoder(format, BLOCK_SIZE);
    const plane = new PlaneEncoder(WORKER_ID, BLOCK_SIZE);
    const both = new FrameEncoder(format, BLOCK_SIZE, eventWriter(format, BLOCK_SIZE), plane);
    fc.assert(
      fc.property(slotEvents, (events) => {
        const memory = RingMemory.allocate({ slots: 128, slotBytes: SLOT_BYTES });
        const oversize = new OversizeBuffer();
        const batcher = new Batcher({
          ring: new RingProducer(memory, 1),
          oversize,
          singleEvent: isSingleEvent(format),
          plane: true,
          onCommit: () => {},
        });
        // One event larger than a slot at a time: the second would wait for the first to be sent, and is left out here.
        for (const event of events) batcher.add(publishedEvent(event.spec, event.rank));
        batcher.flush(true);
        let encoded = 0;
        for (let position = 0; position !== memory.head(); position++) {
          const { job, areaBytes } = jobOf(memory, oversize, position);
          const { frameOffset, header, slot, out } = job;
          const alone = plain.encode(job).frameBytes;
          const frame = out.bytes.slice(frameOffset, frameOffset + alone);
          out.bytes.fill(0xaa, frameOffset, frameOffset + areaBytes);
          const { frameBytes } = both.encode(job);
          assert.equal(frameBytes, alone);
          // All but the padding, which is what was there before.
          assert.deepEqual(withoutPadding(out.bytes.slice(frameOffset, frameOffset + alone), frame), frame);
          assert.equal(header[slot + SLOT.planeOffset], frameOffset + frameBytes);
          assert.ok(frameBytes + (header[slot + SLOT.planeBytes] ?? 0) <= areaBytes);
          encoded += job.events;
        }
        assert.equal(encoded, batcher.enqueuedEvents);
      }),
      { numRuns: Number(process.env["RUNS"] ?? 60) },
    );
  });
}

/** The bytes of `found`, but where it has a byte of filling, that of `wanted`. */
function withoutPadding(found: Uint8Array, wanted: Uint8Array): Uint8Array {
  return found.map((byte, i) => (byte === 0xaa ? (wanted[i] ?? 0) : byte));
}

function jobOf(
  memory: RingMemory,
  oversize: OversizeBuffer,
  position: number,
): { readonly job: FrameJob; readonly areaBytes: number } {
  const { words } = memory;
  const slot = memory.slotWord(position);
  const generation = words[slot + SLOT.oversizeGeneration] ?? 0;
  const buffer = generation === 0 ? memory.buffer : (oversize.current?.buffer ?? memory.buffer);
  const frameOffset = words[slot + SLOT.frameOffset] ?? 0;
  const job = {
    header: words,
    slot,
    records: new Uint32Array(buffer),
    recordsWord: (words[slot + SLOT.recordsOffset] ?? 0) >>> 2,
    recordWords: words[slot + SLOT.recordWords] ?? 0,
    events: words[slot + SLOT.events] ?? 0,
    rank: words[slot + SLOT.rank] ?? 0,
    wallSeconds: 1,
    out: outputOf(new Uint8Array(buffer)),
    frameOffset,
  };
  return { job, areaBytes: generation === 0 ? SLOT_BYTES : buffer.byteLength - frameOffset };
}
