/** Batches as wholes: what is around the events, and what one event leaves behind for the next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ABSENT } from "../../src/main/engine/raw-event.ts";
import { WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import { WireEvent } from "../../src/main/wire/wire-event.ts";
import { batch, type Fields, payload, storedMap, theEvent } from "../support/wire-payload.ts";
import { readAll, viewOf } from "../support/wire-view.ts";

const MM = [{ mm_objects: [{ mm_hash: 9, offsets: [] }] }];

test("the batch: whole and broken seconds, a rank or none, no events", () => {
  for (const [seconds, rank] of [
    [1.5, 0],
    [1_700_000_000, 1023],
    [-5, null],
    [2n ** 40n, 3],
  ] as const) {
    assert.deepEqual(readAll(payload([seconds, [], rank])), { timestamp: Number(seconds), rank, events: [] });
  }
});

test("events that are alike in all but hashes and tokens, and events that are not", () => {
  const events: unknown[] = [];
  for (let i = 0; i < 40; i++) {
    const medium = i % 5 === 4 ? "CPU" : "GPU";
    const hashes = Array.from({ length: i % 3 }, (_, at) => (i % 7 === 0 ? -at - 1 : 2n ** 60n + BigInt(i)));
    const tokens = Array.from({ length: i % 9 }, (_, at) => i * 1000 + at);
    const parent = i % 2 === 0 ? null : i * 5;
    if (i % 11 === 10) events.push({ type: "BlockRemoved", block_hashes: hashes, medium });
    else if (i > 20) events.push(["BlockStored", hashes, parent, tokens, 32, null, medium, null]);
    else events.push(storedMap({ block_hashes: hashes, parent_block_hash: parent, token_ids: tokens, medium }));
  }
  const reader = new WireBatchReader();
  for (let round = 0; round < 3; round++) {
    const read = readAll(batch(...events), reader);
    assert.ok("events" in read);
    assert.deepEqual(read.events, events.map(theEvent));
  }
});

test("a scratch grows with the largest event, and holds nothing of the one before", () => {
  const many = Array.from({ length: 5000 }, (_, i) => i);
  const reader = new WireBatchReader();
  const event = new WireEvent();
  const rich = storedMap({
    block_hashes: many,
    token_ids: many.map((token) => [token, token + 1]),
    parent_block_hash: 5,
    cache_salt: "s",
    lora_name: "l",
    lora_id: 4,
    block_mm_infos: MM,
    extra_keys: [["x"]],
    group_idx: 1,
    kv_cache_spec_kind: "mamba",
    kv_cache_spec_sliding_window: 5,
    locality: "LOCAL",
    ownership: "kvcr",
    medium: "CPU",
  });
  const poorOnes: Fields[] = [storedMap(), { type: "BlockRemoved", block_hashes: [9] }, { type: "AllBlocksCleared" }];
  for (const poor of poorOnes) {
    assert.equal(reader.open(batch(rich, poor)), null);
    assert.ok(reader.next(event));
    assert.deepEqual(viewOf(event), theEvent(rich));
    assert.ok(reader.next(event));
    assert.deepEqual(viewOf(event), theEvent(poor));
    if (poor["type"] !== "BlockStored") {
      const { tokenCount, isEagle, hasParent, blockSizeTokens, loraId } = event;
      assert.deepEqual([tokenCount, isEagle, hasParent, blockSizeTokens, loraId], [0, false, false, ABSENT, 0]);
    }
    assert.ok(!reader.next(event));
    assert.deepEqual(viewOf(event), theEvent(poor));
  }
});
