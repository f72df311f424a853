/** Batches that must be refused: for which reason and in which words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import { WireEvent } from "../../src/main/wire/wire-event.ts";
import type { WireReason, WireRefusal } from "../../src/main/wire/wire-refusal.ts";
import { bytesOf, int, list, map, NIL, text } from "../support/spelled-msgpack.ts";
import { batch, payload, storedArray, storedMap } from "../support/wire-payload.ts";
import { readAll } from "../support/wire-view.ts";

function refusalOf(bytes: Uint8Array): WireRefusal {
  const read = readAll(bytes);
  if ("reason" in read) return read;
  assert.fail("it was taken");
}

const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");
const removed = (fields: object): unknown => ({ type: "BlockRemoved", block_hashes: [], ...fields });

test("around the events", () => {
  const cases: readonly (readonly [Uint8Array, WireReason, RegExp])[] = [
    [hex(""), "msgpack", /empty/u],
    [hex("c1"), "msgpack", /at byte 0$/u],
    [hex("93 cb 3ff8"), "msgpack", /breaks off/u],
    [Buffer.concat([payload([1.5, [], 0]), hex("00")]), "msgpack", /goes on behind the batch, at byte/u],
    [payload({ ts: 1, events: [] }), "shape", /a map/u],
    [payload("text"), "shape", /array/u],
    [payload([1.5, []]), "shape", /must have 3 entries, this one has 2/u],
    [payload([1.5, [], 0, 0]), "shape", /this one has 4/u],
    [payload([]), "shape", /this one has 0/u],
    [payload([1.5, null, 0]), "shape", /second entry/u],
    [payload([1.5, {}, 0]), "shape", /second entry/u],
    [payload([null, [], 0]), "timestamp", /finite number/u],
    [payload(["1.5", [], 0]), "timestamp", /finite/u],
    [payload([Number.NaN, [], 0]), "timestamp", /finite/u],
    [payload([Infinity, [], 0]), "timestamp", /finite/u],
    [payload([1.5, [], 1024]), "rank", /0 to 1023/u],
    [payload([1.5, [], -1]), "rank", /0 to 1023/u],
    [payload([1.5, [], 2n ** 63n]), "rank", /0 to 1023/u],
    [payload([1.5, [], 0.5]), "rank", /0 to 1023/u],
    [hex("93 01 90 cb 0000000000000000"), "rank", /0 to 1023/u],
    [payload([1.5, [], "0"]), "rank", /0 to 1023/u],
  ];
  for (const [bytes, reason, words] of cases) {
    const refusal = refusalOf(bytes);
    assert.equal(refusal.reason, reason, Buffer.from(bytes).toString("hex"));
    assert.match(refusal.message, words);
  }
});

/** Events that must be refused; the field that the words must name. */
const EVENTS: readonly (readonly [unknown, WireReason, RegExp])[] = [
  [5, "event", /event 1, at byte/u],
  [null, "event", /neither a map nor an array/u],
  [[], "event", /type/u],
  [{}, "event", /type.*missing/u],
  [[5], "event", /type/u],
  [["NoSuchEvent", 1], "event", /one of BlockStored/u],
  [["BlockStoreD", [1], null, [], 1], "event", /one of BlockStored/u],
  [{ ...storedMap(), type: "Blockstored" }, "event", /one of BlockStored/u],
  [{ ...storedMap(), type: null }, "event", /type/u],
  [storedMap({ block_hashes: null }), "hashes", /block_hashes, at/u],
  [storedMap({ block_hashes: [1, 1.5] }), "hashes", /block_hashes\[1\], at/u],
  [storedMap({ block_hashes: [null] }), "hashes", /block_hashes\[0\]/u],
  [removed({ block_hashes: { a: 1 } }), "hashes", /block_hashes/u],
  [["BlockRemoved"], "hashes", /block_hashes.*missing/u],
  [{ type: "BlockRemoved" }, "hashes", /block_hashes.*missing/u],
  [storedMap({ parent_block_hash: 1.5 }), "hashes", /parent_block_hash/u],
  [storedMap({ parent_block_hash: [1] }), "hashes", /parent_block_hash/u],
  [
    storedMap({ block_hashes: [1, Buffer.alloc(32, 1)] }),
    "hash_bytes",
    /\[1\].*USE_INT_BLOCK_HASHES.*prefix_caching_hash_algo/u,
  ],
  [storedMap({ block_hashes: ["ab".repeat(32)] }), "hash_bytes", /bytes or text/u],
  [storedMap({ parent_block_hash: Buffer.alloc(32, 1) }), "hash_bytes", /parent_block_hash/u],
  [storedArray().with(2, "ff"), "hash_bytes", /parent_block_hash/u],
  [storedMap({ token_ids: null }), "tokens", /token_ids/u],
  [storedMap({ token_ids: [1, 2, -3] }), "tokens", /token_ids\[2\]/u],
  [storedMap({ token_ids: [2n ** 32n] }), "tokens", /token_ids\[0\]/u],
  [storedMap({ token_ids: [1.5] }), "tokens", /token_ids\[0\]/u],
  [storedMap({ token_ids: ["1"] }), "tokens", /token_ids\[0\]/u],
  [storedMap({ token_ids: [[1, 2], [3]] }), "tokens", /token_ids\[1\]/u],
  [storedMap({ token_ids: [[1, 2, 3]] }), "tokens", /token_ids\[0\]/u],
  [storedMap({ token_ids: [[1, 2], 3] }), "tokens", /token_ids\[1\]/u],
  [storedMap({ token_ids: [1, [2, 3]] }), "tokens", /token_ids\[1\]/u],
  [storedMap({ token_ids: [[]] }), "tokens", /token_ids\[0\]/u],
  [["BlockStored", [1], null], "tokens", /token_ids.*missing/u],
  [["BlockStored", [1], null, []], "field", /block_size.*missing/u],
  [storedMap({ block_size: -1 }), "field", /block_size/u],
  [storedMap({ block_size: null }), "field", /block_size/u],
  [storedMap({ block_size: 2n ** 32n }), "field", /block_size/u],
  [storedArray(-1), "field", /lora_id/u],
  [storedArray("1"), "field", /lora_id/u],
  [storedMap({ medium: 1 }), "field", /medium/u],
  [["BlockRemoved", [1], true], "field", /medium/u],
  [storedMap({ lora_name: { cache_salt: "x" } }), "field", /lora_name/u],
  [storedArray(null, null, { cache_salt: 5 }), "field", /cache_salt/u],
  [storedArray(null, null, 5), "field", /lora_name/u],
  [storedMap({ cache_salt: Buffer.from("salt") }), "field", /cache_salt/u],
  [storedMap({ cache_salt: "s".repeat(70_000) }), "field", /cache_salt.*65536/u],
  [storedMap({ extra_keys: "x" }), "field", /extra_keys/u],
  [storedMap({ extra_keys: [null, 5] }), "field", /extra_keys\[1\]/u],
  [storedMap({ extra_keys: [[null]] }), "field", /extra_keys\[0\]/u],
  [storedMap({ extra_keys: [[["x", null]]] }), "field", /extra_keys\[0\]/u],
  [storedMap({ extra_keys: [[["x", 1, 2]]] }), "field", /extra_keys\[0\]/u],
  [storedMap({ extra_keys: [[{ a: 1 }]] }), "field", /extra_keys\[0\]/u],
  [storedMap({ block_mm_infos: [5] }), "field", /block_mm_infos\[0\]/u],
  [storedMap({ block_mm_infos: [null, {}] }), "field", /block_mm_infos\[1\]/u],
  [storedMap({ block_mm_infos: [{ mm_objects: [{}] }] }), "field", /block_mm_infos\[0\]/u],
  [storedMap({ block_mm_infos: [{ mm_objects: [{ mm_hash: -1 }] }] }), "field", /block_mm_infos\[0\]/u],
  [storedMap({ block_mm_infos: { mm_objects: [] } }), "field", /block_mm_infos/u],
  [storedMap({ group_idx: -1 }), "field", /group_idx/u],
  [storedMap({ kv_cache_spec_kind: 1 }), "field", /kv_cache_spec_kind/u],
  [storedMap({ kv_cache_spec_sliding_window: "4096" }), "field", /sliding_window/u],
  [storedMap({ locality: 1 }), "field", /locality/u],
  [removed({ ownership: [] }), "field", /ownership/u],
  [["AllBlocksCleared", 5], "field", /ownership/u],
];

test("inside of events: one bad event refuses all, and the words say where", () => {
  const good = storedMap();
  const reader = new WireBatchReader();
  const event = new WireEvent();
  for (const [bad, reason, words] of EVENTS) {
    const refusal = reader.open(batch(good, bad, good));
    assert.equal(refusal?.reason, reason, words.source);
    assert.match(refusal.message, /^event 1\b.* at byte \d+: /u);
    assert.match(refusal.message, words);
    assert.equal(reader.eventCount, 0);
    assert.ok(!reader.next(event), "nothing of it is handed on");
    assert.equal(reader.open(batch(good)), null, "the next one is taken");
  }
});

test("a field that an event's kind does not have is checked in maps all the same", () => {
  assert.equal(refusalOf(batch(removed({ token_ids: ["x"] }))).reason, "tokens");
  assert.equal(refusalOf(batch({ type: "Ignored", group_idx: -1 })).reason, "field");
});

/** A stored event with a text in this field that is no UTF-8. */
function broken(key: string): Buffer {
  const bytes = Buffer.from(batch(storedMap({ [key]: "\u00e9\u00e9" })));
  bytes[bytes.indexOf("\u00e9\u00e9") + 1] = 0x20;
  return bytes;
}

test("texts that are no UTF-8 are refused where they are kept, and unknown where they are compared", () => {
  for (const key of ["cache_salt", "lora_name"]) assert.equal(refusalOf(broken(key)).reason, "field");
  const keys = Buffer.from(batch(storedMap({ extra_keys: [["\u00e9\u00e9"]] })));
  keys[keys.indexOf("\u00e9\u00e9") + 1] = 0x20;
  assert.equal(refusalOf(keys).reason, "field");
  for (const key of ["medium", "locality", "session_id"]) assert.ok("events" in readAll(broken(key)));
});

test("no words hold what the message held", () => {
  const secrets = ["tenant-secret", "adapter-secret", "medium-secret", "tag-secret", "key-secret", "987654321"];
  const events = [
    {
      ...storedMap({ cache_salt: "tenant-secret", lora_name: "adapter-secret" }),
      token_ids: [987_654_321, "key-secret"],
    },
    storedMap({ medium: "medium-secret", block_hashes: ["987654321"] }),
    ["tag-secret", 987_654_321],
    { type: "tag-secret" },
    storedMap({ "key-secret": 1, block_size: "987654321" }),
    storedMap({ extra_keys: [["tenant-secret", null]] }),
    [987_654_321],
  ];
  for (const event of events) {
    const { message } = refusalOf(batch(event));
    for (const secret of secrets) assert.ok(!message.includes(secret), message);
  }
});

test("keys must be texts", () => {
  const odd = map([[int(5), int(5)]]);
  const events = [
    [
      map([
        [text("type"), text("Ignored")],
        [NIL, NIL],
      ]),
      "event",
      /a key is no text/u,
    ],
    [odd, "event", /a key is no text/u],
    [list([text("BlockStored"), list([]), NIL, list([]), int(1), NIL, NIL, odd]), "field", /lora_name/u],
    [
      map([
        [text("type"), text("Ignored")],
        [text("block_mm_infos"), list([odd])],
      ]),
      "field",
      /block_mm_infos\[0\]/u,
    ],
  ] as const;
  for (const [event, reason, words] of events) {
    const refusal = refusalOf(bytesOf(list([int(1), list([event]), NIL])));
    assert.equal(refusal.reason, reason);
    assert.match(refusal.message, words);
  }
});
