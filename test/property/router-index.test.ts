/** The index of a router against plain maps: random events of many workers and ranks, and every prefix asked for. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { RouterIndex, type RankOverlap } from "../../src/main/router-index/router-index.ts";
import { NO_OWNER } from "../../src/main/router-index/rank-owners.ts";
import { TIER } from "../../src/shared/tier.ts";
import { NaiveRouterIndex, type NaiveTier } from "../support/naive-router-index.ts";
import { columnsOf, halvesOf } from "../support/router-columns.ts";

const TIERS = { device: TIER.device, host: TIER.hostPinned, disk: TIER.disk } as const;
const ROOM = { maxPairs: 1_000_000, onFull: "refuse" } as const;

interface Block {
  readonly hash: bigint;
  readonly local: bigint;
}
type Step =
  | {
      readonly type: "store";
      readonly who: number;
      readonly tier: NaiveTier;
      readonly parent: bigint | null;
      readonly blocks: readonly Block[];
    }
  | { readonly type: "remove"; readonly who: number; readonly tier: NaiveTier; readonly hashes: readonly bigint[] }
  | { readonly type: "clear"; readonly who: number };

const wide = (n: number): bigint => BigInt.asUintN(64, BigInt(n) * 0x9e37_79b9_7f4a_7c15n);
const WHO = 12;
/** More than are looked through for the sake of a flag, or of the block above one that was given up. */
const MANY = 80;
const workerOf = (who: number): bigint => 2n ** 63n + BigInt(who >> 1);
const rankOf = (who: number): number => who & 1;

function order(a: RankOverlap, b: RankOverlap): number {
  return Number(a.worker - b.worker) || a.rank - b.rank;
}

function assertEqual(index: RouterIndex, naive: NaiveRouterIndex, prefixes: readonly (readonly bigint[])[]): void {
  for (const prefix of prefixes) {
    const { lo, hi } = halvesOf(prefix);
    const found = index.match(lo, hi, prefix.length).toSorted(order);
    assert.deepEqual(found, naive.match(prefix).toSorted(order), `prefix ${prefix.join("/")}`);
  }
  assert.equal(index.pairs, naive.pairs);
  assert.equal(index.nodes, naive.nodes);
  const { refused: _, evicted: __, refusedRanks: ___, ...counters } = index.counters;
  assert.deepEqual({ ...counters }, naive.counters);
}

function apply(index: RouterIndex, naive: NaiveRouterIndex, step: Step): void {
  const owner = index.owner(workerOf(step.who), rankOf(step.who));
  const [worker, rank] = [workerOf(step.who), rankOf(step.who)];
  if (step.type === "clear") {
    index.clear(owner);
    naive.clear(worker, rank);
  } else if (step.type === "remove") {
    const { lo, hi } = halvesOf(step.hashes);
    index.remove(owner, TIERS[step.tier], lo, hi, step.hashes.length);
    naive.remove(worker, rank, step.tier, step.hashes);
  } else {
    const { parent, blocks, tier } = step;
    const columns = columnsOf(
      parent,
      blocks.map(({ hash }) => hash),
      blocks.map(({ local }) => local),
    );
    index.store(owner, TIERS[tier], columns);
    naive.store(worker, rank, tier, parent, blocks);
  }
}

/** A chain is a path of letters; its hash is a number made of it, the same for all ranks or one of three. */
function hashOf(rank: number, letters: readonly number[]): bigint {
  return wide(letters.reduce((n, letter) => 2 * n + letter, 1) + (rank % 3) * 1000);
}

function blocksOf(rank: number, letters: readonly number[], from: number): Block[] {
  return letters.slice(from).map((letter, i) => ({
    hash: hashOf(rank, letters.slice(0, from + i + 1)),
    local: wide(letter + 1),
  }));
}

const u64 = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);

/** What the index has on devices, as the naive one would keep it: by rank and hash, the chain of tokens hashes. */
function heldBy(
  index: RouterIndex,
): Map<string, { readonly who: number; readonly hash: bigint; readonly chain: string }> {
  const { holds } = index;
  const { tree } = holds;
  const held = new Map<string, { who: number; hash: bigint; chain: string }>();
  for (let rank = 0; rank < MANY; rank++) {
    const owner = index.owners.find(workerOf(rank), rankOf(rank));
    if (owner === NO_OWNER) continue;
    holds.forEach(owner, (hold) => {
      const steps: bigint[] = [];
      for (let node = holds.node(hold); node !== 0; node = tree.parent(node))
        steps.push(u64(tree.lo(node), tree.hi(node)));
      const hash = u64(holds.lo(hold), holds.hi(hold));
      held.set(`${rank} ${hash}`, { who: rank, hash, chain: steps.toReversed().join("/") });
    });
  }
  return held;
}

/**
 * One event into an index that gives up others when it is full: nobody can know beforehand which, but what is gone must be as many
 * as are counted, must be at the ends of chains, and the naive one that loses the same must be the same in everything.
 */
function applyBounded(index: RouterIndex, naive: NaiveRouterIndex, step: Step, maxPairs: number): void {
  const before = heldBy(index);
  const { evicted, refused } = index.counters;
  const owner = index.owner(workerOf(step.who), rankOf(step.who));
  if (step.type !== "store") {
    apply(index, naive, step);
    assert.equal(index.counters.evicted, evicted, "only what is stored takes the place of others");
    return;
  }
  const { parent, blocks } = step;
  const hashes = blocks.map(({ hash }) => hash);
  const locals = blocks.map(({ local }) => local);
  index.store(owner, TIER.device, columnsOf(parent, hashes, locals));
  assert.ok(index.pairs <= maxPairs);
  const after = heldBy(index);
  const own = new Set(hashes.map((hash) => `${step.who} ${hash}`));
  const gone = [...before].filter(([key]) => !after.has(key));
  const count = index.counters.evicted - evicted;
  const outside = gone.filter(([key]) => !own.has(key)).length;
  assert.ok(outside <= count && count <= outside + own.size, "as many are gone as are counted");
  assert.ok(!gone.some(([key]) => key === `${step.who} ${parent}` && !own.has(key)), "the parent of an event stays");
  for (const [, { who: rank, hash, chain }] of gone) {
    naive.lose(workerOf(rank), rankOf(rank), hash);
    const below = [...after].filter(([key, other]) => !own.has(key) && other.chain.startsWith(`${chain}/`));
    assert.deepEqual(below, [], "nothing hangs on what was given up");
  }
  const taken = blocks.length - (index.counters.refused - refused);
  naive.store(workerOf(step.who), rankOf(step.who), "device", parent, blocks.slice(0, taken));
  // Blocks of the event that went and came back with it.
  naive.counters.stored += count - gone.length;
  naive.counters.duplicates -= count - gone.length;
}

function property(step: fc.Arbitrary<Step>, prefixes: readonly (readonly bigint[])[], numRuns: number): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const index = new RouterIndex(ROOM);
      const naive = new NaiveRouterIndex();
      for (const one of steps) apply(index, naive, one);
      assertEqual(index, naive, prefixes);
    }),
    { numRuns },
  );
}

/** All chains of so many letters. */
function chains(letters: number, length: number): bigint[][] {
  if (length === 0) return [[]];
  return chains(letters, length - 1).flatMap((chain) =>
    Array.from({ length: letters }, (_, letter) => [...chain, wide(letter + 1)]),
  );
}

const who = fc.nat({ max: WHO - 1 });
const tier = fc.constantFrom<NaiveTier>("device", "host", "disk");

test("events without any sense, on devices: two letters, hashes that mean one thing and then another", () => {
  /** Few, so that one often has a block by two hashes, and another by one of these. */
  const few = fc.nat({ max: 2 });
  const hash = fc.nat({ max: 7 }).map(wide);
  const block = fc.record({ hash, local: fc.nat({ max: 1 }).map((n) => wide(n + 1)) });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant("store" as const),
        who: few,
        tier: fc.constant("device" as const),
        parent: fc.option(hash, { nil: null }),
        blocks: fc.array(block, { maxLength: 4 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant("remove" as const),
        who: few,
        tier: fc.constant("device" as const),
        hashes: fc.array(hash, { maxLength: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("clear" as const), who: few }) },
  );
  property(step, chains(2, 5), 600);
});

test("chains as engines have them, in three tiers: a hash follows from its chain, removals come in any order", () => {
  const path = fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 5 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .record({ who, tier, path, cut: fc.nat({ max: 3 }) })
        .map(({ who: rank, tier: where, path: letters, cut }) => {
          const from = Math.min(cut, letters.length - 1);
          const parent = from === 0 ? null : hashOf(rank, letters.slice(0, from));
          return { type: "store" as const, who: rank, tier: where, parent, blocks: blocksOf(rank, letters, from) };
        }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ who, tier, paths: fc.array(path, { maxLength: 3 }) }).map((removal) => ({
        type: "remove" as const,
        who: removal.who,
        tier: removal.tier,
        hashes: removal.paths.map((letters) => hashOf(removal.who, letters)),
      })),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("clear" as const), who }) },
  );
  property(step, chains(2, 5), 300);
});

test("a full index that gives up others: what is gone is counted, was an end, and all else is as in one that never had it", () => {
  const path = fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 5 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ who, path, cut: fc.nat({ max: 3 }) }).map(({ who: rank, path: letters, cut }) => {
        const from = Math.min(cut, letters.length - 1);
        const parent = from === 0 ? null : hashOf(rank, letters.slice(0, from));
        return {
          type: "store" as const,
          who: rank,
          tier: "device" as const,
          parent,
          blocks: blocksOf(rank, letters, from),
        };
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ who, path }).map((removal) => ({
        type: "remove" as const,
        who: removal.who,
        tier: "device" as const,
        hashes: [hashOf(removal.who, removal.path)],
      })),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("clear" as const), who }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), fc.integer({ min: 1, max: 30 }), (steps, maxPairs) => {
      const index = new RouterIndex({ maxPairs, onFull: "evict" });
      const naive = new NaiveRouterIndex();
      for (const one of steps) applyBounded(index, naive, one, maxPairs);
      assertEqual(index, naive, chains(2, 5));
    }),
    { numRuns: 300 },
  );
});

/** Of an index that gives up others: what the naive one has and the index has not any more goes there too. */
function loseSame(
  index: RouterIndex,
  naive: NaiveRouterIndex,
  ranks: number,
  paths: readonly (readonly number[])[],
): void {
  const { tiers } = index;
  for (let rank = 0; rank < ranks; rank++) {
    const owner = index.owner(workerOf(rank), rankOf(rank));
    for (const letters of paths) {
      const hash = hashOf(rank, letters);
      const { lo, hi } = halvesOf([hash]);
      const [hashLo, hashHi] = [lo[0] ?? 0, hi[0] ?? 0];
      const isIn = {
        device: index.holds.find(owner, hashLo, hashHi) !== 0,
        host: (tiers?.find(2 * owner, hashLo, hashHi) ?? 0) !== 0,
        disk: (tiers?.find(2 * owner + 1, hashLo, hashHi) ?? 0) !== 0,
      };
      for (const where of ["device", "host", "disk"] as const) {
        if (!isIn[where]) naive.lose(workerOf(rank), rankOf(rank), hash, where);
      }
    }
  }
}

function allPaths(length: number): number[][] {
  if (length === 0) return [];
  const shorter = allPaths(length - 1);
  const longest = shorter.filter((letters) => letters.length === length - 1);
  return [
    ...shorter,
    ...(length === 1 ? [[]] : longest).flatMap((letters) => [
      [...letters, 0],
      [...letters, 1],
    ]),
  ];
}

test("a full index that gives up others, in three tiers: it stays within its bound, and is as one that lost the same", () => {
  const ranks = 4;
  const paths = allPaths(4);
  assert.equal(paths.length, 30);
  const one = fc.nat({ max: ranks - 1 });
  const path = fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 4 });
  const step = fc.record({ who: one, tier, path, cut: fc.nat({ max: 2 }), isRemoval: fc.nat({ max: 4 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), fc.integer({ min: 1, max: 25 }), (steps, maxPairs) => {
      const index = new RouterIndex({ maxPairs, onFull: "evict" });
      const naive = new NaiveRouterIndex();
      for (const { who: rank, tier: where, path: letters, cut, isRemoval } of steps) {
        if (isRemoval === 0) {
          apply(index, naive, { type: "remove", who: rank, tier: where, hashes: [hashOf(rank, letters)] });
          continue;
        }
        const from = Math.min(cut, letters.length - 1);
        const parent = from === 0 ? null : hashOf(rank, letters.slice(0, from));
        const blocks = blocksOf(rank, letters, from);
        const { refused, evicted } = index.counters;
        const onDevices = index.holds.holds;
        const columns = columnsOf(
          parent,
          blocks.map(({ hash }) => hash),
          blocks.map(({ local }) => local),
        );
        index.store(index.owner(workerOf(rank), rankOf(rank)), TIERS[where], columns);
        assert.ok(index.pairs <= maxPairs);
        if (where !== "device") assert.equal(index.holds.holds, onDevices, "no block on a device goes for a copy");
        if (index.counters.evicted > evicted) assert.ok(index.pairs > 0);
        loseSame(index, naive, ranks, paths);
        const taken = blocks.length - (index.counters.refused - refused);
        naive.store(workerOf(rank), rankOf(rank), where, parent, blocks.slice(0, taken));
        assert.equal(index.pairs, naive.pairs);
      }
      for (const prefix of chains(2, 4)) {
        const { lo, hi } = halvesOf(prefix);
        const found = index.match(lo, hi, prefix.length).toSorted(order);
        assert.deepEqual(found, naive.match(prefix).toSorted(order), `prefix ${prefix.join("/")}`);
      }
    }),
    { numRuns: 200 },
  );
});

function storing(rank: number, letters: readonly number[]): Step {
  return { type: "store", who: rank, tier: "device", parent: null, blocks: blocksOf(rank, letters, 0) };
}

for (const maxPairs of [1_000_000, 150]) {
  test(`blocks of more holders than are looked through, at most ${maxPairs} pairs`, () => {
    const path = fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 4 });
    const anyone = fc.nat({ max: MANY - 1 });
    const steps: fc.Arbitrary<Step[]> = fc.oneof(
      {
        weight: 2,
        arbitrary: fc
          .record({ from: anyone, to: anyone, letters: path })
          .map(({ from, to, letters }) =>
            Array.from({ length: Math.max(0, to - from) }, (_, i) => storing(from + i, letters)),
          ),
      },
      {
        weight: 2,
        arbitrary: fc.record({ one: anyone, letters: path }).map(({ one, letters }) => [storing(one, letters)]),
      },
      {
        weight: 4,
        arbitrary: fc
          .record({ one: anyone, letters: path })
          .map(({ one, letters }) => [
            { type: "remove" as const, who: one, tier: "device" as const, hashes: [hashOf(one, letters)] },
          ]),
      },
      { weight: 1, arbitrary: anyone.map((one) => [{ type: "clear" as const, who: one }]) },
    );
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 20, size: "max" }), (all) => {
        const index = new RouterIndex({ maxPairs, onFull: maxPairs > 1000 ? "refuse" : "evict" });
        const naive = new NaiveRouterIndex();
        for (const one of all.flat()) {
          if (maxPairs > 1000) apply(index, naive, one);
          else applyBounded(index, naive, one, maxPairs);
        }
        assertEqual(index, naive, chains(2, 4));
      }),
      { numRuns: maxPairs > 1000 ? 150 : 40 },
    );
  });
}
