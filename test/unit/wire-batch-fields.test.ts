/** Every field of an event, in all the forms that publishers write it in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, int, list, map, NIL, type Spelled, text } from "../support/spelled-msgpack.ts";
import { storedArray, storedMap, theEvent, theStored } from "../support/wire-payload.ts";
import { readAll, type TierName, type WireView } from "../support/wire-view.ts";

const ABSENT_COMMON = {
  tier: "device",
  mediumAbsent: true,
  groupIdx: null,
  specKind: "absent",
  slidingWindow: null,
  locality: "absent",
  ownership: "framework",
} as const;

test("a map and an array of only what must be there are the same event", () => {
  const expected: WireView = {
    kind: "stored",
    hashes: [1n, 2n],
    parent: null,
    tokens: [10, 11, 12, 13],
    isEagle: false,
    blockSize: 2,
    loraName: null,
    loraId: 0,
    cacheSalt: null,
    mmListPresent: false,
    mm: null,
    hasUnknownKeys: false,
    ...ABSENT_COMMON,
  };
  assert.deepEqual(theEvent(storedMap()), expected);
  assert.deepEqual(theEvent(storedArray()), expected);
  const removed: WireView = { kind: "removed", hashes: [3n], ...ABSENT_COMMON };
  assert.deepEqual(theEvent({ block_hashes: [3], type: "BlockRemoved" }), removed);
  assert.deepEqual(theEvent(["BlockRemoved", [3]]), removed);
  for (const [type, kind] of [
    ["AllBlocksCleared", "cleared"],
    ["Ignored", "ignored"],
  ] as const) {
    assert.deepEqual(theEvent({ type }), { kind, ...ABSENT_COMMON });
    assert.deepEqual(theEvent([type]), { kind, ...ABSENT_COMMON });
    assert.deepEqual(theEvent([type, null, { what: ["ever"] }]), { kind, ...ABSENT_COMMON });
  }
});

test("a hash is the same in every width and sign", () => {
  const same: readonly (readonly [bigint, readonly (number | bigint)[]])[] = [
    [0xffff_ffff_ffff_ffffn, [-1, -1n, 0xffff_ffff_ffff_ffffn]],
    [0xffff_ffff_ffff_ff80n, [-128, -128n]],
    [0xffff_ffff_8000_0000n, [-(2 ** 31), BigInt(-(2 ** 31))]],
    [2n ** 63n, [2n ** 63n, -(2n ** 63n)]],
    [200n, [200, 200n]],
    [70_000n, [70_000, 70_000n]],
    [4_000_000_000n, [4_000_000_000, 4_000_000_000n]],
    [0n, [0, 0n]],
  ];
  for (const [hash, forms] of same) {
    for (const form of forms) {
      const { hashes, parent } = theStored(storedMap({ block_hashes: [form], parent_block_hash: form }));
      assert.deepEqual([hashes, parent], [[hash], hash]);
      assert.deepEqual(theStored(["BlockStored", [form], form, [], 0]).hashes, [hash]);
    }
  }
});

const MEDIA: Readonly<Record<string, TierName>> = {
  GPU: "device",
  DEVICE: "device",
  CPU: "hostPinned",
  CPU_PINNED: "hostPinned",
  CPU_TIER1: "hostPinned",
  CPU_TIER2: "disk",
  DISK: "disk",
  NVME: "disk",
  STORAGE: "disk",
  EXTERNAL: "external",
  NETWORK: "external",
  REMOTE: "external",
  SHARED: "external",
  FS: "unknown",
  OBJ: "unknown",
  gpu: "unknown",
  GPUS: "unknown",
  "A MEDIUM WHOSE NAME IS LONGER THAN ANY": "unknown",
};

test("media are tiers, and one that nobody knows is none of them", () => {
  for (const [medium, tier] of Object.entries(MEDIA)) {
    const events = [
      storedMap({ medium }),
      storedArray(null, medium),
      { type: "BlockRemoved", block_hashes: [1], medium },
      ["BlockRemoved", [1], medium],
    ];
    for (const event of events) {
      const view = theEvent(event);
      assert.deepEqual([view.tier, view.mediumAbsent], [tier, false], medium);
    }
  }
  for (const medium of [null, ""]) {
    for (const event of [storedMap({ medium }), storedArray(null, medium), ["BlockRemoved", [1], medium]]) {
      const view = theEvent(event);
      assert.deepEqual([view.tier, view.mediumAbsent], ["device", true]);
    }
  }
});

test("locality, ownership and kind of attention, with case and all", () => {
  const localities = { LOCAL: "local", REMOTE: "remote", local: "unknown", "": "unknown", NEAR: "unknown" };
  for (const [locality, expected] of Object.entries(localities)) {
    assert.equal(theEvent(storedMap({ locality })).locality, expected);
    assert.equal(theEvent({ type: "BlockRemoved", block_hashes: [], locality }).locality, expected);
  }
  assert.equal(theEvent(storedMap({ locality: null })).locality, "absent");
  const owners = { kvcr: "kvcr", KVCR: "unknown", framework: "unknown", "": "unknown" };
  for (const [ownership, expected] of Object.entries(owners)) {
    assert.equal(theEvent(storedMap({ ownership })).ownership, expected);
    assert.equal(theEvent({ type: "AllBlocksCleared", ownership }).ownership, expected);
    assert.equal(theEvent(["AllBlocksCleared", ownership]).ownership, expected);
  }
  assert.equal(theEvent(["AllBlocksCleared", null]).ownership, "framework");
  const kinds = {
    full_attention: "main",
    mla_attention: "main",
    sink_full_attention: "main",
    sliding_window: "other",
    sliding_window_mla: "other",
    mamba: "other",
    chunked_local_attention: "other",
    encoder_only_attention: "other",
    cross_attention: "other",
    "": "other",
  };
  for (const [kind, expected] of Object.entries(kinds)) {
    assert.equal(theEvent(storedMap({ kv_cache_spec_kind: kind })).specKind, expected);
    assert.equal(theEvent(storedArray(null, null, null, null, 0, kind)).specKind, expected);
  }
});

test("pairs of tokens are one token more, and everything else a plain list", () => {
  for (const event of [storedMap, (fields: object) => ["BlockStored", [1, 2], null, Object.values(fields)[0], 2]]) {
    const pairs = theStored(
      event({
        token_ids: [
          [7, 8],
          [8, 300],
          [300, 70_000],
        ],
      }),
    );
    assert.deepEqual([pairs.tokens, pairs.isEagle], [[7, 8, 300, 70_000], true]);
    const one = theStored(event({ token_ids: [[7, 0xffff_ffff]] }));
    assert.deepEqual([one.tokens, one.isEagle], [[7, 0xffff_ffff], true]);
    const none = theStored(event({ token_ids: [] }));
    assert.deepEqual([none.tokens, none.isEagle], [[], false]);
    const plain = theStored(event({ token_ids: [0, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff, 5n, 300n] }));
    assert.deepEqual(plain.tokens, [0, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff, 5, 300]);
  }
});

test("numbers of adapters: kept within 32 bits, and in maps anything is allowed", () => {
  for (const [id, kept] of [
    [0, 0],
    [7, 7],
    [0xffff_ffff, 0xffff_ffff],
    [2n ** 32n, 0],
    [null, 0],
  ] as const) {
    assert.equal(theStored(storedMap({ lora_id: id })).loraId, kept);
    assert.equal(theStored(storedArray(id)).loraId, kept);
  }
  for (const id of [-1, 1.5, "seven", [1, { a: 2 }], {}]) assert.equal(theStored(storedMap({ lora_id: id })).loraId, 0);
});

/** With its key twice, of which the second has this hash. */
function mmObject(hash: number): Spelled {
  return map([
    [text("mm_hash"), int(4)],
    [text("mm_hash"), int(hash)],
  ]);
}

test("keys that nobody knows are skipped, of a key that comes twice the last value counts", () => {
  const strange = { session_id: "x", event_version: 1, deep: [[{ a: [null, new Uint8Array(300)] }]], f: 1.5, t: true };
  assert.deepEqual(theEvent({ ...strange, ...storedMap() }), theEvent({ ...storedMap(), ...strange }));
  const twice = map([
    [text("mm_objects"), list([mmObject(5)])],
    [text("mm_objects"), list([mmObject(6), mmObject(7)])],
  ]);
  const event = map([
    [text("type"), text("BlockRemoved")],
    [text("block_hashes"), list([int(1), int(2)])],
    [text("medium"), text("GPU")],
    [text("parent_block_hash"), int(4)],
    [text("token_ids"), list([list([int(1), int(2)])])],
    [text("block_size"), int(9)],
    [text("cache_salt"), text("first")],
    [text("lora_id"), int(5)],
    [text("block_mm_infos"), list([twice])],
    [text("parent_block_hash"), NIL],
    [text("type", 2), text("BlockStored", 3)],
    [text("token_ids"), list([int(5), int(6, 4)], 1)],
    [text("block_hashes"), list([int(3)], 2)],
    [text("medium"), NIL],
    [text("lora_id"), NIL],
    [text("cache_salt"), NIL],
    [text("block_size"), int(2, 6)],
  ]);
  const read = readAll(bytesOf(list([int(1), list([event]), NIL])));
  assert.ok("events" in read);
  const infos = [{ mm_objects: [{ mm_hash: 6 }, { mm_hash: 7 }] }];
  assert.deepEqual(read.events, [
    theEvent({ type: "BlockStored", block_hashes: [3], token_ids: [5, 6], block_size: 2, block_mm_infos: infos }),
  ]);
});
