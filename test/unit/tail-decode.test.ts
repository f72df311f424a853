/** Messages to events: every dialect, the recorded messages of others, and what nobody should send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "@msgpack/msgpack";
import * as fc from "fast-check";
import { decodeBatch } from "../../src/main/tail/decode-batch.ts";
import { MalformedError } from "../../src/main/tail/kv-event.ts";
import type { KvBatch, KvEvent, StoredEvent } from "../../src/main/tail/kv-event.ts";
import { isSafeToDecode } from "../../src/main/tail/payload-shape.ts";
import { rawMessage } from "../../src/main/tail/raw-message.ts";
import { isSingleEvent, WIRE_FORMATS } from "../../src/shared/wire-format.ts";
import { asList, asObject, asText, hashOf, readFixture } from "../support/raw-events.ts";
import { eventSpec, publishedEvent } from "../support/published.ts";
import type { EventSpec } from "../support/published.ts";
import type { Json } from "../support/raw-events.ts";
import { FIXED_SECONDS, WireBatch } from "../support/wire.ts";

function packed(value: unknown): Buffer {
  return Buffer.from(encode(value, { useBigInt64: true }));
}

function only(batch: KvBatch): KvEvent {
  assert.equal(batch.events.length, 1);
  return batch.events[0] as KvEvent;
}

function stored(fields: Readonly<Record<string, unknown>>): KvEvent {
  return only(decodeBatch(packed([1.5, [{ type: "BlockStored", block_hashes: [1n], ...fields }], 0])));
}

function reasonOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof MalformedError, String(error));
    return error.reason;
  }
  assert.fail("it was taken");
}

for (const format of WIRE_FORMATS) {
  test(`whatever the encoder writes as ${format} comes back`, () => {
    fc.assert(
      fc.property(fc.array(eventSpec, { minLength: 1, maxLength: 5 }), fc.nat({ max: 9 }), (specs, rank) => {
        const wire = new WireBatch();
        for (const spec of specs) wire.add(publishedEvent(spec, rank));
        const { entries } = wire.encode(format, 4, rank);
        assert.equal(entries.length, isSingleEvent(format) ? specs.length : 1);
        const batches = entries.map(({ payload }) => decodeBatch(payload));
        for (const batch of batches) assert.deepEqual([batch.timestamp, batch.rank], [FIXED_SECONDS, rank]);
        const events = batches.flatMap((batch) => batch.events);
        for (const [i, spec] of specs.entries()) assertSame(events[i] as KvEvent, spec, format);
      }),
      { numRuns: 200 },
    );
  });
}

function assertSame(event: KvEvent, spec: EventSpec, format: string): void {
  if (spec.type === "cleared") return assert.deepEqual(event, { type: "cleared" });
  const medium = format.startsWith("vllm") || format === "consolidator" ? "GPU" : null;
  if (spec.type === "removed") return assert.deepEqual(event, { type: "removed", hashes: spec.hashes, medium });
  assert.ok(event.type === "stored");
  const { others, loraId, loraName, cacheSalt, ...rest } = event;
  const { hashes, parent, tokens } = spec;
  assert.deepEqual(rest, { type: "stored", hashes, parent, tokens, blockSize: 4, medium });
  if (format !== "dynamo-2026-01") assert.equal(loraName, spec.loraName);
  const isConsolidated = format.startsWith("consolidator");
  if (format !== "dynamo" && !isConsolidated) assert.equal(loraId, spec.loraId === 0 ? null : spec.loraId);
  if (format === "vllm" || format === "dynamo" || isConsolidated) assert.equal(cacheSalt, spec.salt);
  const mm = spec.mm?.some((entry) => entry !== null) ?? false;
  if (format === "vllm" || isConsolidated) assert.equal("block_mm_infos" in others, mm);
  if (format === "vllm-array" && mm) assert.ok("extra_keys" in others);
}

test("the recorded messages of the Python class", () => {
  const golden = asObject(readFixture("dynamo/golden_zmq_messages.json"));
  let messages = 0;
  for (const list of ["v1_messages_topic_kv-events", "v0_messages"]) {
    for (const each of asList(golden[list])) {
      const { topic_hex: topic, sequence_hex: number, payload_hex: payload, payload_decoded: decoded } = asObject(each);
      const frames = [topic, number, payload].map((hex) => Buffer.from(asText(hex), "hex"));
      const message = rawMessage(frames);
      assert.equal(message.sequence, Number(`0x${asText(number)}`));
      const batch = decodeBatch(message.payload);
      const [timestamp, events, rank] = asList(decoded);
      assert.equal(batch.timestamp, Number(timestamp));
      assert.equal(batch.rank, Number(rank));
      assertRecorded(batch.events, asList(events));
      messages++;
    }
  }
  assert.equal(messages, 8);
});

test("the recorded messages of the engine's own publisher", () => {
  const recorded = asObject(readFixture("trtllm/trtllm_kv_zmq_frames.json"));
  for (const each of asList(recorded["pub"])) {
    const { seq, frames_hex: frames, decoded } = asObject(each);
    const message = rawMessage(asList(frames).map((hex) => Buffer.from(asText(hex), "hex")));
    assert.equal(message.sequence, Number(seq));
    assertRecorded(decodeBatch(message.payload).events, asList(asList(decoded)[1]));
  }
});

/** Hashes in the recordings are numbers or texts, signed or not. */
function assertRecorded(events: readonly KvEvent[], recorded: readonly Json[]): void {
  assert.equal(events.length, recorded.length);
  for (const [i, each] of recorded.entries()) {
    const fields = asObject(each);
    const event = events[i] as KvEvent;
    if (fields["type"] === "AllBlocksCleared") {
      assert.equal(event.type, "cleared");
      continue;
    }
    assert.ok(event.type === "stored" || event.type === "removed");
    assert.deepEqual(event.hashes, asList(fields["block_hashes"]).map(hashOf));
    if (event.type === "removed") continue;
    const parent = fields["parent_block_hash"];
    assert.equal(event.parent, parent === null ? null : hashOf(parent));
    assert.deepEqual(event.tokens, asList(fields["token_ids"]).map(Number));
    assert.equal(event.loraName ?? null, fields["lora_name"] ?? null);
    assert.equal(event.cacheSalt ?? null, fields["cache_salt"] ?? null);
  }
}

test("a hash is the same however it is written", () => {
  const sha = Buffer.concat([Buffer.alloc(24, 1), Buffer.alloc(8, 0xff)]);
  for (const [hashes, expected] of [
    [[-1, -1n, 0xffff_ffff_ffff_ffffn, sha], 0xffff_ffff_ffff_ffffn],
    [[5, 5n], 5n],
    [[-(2n ** 63n), 2n ** 63n], 2n ** 63n],
  ] as const) {
    for (const hash of hashes) {
      const event = stored({ block_hashes: [hash], parent_block_hash: hash });
      assert.ok(event.type === "stored");
      assert.deepEqual([event.hashes, event.parent], [[expected], expected]);
    }
  }
});

test("less than the usual fields, and more", () => {
  const bare: StoredEvent = {
    type: "stored",
    hashes: [1n],
    parent: null,
    tokens: [],
    blockSize: null,
    loraId: null,
    loraName: null,
    medium: null,
    cacheSalt: null,
    others: {},
  };
  const array = (event: readonly unknown[], ...rank: unknown[]): KvEvent =>
    only(decodeBatch(packed([1, [event], ...rank])));
  assert.deepEqual(stored({}), bare);
  assert.deepEqual(array(["BlockStored", [1]]), bare);
  assert.deepEqual(array(["BlockStored", [1], null, [1, 2, 3], 2], null), { ...bare, tokens: [1, 2, 3], blockSize: 2 });
  assert.deepEqual(stored({ token_ids: [1, 2n, 3], block_size: 2n }), { ...bare, tokens: [1, 2, 3], blockSize: 2 });
  const places = ["BlockStored", [1], 2, [], 2, 3, "CPU", "name", [null], 1, "kind", 4, "LOCAL", "owner", "?", {}];
  assert.deepEqual(array(places, 0, "more"), {
    ...bare,
    parent: 2n,
    blockSize: 2,
    loraId: 3,
    loraName: "name",
    medium: "CPU",
    others: {
      extra_keys: [null],
      group_idx: 1,
      kv_cache_spec_kind: "kind",
      kv_cache_spec_sliding_window: 4,
      locality: "LOCAL",
      ownership: "owner",
    },
  });
  const salted = array(["BlockStored", [1], null, [], 2, null, "GPU", { cache_salt: "s" }]);
  assert.deepEqual(salted, { ...bare, blockSize: 2, medium: "GPU", cacheSalt: "s" });
  assert.deepEqual(stored({ session_id: "s", lora_id: "x", medium: 7 }), { ...bare, others: { session_id: "s" } });
  assert.deepEqual(array(["BlockRemoved", [-2]]), { type: "removed", hashes: [2n ** 64n - 2n], medium: null });
  assert.deepEqual(array(["AllBlocksCleared", "more"]), { type: "cleared" });
  assert.deepEqual(decodeBatch(packed([1, []])), { timestamp: 1, events: [], rank: null });
  assert.deepEqual(decodeBatch(packed([10n ** 15n, [], 3n])), { timestamp: 1e15, events: [], rank: 3 });
});

test("an event that is not understood costs the others nothing", () => {
  const events = [
    null,
    7,
    [],
    {},
    { type: 3 },
    new Date(0),
    { type: "BlockStored" },
    { type: "BlockStored", block_hashes: [1.5] },
    { type: "BlockStored", block_hashes: ["x"] },
    { type: "BlockStored", block_hashes: [Buffer.alloc(7)] },
    { type: "BlockStored", block_hashes: [1], parent_block_hash: "x" },
    { type: "BlockStored", block_hashes: [1], token_ids: [[1, 2]] },
    { type: "BlockStored", block_hashes: [1], token_ids: [-1] },
    { type: "BlockStored", block_hashes: [1], token_ids: { 0: 1 } },
    { type: "BlockStored", block_hashes: [1], block_size: "4" },
    ["BlockRemoved", null],
    { type: "BlockMoved", block_hashes: [1] },
    { type: "x".repeat(1000) },
    ["AllBlocksCleared"],
  ];
  const decoded = decodeBatch(packed([1.5, events, 0])).events;
  assert.deepEqual(
    decoded.map((event) => (event.type === "malformed" ? event.reason : event.type)),
    [
      "event",
      "event",
      "event",
      "event",
      "event",
      "event",
      "block_hashes",
      "block_hashes",
      "block_hashes",
      "block_hashes",
      "parent_block_hash",
      "token_ids",
      "token_ids",
      "token_ids",
      "block_size",
      "block_hashes",
      "unknown",
      "unknown",
      "cleared",
    ],
  );
  assert.deepEqual(decoded[16], { type: "unknown", name: "BlockMoved" });
  assert.deepEqual(decoded[17], { type: "unknown", name: "x".repeat(64) });
});

test("a payload of another form is refused with a reason", () => {
  for (const value of [null, 1, "x", {}, [], [1.5], ["x", []], [Number.NaN, []], [1, {}], [1, [], "0"], [1, [], -1]]) {
    assert.equal(
      reasonOf(() => decodeBatch(packed(value))),
      "batch",
    );
  }
  assert.equal(
    reasonOf(() => decodeBatch(packed([1, [], 2 ** 31]))),
    "batch",
  );
  for (const hex of ["", "c1", "93", "9301", "0000", "920190c0", "92cb0000", "9201dd", "9201d9ff61", "92818001c0"]) {
    assert.equal(
      reasonOf(() => decodeBatch(Buffer.from(hex, "hex"))),
      "msgpack",
      hex,
    );
  }
});

test("frames and numbers", () => {
  const [topic, number, payload] = [
    Buffer.from("kv"),
    Buffer.from("0000000000000102", "hex"),
    Buffer.from([1]),
  ] as const;
  assert.deepEqual(rawMessage([topic, number, payload]), { sequence: 258, payload });
  for (const frames of [[], [topic], [topic, number], [topic, number, payload, payload]]) {
    assert.equal(
      reasonOf(() => rawMessage(frames)),
      "frames",
    );
  }
  for (const hex of ["", "00", "00000000000001", "000000000000000102", "ffffffffffffffff", "0020000000000000"]) {
    assert.equal(
      reasonOf(() => rawMessage([topic, Buffer.from(hex, "hex"), payload])),
      "sequence",
      hex,
    );
  }
});

test("no payload makes the decoder reserve more than its own size", () => {
  const claims: Readonly<Record<string, Buffer>> = {
    "an array of four thousand million": Buffer.from("ddffffffff", "hex"),
    "a thousand arrays of thirty million": Buffer.from("dd01ffffff".repeat(1000), "hex"),
    "a map of a thousand million": Buffer.from("df3fffffff", "hex"),
    "a text of four thousand million bytes": Buffer.from("dbffffffff", "hex"),
    "more arrays than any message has": Buffer.concat([
      Buffer.from("dd000f4241", "hex"),
      Buffer.alloc(1_000_001, 0x90),
    ]),
  };
  for (const [name, payload] of Object.entries(claims)) {
    assert.ok(!isSafeToDecode(payload), name);
    assert.equal(
      reasonOf(() => decodeBatch(payload)),
      "msgpack",
      name,
    );
  }
});

test("what an encoder writes is safe to decode, and no shorter or longer piece of it", () => {
  const value = fc.anything({
    withNullPrototype: false,
    withBigInt: false,
    withTypedArray: true,
    values: [
      fc.double(),
      fc.integer(),
      fc.string(),
      fc.constantFrom(true, false, null, 2 ** 40, -(2 ** 40), 200, 70_000, -200, -70_000, 0.5),
      fc.string({ minLength: 250, maxLength: 300 }),
      fc.date(),
      fc.uint8Array({ maxLength: 300 }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.array(fc.nat({ max: 9 }), { minLength: 15, maxLength: 20 }),
    ],
  });
  fc.assert(
    fc.property(value, fc.nat(), (each, cut) => {
      let bytes: Uint8Array;
      try {
        bytes = encode(each, { useBigInt64: true });
      } catch {
        return fc.pre(false);
      }
      assert.ok(isSafeToDecode(bytes));
      assert.ok(!isSafeToDecode(bytes.subarray(0, cut % bytes.length)));
      assert.ok(!isSafeToDecode(Buffer.concat([bytes, Buffer.from([0])])));
    }),
    { numRuns: 500 },
  );
});

test("any bytes are decoded, or refused with a reason", () => {
  const some = fc.uint8Array({ maxLength: 64 });
  const framed = some.map((bytes) => Buffer.concat([Buffer.from([0x93, 0x01, 0x91]), bytes]));
  fc.assert(
    fc.property(fc.oneof(some, framed), (bytes) => {
      try {
        decodeBatch(bytes);
      } catch (error) {
        assert.ok(error instanceof MalformedError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
