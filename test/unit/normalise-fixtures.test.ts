/** Bodies of TensorRT-LLM engines against what the reference publisher makes of them. */
import assert from "node:assert/strict";
import test from "node:test";
import { Harness } from "../support/normaliser-harness.ts";
import { asList, asObject, hashOf, type Json, readFixture } from "../support/raw-events.ts";

const expected = asObject(asObject(readFixture("trtllm/expected_events.json"))["files"]);

for (const [file, entry] of Object.entries(expected)) {
  test(file, () => {
    const { kv_block_size: size, events, missing_ids: missing, reference_raises: raises } = asObject(entry);
    const harness = new Harness({ blockSize: Number(size) });
    harness.feed(...asList(readFixture(`trtllm/${file}`)));

    const wanted = asList(events).map((item) => {
      const event = asObject(item);
      const rank = Number(event["rank"]);
      const hashes = asList(event["block_hashes"]).map((hash) => hashOf(hash));
      if (event["type"] === "BlockRemoved") return { type: "removed", rank, hashes };
      const parent = event["parent_block_hash"] ?? null;
      return {
        type: "stored",
        rank,
        hashes,
        parent: parent === null ? null : hashOf(parent),
        tokens: asList(event["token_ids"]).map(Number),
        loraName: null,
        cacheSalt: event["cache_salt"] ?? null,
        mm: asList(event["block_mm_infos"]),
      };
    });
    assert.deepEqual(harness.published, wanted);
    assert.equal(
      harness.counters.missingIds.reduce((a, b) => a + b, 0),
      missing,
    );
    assert.equal(harness.counters.invalid.mm_key, asList(raises).length);
  });
}

test("the user-chosen image name of a key is refused without being named", () => {
  const harness = new Harness({ blockSize: 32 });
  harness.feed(...asList(readFixture("trtllm/trtllm_kv_cache_events.json")));
  const notice = { rank: 0, eventId: 5, code: "mm_key", reason: "multimodal hash is not hexadecimal" };
  assert.deepEqual(harness.notices, [notice]);
});

function firstHash(entry: Json): bigint {
  return hashOf(asObject(asList(asObject(asObject(entry)["data"])["blocks"])[0])["block_hash"]);
}

for (const file of ["trtllm_kv_cache_events_v2_sha256.json", "trtllm_kv_cache_events_v2_sha256_64.json"]) {
  test(`${file}: the layer group of the largest window only`, () => {
    const harness = new Harness({ blockSize: 32 });
    const entries = asList(readFixture(`trtllm/${file}`));
    harness.feed(...entries);
    assert.deepEqual(harness.reasons(), { created: 2, updated: 1, window_size: 2 });
    assert.equal(harness.published.length, 1);
    const group1 = entries.find((entry) => asObject(entry)["event_id"] === 3);
    assert.equal(harness.published[0]?.hashes[0], firstHash(group1 ?? null));
    assert.equal(harness.published[0]?.hashes[0], 0x9f0817516aedfd04n);
  });
}
