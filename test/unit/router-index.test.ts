/** What the model does not have: limits, and the early end of a match; and the room that the tables take up. */
import assert from "node:assert/strict";
import test from "node:test";
import { MAX_OWNERS } from "../../src/main/router-index/block-holds.ts";
import { NO_OWNER } from "../../src/main/router-index/rank-owners.ts";
import { RouterIndex } from "../../src/main/router-index/router-index.ts";
import { TIER } from "../../src/shared/tier.ts";
import { columnsOf, halvesOf } from "../support/router-columns.ts";

const range = (from: number, count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(from + i));

function store(index: RouterIndex, owner: number, parent: bigint | null, hashes: readonly bigint[]): void {
  index.store(owner, TIER.device, columnsOf(parent, hashes, hashes));
}

function depths(index: RouterIndex, chain: readonly bigint[], earlyExit: boolean = false): Record<string, number> {
  const { lo, hi } = halvesOf(chain);
  return Object.fromEntries(
    index.match(lo, hi, chain.length, earlyExit).map(({ worker, rank, device }) => [`${worker}:${rank}`, device]),
  );
}

test("a full index refuses what is new and takes what it knows", () => {
  const index = new RouterIndex({ maxPairs: 5, onFull: "refuse" });
  const owner = index.owner(1n, 0);
  store(index, owner, null, range(1, 4));
  store(index, owner, 4n, range(5, 3));
  assert.equal(index.pairs, 5);
  assert.equal(index.counters.refused, 2);
  store(index, owner, null, range(1, 4));
  assert.equal(index.counters.duplicates, 4);
  assert.deepEqual(depths(index, range(1, 7)), { "1:0": 5 });
  index.store(owner, TIER.hostPinned, columnsOf(5n, [6n], [6n]));
  assert.equal(index.counters.refused, 3);
});

test("a full index that gives up gives up leaves, counts them, and stays within its bound", () => {
  const index = new RouterIndex({ maxPairs: 100, onFull: "evict" });
  const owner = index.owner(1n, 0);
  for (let chain = 0; chain < 50; chain++) store(index, owner, null, range(1000 * (chain + 1), 10));
  assert.equal(index.pairs, 100);
  assert.equal(index.counters.evicted, 400);
  assert.equal(index.counters.stored, 500);
  assert.equal(index.counters.refused, 0);
  assert.deepEqual(depths(index, range(50_000, 10)), { "1:0": 10 }, "the newest is there");
  store(index, owner, null, range(1_000_000, 150));
  assert.equal(index.pairs, 100);
  assert.equal(index.counters.refused, 50);
});

test("an early end: the walk stops where one rank is left", () => {
  const index = new RouterIndex({ maxPairs: 100, onFull: "refuse" });
  store(index, index.owner(1n, 0), null, range(1, 10));
  store(index, index.owner(2n, 3), null, range(1, 4));
  assert.deepEqual(depths(index, range(1, 10)), { "1:0": 10, "2:3": 4 });
  assert.deepEqual(depths(index, range(1, 10), true), { "1:0": 5, "2:3": 4 });
});

/** The n-th of chains that have nothing in common. */
const chainOf = (n: number): bigint[] => range(1000 * (n + 1), 10);

test("what was asked for stays, whole chains go, and from their ends", () => {
  const index = new RouterIndex({ maxPairs: 1000, onFull: "evict" });
  const owner = index.owner(1n, 0);
  const depth = (n: number): number => depths(index, chainOf(n))["1:0"] ?? 0;
  for (let n = 0; n < 100; n++) store(index, owner, null, chainOf(n));
  for (let n = 0; n < 10; n++) assert.equal(depth(n), 10);
  // A turnover and a half, in events that each need less than a chain; the first ten are asked for all the while.
  for (let n = 100; n < 250; n++) {
    store(index, owner, null, chainOf(n).slice(0, 5));
    store(index, owner, chainOf(n)[4] ?? null, chainOf(n).slice(5));
    if (n % 20 === 0) for (let hot = 0; hot < 10; hot++) assert.equal(depth(hot), 10, `chain ${hot}, at ${n}`);
  }
  assert.equal(index.pairs, 1000);
  assert.equal(index.counters.evicted, 1500);
  assert.equal(index.counters.refused, 0);
  assert.equal(index.counters.unknownParents, 0, "the parent of an event is not given up for it");
  const kept = Array.from({ length: 250 }, (_, n) => depth(n)).filter((blocks) => blocks > 0);
  assert.ok(kept.filter((blocks) => blocks < 10).length <= 1, `not whole: ${kept.join(" ")}`);
});

test("a chain that is longer than any event is given up from its end, without a gap", () => {
  const index = new RouterIndex({ maxPairs: 2000, onFull: "evict" });
  const owner = index.owner(1n, 0);
  for (let from = 1; from < 2001; from += 500)
    store(index, owner, from === 1 ? null : BigInt(from - 1), range(from, 500));
  store(index, owner, null, range(10_000, 64));
  assert.deepEqual(depths(index, range(1, 2000)), { "1:0": 1936 });
});

/** Copies in host memory. */
function storeHost(index: RouterIndex, owner: number, hashes: readonly bigint[]): void {
  index.store(owner, TIER.hostPinned, columnsOf(null, hashes, hashes));
}

/** How far each chain of ten reaches with the help of slower tiers. */
function reached(index: RouterIndex, chain: readonly bigint[]): number {
  const { lo, hi } = halvesOf(chain);
  return index.match(lo, hi, chain.length)[0]?.disk ?? 0;
}

test("a full index gives up copies in slower tiers for devices, and for other copies, but no block on a device for a copy", () => {
  const index = new RouterIndex({ maxPairs: 100, onFull: "evict" });
  const owner = index.owner(1n, 0);
  for (let n = 0; n < 20; n++) storeHost(index, owner, chainOf(n));
  assert.deepEqual([index.pairs, index.counters.evicted, index.counters.refused], [100, 100, 0]);
  const kept = Array.from({ length: 20 }, (_, n) => reached(index, chainOf(n)));
  assert.deepEqual(
    kept.map((blocks) => blocks === 0 || blocks === 10),
    kept.map(() => true),
    `whole chains go: ${kept.join(" ")}`,
  );
  assert.equal(kept[19], 10, "the newest is there");
  for (let n = 100; n < 110; n++) store(index, owner, null, chainOf(n));
  assert.equal(index.pairs, 100);
  assert.equal(index.counters.refused, 0);
  for (let n = 100; n < 110; n++) assert.equal(reached(index, chainOf(n)), 10, "what is on a device has room");
  const { evicted } = index.counters;
  storeHost(index, owner, chainOf(50));
  assert.deepEqual([index.pairs, index.counters.evicted - evicted, index.counters.refused], [100, 0, 10]);
  for (let n = 100; n < 110; n++) assert.equal(reached(index, chainOf(n)), 10, "no block on a device goes for a copy");
});

test("copies in slower tiers that were asked for stay when blocks on devices were not", () => {
  const index = new RouterIndex({ maxPairs: 200, onFull: "evict" });
  const owner = index.owner(1n, 0);
  for (let n = 0; n < 10; n++) storeHost(index, owner, chainOf(n));
  for (let n = 10; n < 20; n++) store(index, owner, null, chainOf(n));
  for (let n = 20; n < 60; n++) {
    for (let hot = 0; hot < 5; hot++) assert.equal(reached(index, chainOf(hot)), 10, `chain ${hot}, at ${n}`);
    store(index, owner, null, chainOf(n));
  }
  assert.equal(index.pairs, 200);
  assert.deepEqual(
    [5, 6, 7, 8, 9].map((cold) => reached(index, chainOf(cold))),
    [0, 0, 0, 0, 0],
  );
});

test("an index that had many copies finds the few that are left", () => {
  const index = new RouterIndex({ maxPairs: 20_000, onFull: "evict" });
  const owner = index.owner(1n, 0);
  storeHost(index, owner, range(1, 20_000));
  const gone = range(2, 19_998);
  const { lo, hi } = halvesOf(gone);
  index.remove(owner, TIER.hostPinned, lo, hi, gone.length);
  assert.equal(index.pairs, 2);
  store(index, index.owner(2n, 0), null, range(1_000_000, 19_998));
  // The only two copies, at both ends of all slots, go for two others, again and again.
  for (let n = 0; n < 2000; n++) storeHost(index, owner, range(2_000_000 + 2 * n, 2));
  assert.deepEqual([index.pairs, index.counters.evicted, index.counters.refused], [20_000, 4000, 0]);
});

for (const onFull of ["refuse", "evict"] as const) {
  test(`ranks that fill the index and leave a hold here and there, one after the other, take no more memory: ${onFull}`, () => {
    const maxPairs = 4096;
    const ranks = 64;
    const index = new RouterIndex({ maxPairs, onFull });
    const owners = range(0, ranks).map((worker) => index.owner(worker, 0));
    const kept = new Map<number, bigint[]>();
    for (const [rank, owner] of owners.entries()) {
      const hashes = range(1 + rank * 10_000, maxPairs - index.pairs);
      for (const hash of hashes) store(index, owner, null, [hash]);
      const stay = hashes.filter((_, i) => i % 300 === 7);
      const go = hashes.filter((hash) => !stay.includes(hash));
      const { lo, hi } = halvesOf(go);
      index.remove(owner, TIER.device, lo, hi, go.length);
      kept.set(rank, stay);
      assert.equal(index.pairsOf(owner), stay.length);
      // A quarter more than would be full, one for each rank, and one more for the size of a page.
      const most = Math.ceil((1.25 * maxPairs) / 256) + 1 + (rank + 1) + 16;
      assert.ok(
        index.holds.end <= 256 * most,
        `${index.holds.end / 256} chunks with ${rank + 1} ranks, at most ${most}`,
      );
    }
    assert.equal(index.counters.refused + index.counters.evicted, 0);
    for (const [rank, stay] of kept) {
      for (const hash of stay) assert.deepEqual(depths(index, [hash]), { [`${rank}:0`]: 1 });
    }
    // Holds that moved can be shared, and go, as all others.
    const all = [...kept.values()].flat();
    for (const hash of all) store(index, owners[0] ?? 0, null, [hash]);
    for (const [rank, stay] of kept) {
      const { lo, hi } = halvesOf(stay);
      index.remove(owners[rank] ?? 0, TIER.device, lo, hi, stay.length);
    }
    assert.equal(index.pairs, all.length - (kept.get(0)?.length ?? 0));
    for (const owner of owners) index.clear(owner);
    assert.deepEqual([index.pairs, index.nodes, index.counters.unknownRemoves], [0, 0, 0]);
  });
}

test("an index of one pair that gives it up for another", () => {
  const index = new RouterIndex({ maxPairs: 1, onFull: "evict" });
  const owner = index.owner(1n, 0);
  store(index, owner, null, [1n]);
  store(index, owner, 1n, [2n]);
  assert.deepEqual(depths(index, [1n, 2n]), { "1:0": 1 }, "what is behind the only one has no room");
  store(index, owner, null, [3n]);
  assert.deepEqual([index.pairs, index.counters.evicted, index.counters.refused], [1, 1, 1]);
});

test("ranks beyond those that can be numbered are counted, and there is room when others have gone", () => {
  const index = new RouterIndex({ maxPairs: 10_000, onFull: "refuse" });
  for (let worker = 0; worker < MAX_OWNERS; worker++) store(index, index.owner(BigInt(worker), 0), null, [1n]);
  assert.equal(index.owner(5000n, 0), NO_OWNER);
  assert.equal(index.counters.refusedRanks, 1);
  assert.equal(Object.keys(depths(index, [1n])).length, MAX_OWNERS, "all of them hold one block");
  index.forget(index.owner(7n, 0));
  const late = index.owner(5000n, 0);
  assert.notEqual(late, NO_OWNER);
  assert.equal(index.pairsOf(late), 0);
  assert.equal(Object.keys(depths(index, [1n])).length, MAX_OWNERS - 1);
});

for (const [length, from] of [
  [32, 100_000],
  [1, 250_000],
] as const) {
  test(`fewer than 64 bytes a pair, from ${from} on, whatever size the tables have: chains of ${length}, each block with one holder`, () => {
    const index = new RouterIndex({ maxPairs: 1_000_000, onFull: "refuse" });
    const base = index.memoryBytes;
    const owners = range(0, 16).map((worker) => index.owner(worker, 0));
    const pairs = 384_000;
    let most = 0;
    for (let chain = 0; chain * length < pairs; chain++) {
      const owner = owners[chain % owners.length] ?? 0;
      const hashes = range(1 + chain * length, length).map((n) => BigInt.asUintN(64, n * 0x9e37_79b9_7f4a_7c15n));
      store(index, owner, null, hashes);
      if (index.pairs >= from) most = Math.max(most, (index.memoryBytes - base) / index.pairs);
    }
    assert.equal(index.pairs, pairs);
    assert.ok(most < 64, `${most} bytes a pair`);
    assert.ok(most > 40, "that would be too good");
  });
}

test("a thousand ranks share a prefix: it is kept once", () => {
  const index = new RouterIndex({ maxPairs: 1_000_000, onFull: "refuse" });
  for (let worker = 0; worker < 1000; worker++) store(index, index.owner(BigInt(worker), 0), null, range(1, 100));
  assert.equal(index.pairs, 100_000);
  assert.equal(index.nodes, 100);
  for (let worker = 0; worker < 1000; worker++) index.clear(index.owner(BigInt(worker), 0));
  assert.equal(index.pairs, 0);
  assert.equal(index.nodes, 0);
});

for (const onFull of ["refuse", "evict"] as const) {
  test(`a chain that loses its beginning while its end grows does not take up more and more memory: ${onFull}`, () => {
    const index = new RouterIndex({ maxPairs: 100, onFull });
    const owner = index.owner(1n, 0);
    store(index, owner, null, [1n]);
    for (let n = 2; n <= 1000; n++) {
      store(index, owner, BigInt(n - 1), [BigInt(n)]);
      const { lo, hi } = halvesOf([BigInt(n - 1)]);
      index.remove(owner, TIER.device, lo, hi, 1);
      assert.ok(index.nodes <= 200, `${index.nodes} blocks`);
    }
    assert.ok(index.counters.refused > 0);
    // The same with a hash that moves on: no pair is added, and none is left.
    index.clear(owner);
    assert.equal(index.nodes, 0);
    index.store(owner, TIER.device, columnsOf(null, [1n, 2n], [1n, 2n]));
    for (let n = 3; n <= 1000; n++) {
      const [parent, moved] = n % 2 === 1 ? [2n, 1n] : [1n, 2n];
      index.store(owner, TIER.device, columnsOf(parent, [moved], [BigInt(n)]));
      assert.ok(index.nodes <= 200, `${index.nodes} blocks`);
    }
    // Where others are given up there is room again: what only they had kept goes with them.
    if (onFull === "evict") {
      store(index, index.owner(2n, 0), null, range(5000, 100));
      assert.deepEqual(depths(index, range(5000, 100)), { "2:0": 100 });
    }
  });
}

test("a block with more children than can be counted: all are found, all can go, and it stays", () => {
  const most = 0x1ffff;
  const index = new RouterIndex({ maxPairs: 200_000, onFull: "refuse" });
  const owner = index.owner(1n, 0);
  store(index, owner, null, [1n]);
  const children = range(2, most + 3);
  for (const child of children) store(index, owner, 1n, [child]);
  assert.equal(index.pairs, most + 4);
  const found = children.filter((child) => depths(index, [1n, child])["1:0"] === 2);
  assert.equal(found.length, children.length);
  const { lo, hi } = halvesOf(children);
  index.remove(owner, TIER.device, lo, hi, children.length);
  assert.deepEqual([index.pairs, index.nodes], [1, 1]);
  assert.deepEqual(depths(index, [1n, 2n]), { "1:0": 1 });
  store(index, owner, 1n, [2n]);
  assert.deepEqual(depths(index, [1n, 2n]), { "1:0": 2 });
  index.clear(owner);
  assert.deepEqual([index.pairs, index.nodes], [0, 1], "nobody knows that it has no children any more");
  assert.deepEqual(depths(index, [1n, 2n]), {});
});
