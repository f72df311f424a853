/** Batches that would cost too much: refused, and at no cost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_BLOCKS_PER_EVENT, MAX_EXTRAS_PER_EVENT } from "../../src/main/engine/raw-event.ts";
import { MAX_SKIPPED_DEPTH } from "../../src/main/wire/msgpack-cursor.ts";
import { MAX_EVENTS_PER_BATCH, MAX_PAYLOAD_BYTES, WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import type { WireRefusal } from "../../src/main/wire/wire-refusal.ts";
import { batch, storedArray, storedMap } from "../support/wire-payload.ts";
import { readAll } from "../support/wire-view.ts";

function refusalOf(bytes: Uint8Array): WireRefusal {
  const read = readAll(bytes);
  if ("reason" in read) return read;
  assert.fail("it was taken");
}

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");
const removed = (fields: object): unknown => ({ type: "BlockRemoved", block_hashes: [], ...fields });

/** Bytes of memory that came to be while this ran, in buffers. */
function buffersMade(run: () => void): number {
  const before = process.memoryUsage().arrayBuffers;
  run();
  return process.memoryUsage().arrayBuffers - before;
}

test("what announces more than it holds is refused before memory is reserved for it", () => {
  const event = hex("95 ab 426c6f636b53746f726564");
  const many = "ffffffff";
  const bombs = [
    hex(`dd${many}`),
    hex(`93 01 dd${many}`),
    Buffer.concat([hex("93 01 91"), event, hex(`dd${many}`)]),
    Buffer.concat([hex("93 01 91"), event, hex(`90 c0 dd${many}`)]),
    Buffer.concat([hex("93 01 91"), hex(`df${many}`)]),
    Buffer.concat([hex("93 01 91 81 a1 78"), hex(`dd${many}`)]),
    Buffer.concat([hex("93 01 91 81 a1 78"), hex(`c6${many}`)]),
    Buffer.concat([hex("93 01 91 81 a1 78"), hex(`c9${many} 05`)]),
    Buffer.concat([hex("93 01 91 81"), hex(`db${many}`)]),
  ];
  const reader = new WireBatchReader();
  const made = buffersMade(() => {
    for (let round = 0; round < 100; round++) {
      for (const bomb of bombs) assert.equal(reader.open(bomb)?.reason, "msgpack", bomb.toString("hex"));
    }
  });
  assert.ok(made < 1e6, `${made} bytes`);
});

test("what a batch took is there again for the next one", () => {
  const many = Array.from({ length: 20_000 }, (_, i) => i);
  const payload = batch(storedMap({ block_hashes: many, token_ids: many }));
  const reader = new WireBatchReader();
  assert.equal(reader.open(payload), null);
  const made = buffersMade(() => {
    for (let round = 0; round < 200; round++) assert.equal(reader.open(payload), null);
  });
  assert.ok(made < 1e6, `${made} bytes`);
});

test("a value that nobody knows may be nested, but not for ever", () => {
  const nested = (depth: number, head: string): Buffer =>
    Buffer.concat([
      hex("93 01 91 82 a4 74797065 b0 416c6c426c6f636b73436c6561726564 a1 78"),
      hex(head.repeat(depth)),
      hex("00 00"),
    ]);
  assert.ok("events" in readAll(nested(MAX_SKIPPED_DEPTH, "91")));
  for (const depth of [MAX_SKIPPED_DEPTH + 1, 1000, 1_000_000]) {
    for (const head of ["91", "81 a1 78"]) {
      const refusal = refusalOf(nested(depth, head));
      assert.equal(refusal.reason, "too_large");
      assert.match(refusal.message, /nested/u);
    }
  }
  const asEvent = Buffer.concat([hex("93 01"), Buffer.alloc(1_000_000, 0x91), hex("00 00")]);
  assert.equal(refusalOf(asEvent).reason, "event");
});

const clears = (count: number): Uint8Array =>
  batch(...Array.from({ length: count }, () => ["AllBlocksCleared"] as const));

const hashes = (count: number): Uint8Array => batch(removed({ block_hashes: Array.from({ length: count }, () => 1) }));

const objects = (count: number): unknown => ({ mm_objects: Array.from({ length: count }, () => ({ mm_hash: 1 })) });

test("counts and sizes have bounds", () => {
  assert.ok("events" in readAll(clears(MAX_EVENTS_PER_BATCH)));
  assert.equal(refusalOf(clears(MAX_EVENTS_PER_BATCH + 1)).reason, "too_large");

  assert.ok("events" in readAll(hashes(MAX_BLOCKS_PER_EVENT)));
  const tooMany = refusalOf(hashes(MAX_BLOCKS_PER_EVENT + 1));
  assert.equal(tooMany.reason, "too_large");
  assert.match(tooMany.message, /block_hashes.*more than 1048576 blocks/u);

  const infos = (...counts: readonly number[]): Uint8Array => batch(storedMap({ block_mm_infos: counts.map(objects) }));
  assert.ok("events" in readAll(infos(MAX_EXTRAS_PER_EVENT - 1, 1)));
  assert.equal(refusalOf(infos(MAX_EXTRAS_PER_EVENT, 1)).reason, "too_large");
  const inTail = batch(storedArray(null, null, null, null, [objects(MAX_EXTRAS_PER_EVENT + 1)]));
  assert.equal(refusalOf(inTail).reason, "too_large");
  const keys = Array.from({ length: MAX_EXTRAS_PER_EVENT + 1 }, () => 1);
  assert.equal(refusalOf(batch(storedMap({ extra_keys: [keys] }))).reason, "too_large");

  assert.equal(refusalOf(Buffer.alloc(MAX_PAYLOAD_BYTES + 1)).reason, "too_large");
  const small = new WireBatchReader(20);
  assert.equal(small.open(batch())?.reason ?? null, null);
  assert.equal(small.open(batch(storedMap()))?.reason, "too_large");
});
