/** The index of a router against plain maps: random events of many workers and ranks, and every prefix asked for. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { RouterIndex, type RankOverlap } from "../../src/main/router-index/router-index.ts";
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
