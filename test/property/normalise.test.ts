/** The normaliser against models: ids by plain arithmetic, partial blocks by a Set, and books that always balance. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { ABSENT, INVALID_REASONS, PARENT, RAW_KIND, RawEvent, type RawKind } from "../../src/main/engine/raw-event.ts";
import { HashSet } from "../../src/main/normalise/hash-set.ts";
import { IdTracker } from "../../src/main/normalise/id-tracker.ts";
import { PartialBlocks, PartialBlockStore, type PartialUsage } from "../../src/main/normalise/partial-blocks.ts";
import { Harness } from "../support/normaliser-harness.ts";

/** As many runs as the environment asks for, else so many. */
const runs = (usual: number): number => Number(process.env["RUNS"] ?? usual);

const MAX_ID = Number.MAX_SAFE_INTEGER;

/** Ids as an engine, a broken engine and an attacker would send them. */
const id = fc.oneof(
  { weight: 6, arbitrary: fc.nat(12) },
  { weight: 1, arbitrary: fc.nat(MAX_ID) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, MAX_ID - 1, MAX_ID) },
);
const kind = fc.constantFrom<RawKind>(...Object.values(RAW_KIND));

interface Seen {
  missing: bigint;
  resets: number;
  late: number;
  duplicates: number;
  last: bigint | null;
}

/** The rules once more, in bigints and without states. */
function model(events: readonly (readonly [number, boolean])[]): Seen {
  const seen: Seen = { missing: 0n, resets: 0, late: 0, duplicates: 0, last: null };
  for (const [number, created] of events) {
    const now = BigInt(number);
    const last = seen.last;
    if (last !== null && now === last) seen.duplicates++;
    else if (last !== null && now < last && !created && now !== 0n) seen.late++;
    else {
      if (last !== null && now < last) seen.resets++;
      if (last !== null && now > last) seen.missing += now - last - 1n;
      seen.last = now;
    }
  }
  return seen;
}

test("ids: the tracker agrees with the model, and a gap is never negative", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(id, fc.boolean()), { maxLength: 60 }), (events) => {
      const tracker = new IdTracker();
      const seen: Seen = { missing: 0n, resets: 0, late: 0, duplicates: 0, last: null };
      for (const [number, created] of events) {
        const step = tracker.observe(number, created);
        if (step === "duplicate") seen.duplicates++;
        if (step === "restart") seen.resets++;
        if (step === "out_of_order") seen.late++;
        if (step === "gap") {
          assert.ok(tracker.missing > 0 && Number.isSafeInteger(tracker.missing));
          seen.missing += BigInt(tracker.missing);
        }
        seen.last = BigInt(tracker.last);
      }
      assert.deepEqual(seen, model(events));
    }),
    { numRuns: runs(2000) },
  );
});

function plain(rank: number, eventId: number, of: RawKind, hash: number): RawEvent {
  const raw = new RawEvent();
  raw.kind = of;
  raw.eventId = eventId;
  raw.rank = rank;
  raw.parent = PARENT.none;
  for (let i = 0; i < 4; i++) raw.addToken(i);
  raw.addBlock(hash, 0, false);
  return raw;
}

test("ids: ranks are independent, whatever one of them does", () => {
  const event = fc.record({ rank: fc.nat(5), id, kind });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), fc.nat(5), (events, bad) => {
      const together = new Harness({ ranks: 8 });
      const without = new Harness({ ranks: 8 });
      for (const [hash, item] of events.entries()) {
        together.offer(plain(item.rank, item.id, item.kind, hash));
        if (item.rank !== bad) without.offer(plain(item.rank, item.id, item.kind, hash));
      }
      const others = together.published.filter(({ rank }) => rank !== bad);
      assert.deepEqual(others, without.published);
      for (let rank = 0; rank < 6; rank++) {
        const ids = events.filter((item) => item.rank === rank && rank !== bad);
        const { missing, last } = model(ids.map((item) => [item.id, item.kind === RAW_KIND.created]));
        if (rank === bad) continue;
        assert.equal(without.counters.missingIds[rank], together.counters.missingIds[rank]);
        // Sums of several gaps near 2^53 are rounded as any counter is.
        if (missing <= BigInt(MAX_ID)) assert.equal(together.counters.missingIds[rank], Number(missing));
        assert.equal(together.counters.lastEventId[rank], Number(last ?? -1n));
      }
    }),
    { numRuns: runs(500) },
  );
});

/** Few different hashes, so that they meet; 0 and equal halves among them. */
const half = fc.oneof(fc.nat(6), fc.constantFrom(0x8000_0000, 0xffff_fffe, 0xffff_ffff));
const hash = fc.tuple(half, half);
const signed = ([lo, hi]: readonly [number, number]): [number, number] => [lo | 0, hi | 0];
const setCommand = fc.tuple(fc.constantFrom("add", "delete", "has"), hash);
const nameOf = ([lo, hi]: readonly [number, number]): string => `${lo},${hi}`;

test("hash set: agrees with a Set", () => {
  const wide = fc.tuple(fc.constantFrom("add", "add", "delete", "has"), fc.tuple(fc.nat(400), fc.nat(2)));
  for (const command of [setCommand, wide]) {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 800 }), (commands) => {
        const set = new HashSet(2);
        const names = new Set<string>();
        for (const [what, unsigned] of commands) {
          const pair = signed(unsigned);
          const name = nameOf(pair);
          if (what === "add") assert.equal(set.add(...pair), !names.has(name) && names.add(name).size > 0);
          else if (what === "delete") assert.equal(set.delete(...pair), names.delete(name));
          else assert.equal(set.has(...pair), names.has(name));
          assert.equal(set.size, names.size);
          assert.ok(set.capacity >= 2 * (names.size - 1));
        }
        for (const name of names) {
          const [lo, hi] = name.split(",").map(Number);
          assert.ok(set.has(lo ?? 0, hi ?? 0));
        }
      }),
      { numRuns: runs(300) },
    );
  }
});

test("partial blocks: agree with two Sets that take turns, and never hold more than two generations", () => {
  const command = fc.oneof(
    { weight: 20, arbitrary: setCommand },
    { weight: 1, arbitrary: fc.tuple(fc.constant("age"), hash) },
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (commands, generation) => {
      const usage: PartialUsage = { hashes: 0, slots: 0 };
      const blocks = new PartialBlocks(usage, generation);
      let young = new Set<string>();
      let old = new Set<string>();
      for (const [what, pair] of commands) {
        const name = nameOf(pair);
        if (what === "add") {
          blocks.add(...pair);
          old.delete(name);
          young.add(name);
        } else if (what === "age") {
          blocks.age();
        } else {
          assert.equal(blocks.take(...pair), young.delete(name) || old.delete(name));
        }
        if (what === "age" || young.size >= generation) {
          old = young;
          young = new Set();
        }
        assert.equal(blocks.size, young.size + old.size);
        assert.equal(usage.hashes, blocks.size);
        assert.ok(blocks.size <= 2 * generation);
      }
      blocks.release();
      assert.deepEqual(usage, { hashes: 0, slots: 0 });
    }),
    { numRuns: runs(500) },
  );
});

test("partial blocks: usage of many states adds up, also when the oldest are forgotten", () => {
  const command = fc.record({ key: fc.nat(20), pair: hash, take: fc.boolean(), clear: fc.nat(60) });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const usage: PartialUsage = { hashes: 0, slots: 0 };
      const store = new PartialBlockStore(usage);
      for (const { key, pair, take, clear } of commands) {
        if (clear === 0) store.clear();
        else if (take) store.find(key)?.take(...pair);
        else (store.find(key) ?? store.make(key)).add(...pair);
        let hashes = 0;
        for (let k = 0; k <= 20; k++) hashes += store.find(k)?.size ?? 0;
        assert.equal(usage.hashes, hashes);
      }
      store.clear();
      assert.deepEqual(usage, { hashes: 0, slots: 0 });
    }),
    { numRuns: runs(200) },
  );
});

/** Any raw event at all, also such as no source would make. */
const anyEvent = fc
  .record({
    kind,
    id: fc.oneof(id, fc.constant(ABSENT)),
    rank: fc.constantFrom(0, 1, 2, 7, 5000),
    window: fc.constantFrom(ABSENT, 128, 4096),
    group: fc.constantFrom(ABSENT, ABSENT, 0, 1),
    defect: fc.option(fc.constantFrom(...INVALID_REASONS), { freq: 8 }),
    parent: fc.constantFrom(PARENT.missing, PARENT.none, PARENT.given),
    blocks: fc.array(fc.record({ hash, isNull: fc.nat(9), tokens: fc.constantFrom(0, 1, 4, 4, 4, 4, 5) }), {
      maxLength: 4,
    }),
    odd: fc.option(fc.constantFrom("5", "x", "ab".repeat(32)), { freq: 6 }),
    key: fc.option(fc.constantFrom("00ff", "zz", "ab".repeat(32)), { freq: 6 }),
    uuid: fc.option(fc.constantFrom("9dc26f865941d289", "bad"), { freq: 2 }),
    conflict: fc.nat(9),
  })
  .map((item) => {
    const raw = new RawEvent();
    raw.kind = item.kind;
    raw.eventId = item.id;
    raw.rank = item.rank;
    raw.windowSize = item.window;
    raw.layerGroup = item.group;
    raw.defect = item.defect;
    raw.parent = item.parent;
    raw.saltConflict = item.conflict === 0;
    for (const [index, block] of item.blocks.entries()) {
      for (let i = 0; i < block.tokens; i++) raw.addToken(i);
      raw.addBlock(...block.hash, block.isNull === 0);
      if (item.key !== null) {
        raw.mmKeys.push({ block: index, usable: true, hash: item.key, uuid: item.uuid, startOffset: 0 });
      }
    }
    if (item.odd !== null && raw.tokenCount > 0) raw.oddTokens.push({ index: 0, type: "string", text: item.odd });
    return raw;
  });

test("books: every event has one outcome, and every published one has blocks", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      const harness = new Harness({ ranks: 2, mmTokenOffset: 1000 });
      for (const raw of events) {
        const tracked = harness.counters.partialBlocksTracked;
        const verdict = harness.offer(raw);
        if (verdict === "invalid" && harness.counters.resets === 0) {
          assert.equal(harness.counters.partialBlocksTracked, tracked);
        }
      }
      const { received, enqueued } = harness.counters;
      const all = Object.values(received).reduce((a, b) => a + b, 0);
      assert.equal(all, events.length);
      assert.equal(enqueued, harness.published.length);
      assert.ok(harness.published.every(({ hashes }) => hashes.length > 0));
      for (const event of harness.published) {
        if (event.type === "stored") assert.equal(event.tokens.length, 4 * event.hashes.length);
      }
    }),
    { numRuns: runs(1000) },
  );
});

test("removals: what is published is what was not remembered, by a model of one state", () => {
  const hashes = fc.array(fc.nat(8), { maxLength: 6 });
  const event = fc.record({ kind: fc.constantFrom("full", "partial", "removed"), hashes });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const harness = new Harness();
      const partials = new Set<number>();
      const wanted: string[] = [];
      for (const [eventId, item] of events.entries()) {
        const raw = new RawEvent();
        raw.eventId = eventId;
        raw.kind = item.kind === "removed" ? RAW_KIND.removed : RAW_KIND.stored;
        raw.parent = PARENT.none;
        for (const value of item.hashes) {
          if (item.kind !== "removed") for (let i = 0; i < (item.kind === "full" ? 4 : 2); i++) raw.addToken(i);
          raw.addBlock(value, 1, false);
        }
        harness.offer(raw);

        if (item.kind === "partial") for (const value of item.hashes.slice(0, 1)) partials.add(value);
        if (item.kind === "full") for (const value of item.hashes) partials.delete(value);
        const kept = item.kind === "removed" ? item.hashes.filter((value) => !partials.delete(value)) : item.hashes;
        if (kept.length > 0 && item.kind !== "partial") {
          const names = kept.map((value) => String((1n << 32n) | BigInt(value)));
          wanted.push(`${item.kind === "full" ? "S" : "R"}${names.join(",")}`);
        }
        assert.equal(harness.counters.partialBlocksTracked, partials.size);
      }
      assert.deepEqual(harness.summary(), wanted);
    }),
    { numRuns: runs(500) },
  );
});
