/** What blocks depend on besides their tokens: salts, adapters, multimodal items, wherever publishers write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { storedArray, storedMap, theStored } from "../support/wire-payload.ts";

test("the salt: its own key, SGLang's map, or a marked extra key of the first block", () => {
  assert.equal(theStored(storedMap({ cache_salt: "tenant" })).cacheSalt, "tenant");
  assert.equal(theStored(storedMap({ cache_salt: "" })).cacheSalt, "");
  assert.equal(theStored(storedMap({ cache_salt: "zo\u00eb \u{1f511}" })).cacheSalt, "zo\u00eb \u{1f511}");
  assert.equal(theStored(storedMap({ cache_salt: null })).cacheSalt, null);
  const sglang = theStored(storedArray(null, null, { cache_salt: "tenant" }));
  assert.deepEqual([sglang.cacheSalt, sglang.loraName], ["tenant", null]);
  assert.equal(theStored(storedArray(null, null, { cache_salt: null, more: [1] })).cacheSalt, null);
  const marked = [["adapter", "dynamo-cache-salt:tenant-b"], null];
  assert.equal(theStored(storedArray(null, null, { cache_salt: "tenant-a" }, marked)).cacheSalt, "tenant-a");
  assert.equal(theStored(storedArray(null, null, {}, marked)).cacheSalt, "tenant-b");
  assert.equal(theStored(storedMap({ extra_keys: marked })).cacheSalt, "tenant-b");
  assert.equal(theStored(storedMap({ extra_keys: marked, cache_salt: "tenant-a" })).cacheSalt, "tenant-a");
  assert.equal(theStored(storedMap({ extra_keys: [null, ["dynamo-cache-salt:late"]] })).cacheSalt, null);
  assert.equal(theStored(storedMap({ extra_keys: [["dynamo-cache-salt:"], null] })).cacheSalt, null);
  const twice = theStored(
    storedMap({ lora_name: "dynamo-cache-salt:x", extra_keys: [["dynamo-cache-salt:x", "dynamo-cache-salt:x"]] }),
  );
  assert.equal(twice.cacheSalt, "x");
});

const DIGEST = "0123456789abcdef00112233445566778899AABBccddeeffffeeddccbbaa9988";
const DIGEST_HASH = 0x0123456789abcdefn;

test("extra keys: identifiers of 64 hex digits are multimodal hashes, what cannot be told apart is noted", () => {
  const cases: readonly (readonly [unknown, readonly (readonly bigint[] | null)[] | null, boolean])[] = [
    [null, null, false],
    [[], null, false],
    [[null, null], null, false],
    [[[DIGEST], null], [[DIGEST_HASH], null], false],
    [[null, [[DIGEST, -3], DIGEST]], [null, [DIGEST_HASH, DIGEST_HASH]], false],
    [
      [
        ["adapter", [DIGEST, 0]],
        ["adapter", [DIGEST, 2n ** 64n - 1n]],
      ],
      [[DIGEST_HASH], [DIGEST_HASH]],
      false,
    ],
    [[["adapter", "adapter"]], null, false],
    [[["adapter", "dynamo-cache-salt:t", [DIGEST, 1]]], [[DIGEST_HASH], null], false],
    [[[DIGEST.slice(1)]], null, true],
    [[[`${DIGEST.slice(1)}g`]], null, true],
    [[["someone"], [DIGEST]], [null, [DIGEST_HASH]], true],
    [[[["opaque", 1]]], null, true],
    [[[Uint8Array.of(1, 2)]], null, true],
    [[[7, -7, 1.5, true]], null, true],
    [[[DIGEST], null, [DIGEST], [DIGEST]], [[DIGEST_HASH], null], false],
  ];
  for (const [extraKeys, mm, hasUnknownKeys] of cases) {
    for (const event of [
      storedMap({ lora_name: "adapter", extra_keys: extraKeys }),
      storedArray(null, null, "adapter", extraKeys),
    ]) {
      const view = theStored(event);
      assert.deepEqual([view.mm, view.hasUnknownKeys, view.mmListPresent], [mm, hasUnknownKeys, false]);
      assert.equal(view.loraName, "adapter");
    }
  }
  assert.equal(theStored(storedMap({ lora_name: DIGEST, extra_keys: [[DIGEST], [DIGEST]] })).mm, null);
});

const info = (...hashes: readonly bigint[]): unknown => ({
  mm_objects: hashes.map((hash) => ({ mm_hash: hash, offsets: [[0, 1]] })),
});

test("multimodal infos: one entry a block whatever the length of the list, and before extra keys", () => {
  const cases: readonly (readonly [unknown, readonly (readonly bigint[] | null)[] | null])[] = [
    [[], null],
    [[null, null], null],
    [[info()], null],
    [[info(5n)], [[5n], null]],
    [
      [null, info(2n ** 64n - 1n, 7n), info(8n)],
      [null, [2n ** 64n - 1n, 7n]],
    ],
    [[{ other: [1, { a: 2 }], mm_objects: [{ more: null, mm_hash: 5 }] }], [[5n], null]],
  ];
  for (const [infos, mm] of cases) {
    const view = theStored(storedMap({ block_mm_infos: infos, extra_keys: [[DIGEST], [DIGEST]] }));
    assert.deepEqual([view.mmListPresent, view.mm], [true, mm]);
  }
  assert.deepEqual(theStored(storedMap({ block_mm_infos: null, extra_keys: [[DIGEST]] })).mm, [[DIGEST_HASH], null]);
});
