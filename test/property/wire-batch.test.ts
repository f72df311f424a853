/** The reader of other publishers' batches against a second one that shares nothing with it, for made-up and broken bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import { WireEvent } from "../../src/main/wire/wire-event.ts";
import { WIRE_REFUSALS } from "../../src/main/wire/wire-refusal.ts";
import { bytesOf, list, type Spelled } from "../support/spelled-msgpack.ts";
import { goodBatch, oddBatch } from "../support/wire-arbitrary.ts";
import { modelBatch } from "../support/wire-model.ts";
import { ModelRefusal } from "../support/wire-model-values.ts";
import { type BatchView, readAll, viewOf } from "../support/wire-view.ts";

const RUNS = Number(process.env["KVCAST_PROPERTY_RUNS"] ?? 500);

/** One for all runs: nothing of a batch before may be left over. */
const reader = new WireBatchReader();

/** null when it must be refused, or cannot be judged because the decoder throws. */
function modelOrNull(payload: Uint8Array): BatchView | null {
  try {
    return modelBatch(payload);
  } catch {
    return null;
  }
}

test("every batch that publishers may send gives what a second reader makes of it", () => {
  fc.assert(
    fc.property(goodBatch, (batch) => {
      const payload = bytesOf(batch);
      assert.deepEqual(readAll(payload, reader), modelBatch(payload));
    }),
    { numRuns: RUNS },
  );
});

test("a value that a field does not allow refuses the batch, and any other does not", () => {
  let refused = 0;
  fc.assert(
    fc.property(oddBatch, (batch) => {
      const payload = bytesOf(batch);
      const read = readAll(payload, reader);
      try {
        assert.deepEqual(read, modelBatch(payload));
      } catch (error) {
        if (!(error instanceof ModelRefusal)) throw error;
        assert.ok("reason" in read, `the second reader refuses it: ${error.message}`);
        refused++;
      }
    }),
    { numRuns: RUNS * 4 },
  );
  assert.ok(refused > RUNS / 4, `only ${refused} were refused`);
});

function eventsOf(batch: Spelled): readonly Spelled[] {
  const events = batch.type === "list" ? batch.items[1] : undefined;
  return events?.type === "list" ? events.items : [];
}

test("the events of two batches joined are those of the one and of the other", () => {
  fc.assert(
    fc.property(goodBatch, goodBatch, (one, other) => {
      const joined = list([
        { type: "float", value: 0.5, single: false },
        list([...eventsOf(one), ...eventsOf(other)]),
        { type: "nil" },
      ]);
      const parts = [one, other].map((batch) => readAll(bytesOf(batch), reader) as BatchView);
      const whole = readAll(bytesOf(joined), reader) as BatchView;
      assert.deepEqual(
        whole.events,
        parts.flatMap(({ events }) => events),
      );
    }),
    { numRuns: RUNS },
  );
});

/** What may happen to a payload on its way. */
interface Edit {
  readonly kind: "flip" | "cut" | "drop" | "insert" | "splice";
  readonly place: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** Heads that announce much, or nothing that there is. */
const HEADS = [0xc1, 0xdd, 0xdf, 0xdc, 0xde, 0xc6, 0xdb, 0xc9, 0xcb, 0xcf, 0xd3, 0x9f, 0x8f, 0xbf, 0xc0, 0xff, 0x00];
const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom("flip", "cut", "drop", "insert", "splice"),
  place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.integer({ min: 1, max: 40 }),
  bytes: fc.oneof(
    fc.constantFrom(...HEADS).map((head) => Uint8Array.of(head)),
    fc.uint8Array({ minLength: 1, maxLength: 6 }),
  ),
});

function applyEdit(payload: Buffer, { kind, place, length, bytes }: Edit, other: Buffer): Buffer {
  const at = Math.floor(place * payload.length);
  const head = payload.subarray(0, at);
  switch (kind) {
    case "cut":
      return head;
    case "drop":
      return Buffer.concat([head, payload.subarray(at + length)]);
    case "insert":
      return Buffer.concat([head, bytes, payload.subarray(at)]);
    case "splice":
      return Buffer.concat([head, other.subarray(Math.floor(place * other.length))]);
    case "flip": {
      const flipped = Buffer.from(payload);
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << (length % 8));
      return flipped;
    }
  }
}

const scratch = new WireEvent();

/** Reads a payload of which nothing is known; returns whether it was taken. */
function readUnknown(payload: Uint8Array): boolean {
  const refusal = reader.open(payload);
  if (refusal !== null) {
    assert.ok(WIRE_REFUSALS.includes(refusal.reason) && refusal.message.length > 0);
    assert.equal(reader.next(scratch), false);
    return false;
  }
  let events = 0;
  while (reader.next(scratch)) {
    events++;
    assert.ok(scratch.blockCount <= scratch.hashLo.length && scratch.blockCount <= scratch.hashHi.length);
    assert.ok(scratch.tokenCount <= scratch.tokens.length && scratch.tokenCount <= payload.length + 1);
    assert.ok(scratch.mmInfos === null || scratch.mmInfos.length === scratch.blockCount);
    viewOf(scratch);
  }
  assert.equal(events, reader.eventCount);
  return true;
}

test("a payload that was broken on its way is refused, or says what a second reader sees in it", () => {
  let taken = 0;
  fc.assert(
    fc.property(goodBatch, goodBatch, fc.array(edit, { minLength: 1, maxLength: 3 }), (batch, other, edits) => {
      const otherBytes = bytesOf(other);
      const payload = edits.reduce((bytes, each) => applyEdit(bytes, each, otherBytes), bytesOf(batch));
      if (!readUnknown(payload)) return;
      taken++;
      const model = modelOrNull(payload);
      // Where the other decoder gives up, a key that is no text in what is skipped, say, there is nothing to compare.
      if (model !== null) assert.deepEqual(readAll(payload, reader), model);
    }),
    { numRuns: RUNS * 4 },
  );
  assert.ok(taken > RUNS / 100, `only ${taken} were taken`);
});

test("a payload that ends anywhere before its end is refused", () => {
  fc.assert(
    fc.property(goodBatch, (batch) => {
      const payload = bytesOf(batch);
      for (let end = 0; end < payload.length; end++) assert.ok(!readUnknown(payload.subarray(0, end)));
      assert.ok(!readUnknown(Buffer.concat([payload, Buffer.of(0xc0)])));
    }),
    { numRuns: RUNS / 5 },
  );
});

test("any bytes are refused or taken, and nothing throws", () => {
  const some = fc.uint8Array({ maxLength: 120 });
  const framed = some.map((bytes) => Uint8Array.of(0x93, 0x01, 0x91, ...bytes, 0xc0));
  fc.assert(
    fc.property(fc.oneof(some, framed), (bytes) => {
      readUnknown(bytes);
    }),
    { numRuns: RUNS * 4 },
  );
});
