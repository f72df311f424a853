/** How the doctor tells one way of writing KV events from another, and whom it sends to whom. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { HARMLESS, RULES } from "../../src/main/doctor/reader-rules.ts";
import { MANNERS, type Manner, mannersOf } from "../../src/main/doctor/wire-manners.ts";
import { asList, asObject, asText, type Json, readFixture } from "../support/raw-events.ts";
import { bytesOf, int, list, map, NIL, type Spelled, text } from "../support/spelled-msgpack.ts";

const TIME: Spelled = { type: "float", value: 1_700_000_000.5, single: false };

function seen(payload: Buffer): Manner[] {
  return [...mannersOf(payload).manners].toSorted();
}

/** A hash in nine bytes: the last of the forms that an integer of its size has. */
function hash(value: bigint): Spelled {
  const forms = value >= 2n ** 63n ? 1 : value < 0n ? 5 : 9;
  return int(value, forms - 1);
}

function stored(more: readonly (readonly [Spelled, Spelled])[] = [], tokens: number = 2): Spelled {
  return map([
    [text("type"), text("BlockStored")],
    [text("block_hashes"), list([hash(-5n)])],
    [text("parent_block_hash"), NIL],
    [text("token_ids"), list(Array.from({ length: tokens }, () => int(9)))],
    [text("block_size"), int(2)],
    ...more,
  ]);
}

const STRICT: readonly (readonly [Spelled, Spelled])[] = [
  [text("lora_id"), NIL],
  [text("medium"), text("GPU")],
  [text("lora_name"), NIL],
];

test("each manner is met where it is, and only there", () => {
  const good = stored(STRICT);
  const table: readonly (readonly [string, Spelled, readonly Manner[]])[] = [
    ["as everyone wants it", list([TIME, list([good]), int(0)]), ["map_events"]],
    ["a heartbeat", list([TIME, list([]), int(0)]), ["empty_batch"]],
    ["no rank", list([TIME, list([good]), NIL]), ["map_events", "nil_rank"]],
    ["two entries", list([TIME, list([good])]), ["batch_short", "map_events"]],
    ["four entries", list([TIME, list([good]), int(0), NIL]), ["batch_long", "map_events"]],
    ["a batch that is a map", map([[text("ts"), TIME]]), ["batch_map"]],
    ["a whole second", list([int(1_700_000_000), list([good]), int(0)]), ["integer_timestamp", "map_events"]],
    ["keys left out", list([TIME, list([stored()]), int(0)]), ["map_events", "missing_keys"]],
    ["redacted", list([TIME, list([stored(STRICT, 0)]), int(0)]), ["map_events", "no_tokens"]],
    ["part of a block", list([TIME, list([stored(STRICT, 3)]), int(0)]), ["map_events", "uneven_tokens"]],
    [
      "an unknown event",
      list([TIME, list([map([[text("type"), text("BlockMoved")]])]), int(0)]),
      ["map_events", "unknown_event"],
    ],
    ["no event at all", list([TIME, list([text("x")]), int(0)]), ["unreadable"]],
    ["an array", list([TIME, list([list([text("BlockRemoved"), list([hash(7n)])])]), int(0)]), ["array_events"]],
    [
      "a short hash",
      list([TIME, list([list([text("BlockRemoved"), list([int(12)])])]), int(0)]),
      ["array_events", "compact_hash"],
    ],
    [
      "bytes for a hash",
      list([TIME, list([list([text("BlockRemoved"), list([{ type: "bin", bytes: Buffer.alloc(32) }])])]), int(0)]),
      ["array_events", "byte_hash"],
    ],
    [
      "an unsigned hash",
      list([TIME, list([list([text("BlockRemoved"), list([hash(2n ** 63n)])])]), int(0)]),
      ["array_events", "unsigned_hash"],
    ],
    ["text", text("hello"), ["unreadable"]],
  ];
  for (const [name, value, manners] of table) assert.deepEqual(seen(bytesOf(value)), [...manners].toSorted(), name);
});

test("block size, rank, time and number of events are told", () => {
  const batch = mannersOf(bytesOf(list([TIME, list([stored(STRICT), stored(STRICT)]), int(3)])));
  assert.deepEqual([batch.timestamp, batch.rank, batch.events, [...batch.blockSizes]], [1_700_000_000.5, 3, 2, [2]]);
});

test("recorded messages of the engine's own publisher offend nobody who reads maps", () => {
  const messages = asList(asObject(readFixture("trtllm/trtllm_kv_zmq_frames.json"))["pub"]);
  assert.ok(messages.length > 0);
  for (const message of messages) {
    const payload = Buffer.from(asText(asList(asObject(message)["frames_hex"])[2]), "hex");
    const offences = seen(payload).filter((manner) => !HARMLESS.has(manner));
    assert.ok(!offences.includes("unreadable") && !offences.includes("byte_hash"), offences.join());
  }
});

test("worked-out samples: those that a reader refuses are told apart from those it takes", () => {
  const file = path.join(process.cwd(), "test/fixtures/consolidator/derived_wire_samples.json");
  const samples = asList(asObject(JSON.parse(readFileSync(file, "utf8")) as Json)["samples"]);
  const expected = new Map<string, Manner>([
    ["unknown_tag_rejects_whole_batch", "unknown_event"],
    ["two_element_batch_rejected", "batch_short"],
    ["bytes_hash_rejected", "byte_hash"],
    ["int_ts_nil_rank_remove_clear", "nil_rank"],
  ]);
  let met = 0;
  for (const sample of samples) {
    const { name, frames_hex: hexes } = asObject(sample);
    const manner = expected.get(asText(name));
    if (manner === undefined) continue;
    const frames = asList(hexes);
    assert.ok(seen(Buffer.from(asText(frames.at(-1)), "hex")).includes(manner), asText(name));
    met++;
  }
  assert.equal(met, expected.size);
});

test("every manner is harmless or has a rule, and never both", () => {
  for (const manner of MANNERS) assert.notEqual(HARMLESS.has(manner), RULES[manner] !== undefined, manner);
});

test("no bytes are too strange to look at", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { manners, events } = mannersOf(bytes);
      assert.ok(manners.size > 0 || events >= 0);
    }),
  );
});
