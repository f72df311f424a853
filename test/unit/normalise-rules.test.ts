/** Rules of the normaliser that the recorded vectors do not show: ids, windows, layer groups, refusals, bounds. */
import assert from "node:assert/strict";
import test from "node:test";
import { ABSENT, PARENT, RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { PublishedEvent, PUBLISHED_KIND } from "../../src/main/normalise/published-event.ts";
import { RankTable } from "../../src/main/normalise/rank-table.ts";
import { Harness, snapshot, storedOf } from "../support/normaliser-harness.ts";
import {
  block,
  createdJson,
  type EventFields,
  type Json,
  rawEventOf,
  removedJson,
  storedJson,
  updatedJson,
} from "../support/raw-events.ts";
import { MAX_RANK } from "../../src/shared/record.ts";

const full = (id: number, hash: number, fields: EventFields = {}): Json => storedJson(id, [block(hash, 4)], fields);
const partial = (id: number, hash: number, fields: EventFields = {}): Json => storedJson(id, [block(hash, 1)], fields);

test("ids: last 10, then 14 misses 3", () => {
  const harness = new Harness();
  harness.feed(full(10, 1), full(14, 2));
  assert.deepEqual([...harness.counters.missingIds], [3, 0, 0]);
  assert.deepEqual(harness.notices, [{ rank: 0, eventId: 14, code: "id_gap", expected: 11, got: 14, missing: 3 }]);
});

test("ids: filtered events count, and ranks do not mix", () => {
  const harness = new Harness();
  harness.feed(
    createdJson(9, { window: 4096 }),
    full(10, 1, { window: 128 }),
    updatedJson(11),
    full(3, 2, { rank: 1 }),
    full(12, 3, { window: 4096 }),
    full(4, 4, { rank: 1 }),
  );
  assert.deepEqual(harness.noticeCodes(), []);
  assert.deepEqual(harness.summary(), ["S2", "S3", "S4"]);
  assert.deepEqual([...harness.counters.lastEventId], [12, 4, -1]);
});

test("ids: a refused event is followed too, one without an id is not", () => {
  const harness = new Harness();
  const broken = rawEventOf(full(1, 1));
  broken.fail("hash_range");
  const nameless = rawEventOf(full(1, 1));
  nameless.eventId = ABSENT;
  harness.feed(full(0, 1));
  assert.equal(harness.offer(broken), "invalid");
  assert.equal(harness.offer(nameless), "invalid");
  harness.feed(full(2, 2));
  assert.deepEqual(harness.reasons(), { hash_range: 1, missing_field: 1 });
  assert.deepEqual(harness.notices, [
    { rank: 0, eventId: 1, code: "invalid", reason: "hash_range" },
    { rank: 0, eventId: null, code: "invalid", reason: "missing_field" },
  ]);
  assert.deepEqual(harness.summary(), ["S1", "S2"]);
});

test("ids: what the source found wrong is the reason, with and without an id", () => {
  const harness = new Harness();
  const entry = new RawEvent();
  entry.kind = RAW_KIND.unknown;
  entry.fail("bad_type");
  harness.offer(entry);
  entry.eventId = 0;
  entry.kind = RAW_KIND.empty;
  harness.offer(entry);
  entry.eventId = 1;
  entry.defect = null;
  harness.offer(entry);
  entry.eventId = 2;
  entry.kind = RAW_KIND.unknown;
  harness.offer(entry);
  assert.deepEqual(harness.reasons(), { bad_type: 2, empty_entry: 1, unknown_type: 1 });
  assert.equal(harness.counters.received.other, 4);
});

test("ids: a duplicate changes nothing, not even when it is a created event or id 0", () => {
  const harness = new Harness();
  harness.feed(createdJson(0, { window: 128 }), createdJson(0, { window: 4096 }), full(1, 1, { window: 128 }));
  harness.feed(partial(2, 7, { window: 128 }), removedJson(2, [7], { window: 128 }));
  assert.equal(harness.counters.duplicates, 2);
  assert.equal(harness.counters.resets, 0);
  assert.equal(harness.counters.partialBlocksTracked, 1);
  assert.deepEqual(harness.summary(), ["S1"]);
  assert.deepEqual(harness.noticeCodes(), ["duplicate", "duplicate"]);
});

test("ids: id 0 or a created event below the last begins anew, without a gap", () => {
  for (const first of [full(0, 3, { window: 64 }), createdJson(3, { window: 64 })]) {
    const harness = new Harness();
    harness.feed(createdJson(6, { window: 4096 }), partial(7, 9, { window: 4096 }), partial(8, 9, { window: 64 }));
    assert.equal(harness.counters.partialBlocksTracked, 1);
    harness.feed(first);
    const id = harness.counters.lastEventId[0] ?? ABSENT;
    assert.equal(harness.counters.partialBlocksTracked, 0);
    // The window of before is forgotten, and so is the partial block.
    harness.feed(full(id + 1, 5, { window: 64 }), removedJson(id + 2, [9], { window: 64 }));
    assert.deepEqual(harness.summary().slice(-2), ["S5", "R9"]);
    assert.equal(harness.counters.resets, 1);
    assert.equal(harness.counters.outOfOrder, 0);
    assert.deepEqual([...harness.counters.missingIds], [0, 0, 0]);
    assert.equal(harness.notices[0]?.code, "restart");
  }
});

test("ids: another lower id is delivered, the highest stays", () => {
  const harness = new Harness();
  harness.feed(full(7, 1), full(3, 2), full(3, 2), full(8, 3));
  assert.deepEqual(harness.summary(), ["S1", "S2", "S2", "S3"]);
  assert.equal(harness.counters.outOfOrder, 2);
  assert.equal(harness.counters.lastEventId[0], 8);
  assert.deepEqual([...harness.counters.missingIds], [0, 0, 0]);
});

test("ranks: an unknown one is published, counted, announced once, and has its own state", () => {
  const harness = new Harness({ ranks: 1 });
  harness.feed(partial(0, 9), full(0, 1, { rank: 1 }), full(5, 2, { rank: MAX_RANK }), full(2, 3, { rank: 1 }));
  harness.feed(removedJson(3, [9], { rank: 1 }));
  assert.deepEqual(harness.summary(), ["S1", "S2", "S3", "R9"]);
  assert.equal(harness.counters.unknownRank, 4);
  assert.deepEqual([...harness.counters.missingIds], [0, 1]);
  assert.deepEqual(harness.noticeCodes(), ["unknown_rank", "unknown_rank", "id_gap"]);
  assert.deepEqual(
    harness.published.map(({ rank }) => rank),
    [1, MAX_RANK, 1, 1],
  );
});

test("ranks: an impossible one is refused and disturbs none", () => {
  const harness = new Harness();
  for (const rank of [MAX_RANK + 1, -1, 0.5, Number.NaN])
    assert.deepEqual(harness.feed(full(3, 1, { rank })), ["invalid"]);
  harness.feed(full(7, 1));
  assert.deepEqual(harness.reasons(), { bad_type: 4 });
  assert.deepEqual([...harness.counters.missingIds], [0, 0, 0]);
});

test("windows: an event without one is always kept", () => {
  const harness = new Harness();
  harness.feed(createdJson(0, { window: 4096 }), full(1, 1), full(2, 2, { window: 128 }), removedJson(3, [1]));
  assert.deepEqual(harness.summary(), ["S1", "R1"]);
  assert.deepEqual(harness.reasons(), { created: 1, window_size: 1 });
});

test("windows: without an announcement the largest of the traffic rises, and the log hears of it once", () => {
  const harness = new Harness();
  const windows = [128, 4096, 128, 4096, 8192, 4096];
  harness.feed(...windows.map((window, id) => full(id, id + 1, { window })), full(0, 7, { rank: 1, window: 64 }));
  assert.deepEqual(harness.summary(), ["S1", "S2", "S4", "S5", "S7"]);
  assert.deepEqual(harness.notices, [{ rank: 0, eventId: 0, code: "window_adopted", windowSize: 128 }]);
});

test("windows: an announced one does not rise with the traffic", () => {
  const harness = new Harness();
  harness.feed(createdJson(0, { window: 128 }), full(1, 1, { window: 4096 }), full(2, 2, { window: 128 }));
  assert.deepEqual(harness.summary(), ["S2"]);
  assert.deepEqual(harness.noticeCodes(), []);
});

test("windows: late announcements replace, then raise; one without a window teaches nothing", () => {
  const harness = new Harness();
  harness.feed(createdJson(0, { window: 4096 }), partial(1, 9, { window: 4096 }));
  harness.feed(createdJson(2), createdJson(3, { window: 128 }), updatedJson(4), createdJson(5, { window: 256 }));
  harness.feed(createdJson(6, { window: 64 }));
  assert.equal(harness.counters.partialBlocksTracked, 1, "nothing is cleared");
  harness.feed(full(7, 1, { window: 4096 }), full(8, 2, { window: 128 }), full(9, 3, { window: 256 }));
  assert.deepEqual(harness.summary(), ["S3"]);
  harness.feed(createdJson(10), full(11, 4, { window: 256 }));
  assert.deepEqual(harness.summary(), ["S3", "S4"]);
});

test("windows: an adopted one is replaced by an announcement", () => {
  const harness = new Harness();
  harness.feed(full(0, 1, { window: 4096 }), createdJson(1, { window: 128 }), full(2, 2, { window: 4096 }));
  harness.feed(full(3, 3, { window: 128 }));
  assert.deepEqual(harness.summary(), ["S1", "S3"]);
});

test("windows: a filtered event does not end the lesson, a kept removal does", () => {
  const harness = new Harness();
  harness.feed(createdJson(0, { window: 4096 }), full(1, 1, { window: 128 }), createdJson(2, { window: 128 }));
  harness.feed(full(3, 2, { window: 4096 }));
  assert.deepEqual(harness.summary(), ["S2"]);
  harness.feed(removedJson(4, [2], { window: 4096 }), createdJson(5, { window: 128 }), full(6, 3, { window: 128 }));
  assert.deepEqual(harness.summary(), ["S2", "R2", "S3"]);
});

test("layer groups: announced ones tie to the lowest id, whatever comes first", () => {
  for (const order of [
    [2, 1, 3],
    [1, 2, 3],
    [3, 2, 1],
  ]) {
    const harness = new Harness();
    harness.feed(createdJson(0, { window: 128, group: 0 }));
    harness.feed(...order.map((group, i) => createdJson(i + 1, { window: 4096, group })));
    harness.feed(
      ...[0, 1, 2, 3].map((group) => full(group + 4, group + 10, { window: group === 0 ? 128 : 4096, group })),
    );
    assert.deepEqual(harness.summary(), ["S11"]);
  }
});

test("layer groups: seen ones tie to the first; a larger window takes its own group", () => {
  const harness = new Harness();
  const seen: [number, number][] = [
    [128, 4],
    [128, 2],
    [4096, 2],
    [4096, 1],
    [128, 4],
    [4096, 2],
  ];
  harness.feed(...seen.map(([window, group], id) => full(id, id + 1, { window, group })));
  assert.deepEqual(harness.summary(), ["S1", "S3", "S6"]);
});

test("layer groups: without a window the group decides once it is known", () => {
  const harness = new Harness();
  harness.feed(full(0, 1, { group: 5 }), full(1, 2, { group: 6 }), createdJson(2, { window: 128, group: 5 }));
  harness.feed(full(3, 3, { group: 5 }), full(4, 4, { group: 6 }), full(5, 5, { window: 128 }));
  assert.deepEqual(harness.summary(), ["S1", "S2", "S3", "S5"]);
});

test("layer groups: an announcement without groups takes the first that is seen in its window", () => {
  const harness = new Harness();
  harness.feed(createdJson(0, { window: 128 }), full(1, 1, { window: 128, group: 3 }));
  harness.feed(full(2, 2, { window: 128, group: 1 }), full(3, 3, { window: 128, group: 3 }));
  assert.deepEqual(harness.summary(), ["S1", "S3"]);
});

test("partial blocks: one group, window or rank does not take those of another", () => {
  const places: EventFields[] = [{}, { window: 1 }, { group: 0 }, { group: 1 }, { rank: 1 }, { rank: 1, group: 1 }];
  for (const [a, mine] of places.entries()) {
    for (const [b, other] of places.entries()) {
      const harness = new Harness();
      harness.feed(partial(0, 9, mine), removedJson(1, [9], other));
      assert.deepEqual(harness.summary(), a === b ? [] : ["R9"], JSON.stringify([mine, other]));
      assert.equal(harness.counters.partialBlocksTracked, a === b ? 0 : 1);
    }
  }
});

test("partial blocks: the state of a rank is bounded, the oldest is forgotten", () => {
  const harness = new Harness();
  for (let group = 0; group < 100; group++) harness.feed(partial(group, 9, { group }));
  assert.equal(harness.counters.partialBlocksTracked, 16);
  harness.feed(removedJson(100, [9], { group: 99 }), removedJson(101, [9], { group: 0 }));
  assert.deepEqual(harness.summary(), ["R9"]);
});

test("partial blocks: a refused event leaves none behind", () => {
  const oversize = storedJson(0, [block(null, 5), block(9, 1)]);
  const conflict = storedJson(0, [block(8, 4, { cache_salt: "a" }), block(9, 1, { cache_salt: "b" })]);
  const key = storedJson(0, [block(8, 4, { mm_keys: [{ type: "mm_key", hash: "x" }] }), block(9, 1)]);
  const parentless = storedJson(0, [block(9, 1)], {}, { parent_hash: undefined });
  for (const event of [oversize, conflict, key, parentless]) {
    const harness = new Harness();
    assert.deepEqual(harness.feed(event, removedJson(1, [9])), ["invalid", "publish"]);
    assert.equal(harness.counters.partialBlocksTracked, 0);
  }
});

test("partial blocks: a refused event does not forget any either", () => {
  const harness = new Harness();
  harness.feed(partial(0, 9), storedJson(1, [block(9, 4), block(8, 5)]), removedJson(2, [9]));
  assert.deepEqual(harness.summary(), []);
});

test("oversize: the notice has the sizes, with a null hash as well", () => {
  const harness = new Harness();
  harness.feed(storedJson(0, [block(null, 6)]));
  assert.deepEqual(harness.notices, [{ rank: 0, eventId: 0, code: "block_too_large", tokens: 6, blockSize: 4 }]);
});

test("salts: a conflict costs its own event, and no notice repeats a salt", () => {
  const harness = new Harness();
  const blocks = [block(1, 4, { cache_salt: "tenant-a" })];
  harness.feed(storedJson(0, blocks), storedJson(1, blocks, {}, { cache_salt: "tenant-b" }));
  harness.feed(storedJson(2, [block(3, 4)], {}, { cache_salt: "tenant-c" }), full(3, 4));
  assert.deepEqual(
    harness.published.map((event) => storedOf(event).cacheSalt),
    ["tenant-a", "tenant-c", null],
  );
  assert.deepEqual(harness.notices, [{ rank: 0, eventId: 1, code: "salt_conflict" }]);
});

test("two ranks, an adapter, a multimodal key and a suppressed removal", () => {
  const harness = new Harness();
  const hash = `00000000000000ff${"0".repeat(48)}`;
  const blocks = [block(1, 4, { mm_keys: [{ type: "mm_key", hash, start_offset: 0 }] }), block(123, 2)];
  harness.feed(storedJson(0, blocks, {}, { lora_name: "adapter-a" }));
  harness.feed(removedJson(0, [200], { rank: 1 }), removedJson(1, [123]), removedJson(2, [1, null]));
  const [stored, other, last, ...none] = harness.published;
  assert.deepEqual(none, []);
  assert.equal(storedOf(stored).loraName, "adapter-a");
  assert.deepEqual(storedOf(stored).mm, [[255n]]);
  assert.deepEqual(other, { type: "removed", rank: 1, hashes: [200n] });
  assert.deepEqual(last, { type: "removed", rank: 0, hashes: [1n] });
  assert.deepEqual(harness.reasons(), { partial_block: 1 });
});

test("counts: a publishable event is not received before it is taken", () => {
  const harness = new Harness();
  const raw = rawEventOf(full(4, 1));
  assert.equal(harness.normaliser.normalise(raw), "publish");
  assert.equal(harness.counters.received.stored, 0);
  assert.equal(harness.counters.lastEventId[0], 4);
  harness.normaliser.countReceived(raw.kind);
  harness.counters.droppedAtShutdown++;
  assert.equal(harness.counters.received.stored, 1);
  assert.equal(harness.counters.enqueued, 0);
  harness.normaliser.countPublished(rawEventOf(removedJson(5, [1])));
  assert.equal(harness.counters.received.removed, 1);
  assert.equal(harness.counters.enqueued, 1);
});

test("the common event is borrowed, a changed one is not", () => {
  const { normaliser } = new Harness();
  const plain = rawEventOf(storedJson(0, [block(1, 4), block(2, 4), block(3, 1)]));
  normaliser.normalise(plain);
  assert.equal(normaliser.out.tokens, plain.tokens);
  assert.equal(normaliser.out.hashLo, plain.hashLo);
  assert.equal(normaliser.out.blockCount, 2);
  assert.equal(normaliser.out.tokenCount, 8);
  const odd = rawEventOf(storedJson(1, [block(null, 4), block(2, 4)]));
  normaliser.normalise(odd);
  assert.notEqual(normaliser.out.tokens, odd.tokens);
  const gone = rawEventOf(removedJson(2, [5, 6]));
  normaliser.normalise(gone);
  assert.equal(normaliser.out.hashHi, gone.hashHi);
});

test("a published event's own columns grow", () => {
  const event = new PublishedEvent();
  event.begin(PUBLISHED_KIND.stored, 3);
  event.mmListPresent = true;
  const tokens = Uint32Array.from({ length: 64 }, (_, i) => i);
  for (let i = 0; i < 1000; i++) {
    event.addHash(i, i * 2);
    event.addTokens(tokens, 1, 33);
  }
  const { hashes, tokens: out } = storedOf(snapshot(event));
  assert.equal(hashes.length, 1000);
  assert.equal(hashes[999], (1998n << 32n) | 999n);
  assert.equal(out.length, 32_000);
  assert.ok(out.every((token, i) => token === (i % 32) + 1));
  event.begin(PUBLISHED_KIND.removed, 3);
  assert.equal(event.blockCount, 0);
  assert.equal(event.mmListPresent, false);
});

test("a long event goes through unchanged after an odd one", () => {
  const harness = new Harness({ blockSize: 32 });
  const blocks = Array.from({ length: 500 }, (_, i) => block(i + 1, 32));
  harness.feed(storedJson(0, [block(null, 3), ...blocks]), storedJson(1, blocks));
  const [first, second] = harness.published;
  assert.deepEqual(first, second);
  assert.equal(storedOf(first).tokens.length, 16_000);
});

test("a parent is taken over, a root has none", () => {
  const harness = new Harness();
  const child = rawEventOf(storedJson(0, [block(1, 4)], {}, { parent_hash: "18446744073709551611" }));
  assert.equal(child.parent, PARENT.given);
  harness.offer(child);
  harness.feed(full(1, 2));
  assert.equal(storedOf(harness.published[0]).parent, 18_446_744_073_709_551_611n);
  assert.equal(storedOf(harness.published[1]).parent, null);
});

test("partial blocks: the memory of all ranks together is bounded", () => {
  const table = new RankTable();
  const limit = 2 ** 23;
  let most = 0;
  // Each rank fills both of its generations; some forty of them would hold more than the limit.
  for (let rank = 0; rank < 40; rank++) {
    const blocks = table.get(rank)?.partials.make(ABSENT);
    for (let i = 0; i < 2 * 65_536 - 1; i++) {
      blocks?.add(Math.imul(i, 0x9e3779b1), rank);
      table.trim();
      most = Math.max(most, table.usage.slots);
    }
  }
  assert.ok(most > limit - 2 ** 18, "the limit was reached");
  assert.ok(most <= limit, "and kept");
  const last = table.get(39)?.partials.find(ABSENT);
  assert.equal(last?.take(0, 39), true);
});
