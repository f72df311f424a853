/**
 * The index of a router: stores and removes among so many live blocks, and lookups of prefixes of 512 blocks. Its rivals are a map
 * of sets, and the structure that Dynamo's indexer began with.
 *
 * Traffic is that of a full fleet: 64 ranks (10 for ten thousand blocks), chains of 512 blocks in events of 16. All of a rank begin
 * with the same 64, as those of other ranks do; when one comes, the oldest goes, from its end.
 */
import type { BlockColumns } from "../../src/main/router-index/block-columns.ts";
import { RouterIndex } from "../../src/main/router-index/router-index.ts";
import { TIER } from "../../src/shared/tier.ts";
import { MapOfSets, RadixTree, type RivalIndex } from "../rivals/router-index.ts";
import { atLeast, atMost } from "../goal.ts";
import type { MicroCase, MicroWork } from "./micro-case.ts";

const RANKS = 64;
/** Fewer ranks, where each would have less than that. */
const LEAST_A_RANK = 1000;
const CHAIN = 512;
const SHARED = 64;
/** Different beginnings. */
const BEGINNINGS = 8;
const EVENT = 16;
/** More, and the rivals take up gigabytes. */
const RIVAL_LIVE = 1_000_000;
const APPLIED_GOAL = 4_000_000;
const LOOKUP_GOAL_US = 50;

/** Low and high half of the hash of block `at` of a chain of `owner`; one-to-one within a bench. */
function loOf(owner: number, chain: number, at: number): number {
  const key = at < SHARED ? (owner % BEGINNINGS) * SHARED + at : BEGINNINGS * SHARED + chain * CHAIN + at;
  return Math.imul(key ^ (key >>> 15), 0x2c1b_3c6d);
}
const hiOf = (lo: number): number => Math.imul(lo ^ (lo >>> 13), 0x9e37_79b1) ^ 0x5bd1_e995;

interface Books {
  store(owner: number, chain: number, from: number, count: number): void;
  remove(owner: number, chain: number, from: number, count: number): void;
  match(owner: number, chain: number): number;
}

interface OurBooks extends Books {
  pairs(): number;
}

function ours(live: number): OurBooks {
  const index = new RouterIndex({ maxPairs: 2 * live, onFull: "refuse" });
  const owners = Array.from({ length: RANKS }, (_, rank) => index.owner(BigInt(rank), 0));
  const columns: BlockColumns = {
    count: 0,
    hasParent: false,
    parentLo: 0,
    parentHi: 0,
    hashLo: new Int32Array(CHAIN),
    hashHi: new Int32Array(CHAIN),
    localLo: new Int32Array(CHAIN),
    localHi: new Int32Array(CHAIN),
  };
  const fill = (owner: number, chain: number, from: number, count: number, reversed: boolean): void => {
    for (let i = 0; i < count; i++) {
      const lo = loOf(owner, chain, reversed ? from + count - 1 - i : from + i);
      columns.hashLo[i] = lo;
      columns.hashHi[i] = hiOf(lo);
      columns.localLo[i] = lo ^ 0x5555_5555;
      columns.localHi[i] = hiOf(lo);
    }
  };
  return {
    store: (owner, chain, from, count) => {
      fill(owner, chain, from, count, false);
      columns.count = count;
      columns.hasParent = from > 0;
      columns.parentLo = loOf(owner, chain, from - 1);
      columns.parentHi = hiOf(columns.parentLo);
      index.store(owners[owner] as number, TIER.device, columns);
    },
    remove: (owner, chain, from, count) => {
      fill(owner, chain, from, count, true);
      index.remove(owners[owner] as number, TIER.device, columns.hashLo, columns.hashHi, count);
    },
    match: (owner, chain) => {
      fill(owner, chain, 0, CHAIN, false);
      return index.match(columns.localLo, columns.localHi, CHAIN).length;
    },
    pairs: () => index.pairs,
  };
}

const wide = (lo: number): bigint => (BigInt(hiOf(lo) >>> 0) << 32n) | BigInt(lo >>> 0);

/** BigInts are made beforehand: they come so out of a decoder, and are not what is measured. */
function rival(index: RivalIndex, live: number, byHash: boolean): Books {
  const ranks = ranksOf(live);
  // Twice as many as are live, and those that have the same blocks belong to the same rank.
  const chains = Math.ceil((2 * liveChains(live)) / ranks) * ranks;
  const blocks = Array.from({ length: chains }, (_, chain) =>
    Array.from({ length: CHAIN }, (__, at) => {
      const hash = wide(loOf(chain % ranks, chain, at));
      return { hash, local: hash ^ 0x5555_5555n };
    }),
  );
  const hashes = blocks.map((chain) => chain.map(({ hash }) => hash));
  const prefixes = byHash ? hashes : blocks.map((chain) => chain.map(({ local }) => local));
  const of = <T>(list: readonly T[], chain: number): T => list[chain % chains] as T;
  return {
    store: (owner, chain, from, count) => {
      const parent = from === 0 ? null : (of(hashes, chain)[from - 1] ?? null);
      index.store(owner, parent, of(blocks, chain).slice(from, from + count));
    },
    remove: (owner, chain, from, count) =>
      index.remove(
        owner,
        of(hashes, chain)
          .slice(from, from + count)
          .toReversed(),
      ),
    match: (_owner, chain) => index.match(of(prefixes, chain)).size,
  };
}

const ranksOf = (live: number): number => Math.min(RANKS, Math.floor(live / LEAST_A_RANK));
/** Chains that are live at once, so that with what all of a rank share there are as many pairs as that. */
const liveChains = (live: number): number => Math.round((live - ranksOf(live) * SHARED) / (CHAIN - SHARED));

/** Returns how many chains that are. */
function load(books: Books, live: number): number {
  const chains = liveChains(live);
  const ranks = ranksOf(live);
  for (let chain = 0; chain < chains; chain++) {
    for (let from = 0; from < CHAIN; from += EVENT) books.store(chain % ranks, chain, from, EVENT);
  }
  return chains;
}

/** A chain comes, the oldest goes; shared beginnings stay. */
function churn(books: Books, live: number): MicroWork {
  const chains = load(books, live);
  const ranks = ranksOf(live);
  let chain = chains;
  return {
    perCall: 2 * CHAIN - SHARED,
    work: () => {
      const old = chain - chains;
      for (let from = CHAIN - EVENT; from >= SHARED; from -= EVENT) books.remove(old % ranks, old, from, EVENT);
      for (let from = 0; from < CHAIN; from += EVENT) books.store(chain % ranks, chain, from, EVENT);
      return chain++;
    },
  };
}

function lookups(books: Books, live: number): MicroWork {
  const chains = load(books, live);
  const ranks = ranksOf(live);
  let n = 0;
  return {
    perCall: 1,
    work: () => {
      n = (n + 7919) % chains;
      return books.match(n % ranks, n);
    },
  };
}

/** Ours, which must hold what the case is named for: within one in a hundred. */
function checked(work: (books: Books, live: number) => MicroWork, live: number): MicroWork {
  const books = ours(live);
  const made = work(books, live);
  if (Math.abs(books.pairs() - live) > live / 100) throw new Error(`${books.pairs()} pairs in place of ${live}`);
  return made;
}

const named = (live: number): string => (live >= 1_000_000 ? `${live / 1_000_000}M` : `${live / 1000}k`);

function sized(live: number): MicroCase[] {
  const hasRivals = live <= RIVAL_LIVE;
  const cases: MicroCase[] = [];
  const add = (what: string, unit: string, work: (books: Books, live: number) => MicroWork): void => {
    const rivals = {
      [`router-index/radix-tree/${what}${named(live)}`]: () => rival(new RadixTree(), live, false),
      [`router-index/map-of-sets/${what}${named(live)}`]: () => rival(new MapOfSets(), live, true),
    };
    const [first] = Object.keys(rivals);
    cases.push({
      name: `router-index/core/${what}${named(live)}`,
      unit,
      ...(hasRivals && first !== undefined ? { rival: first } : {}),
      ...(what === "" ? {} : { tail: true }),
      ...(what !== "" && live === 1_000_000
        ? { goals: [atMost(LOOKUP_GOAL_US, "p99 < 50 µs", (view) => view.figure("p99"))] }
        : {}),
      ...(what === "" && live === 1_000_000 ? { goals: [atLeast(APPLIED_GOAL, "≥ 4 M")] } : {}),
      prepare: () => checked(work, live),
    });
    if (!hasRivals) return;
    for (const [name, make] of Object.entries(rivals)) {
      cases.push({ name, unit, ...(what === "" ? {} : { tail: true }), prepare: () => work(make(), live) });
    }
  };
  add("", "block operations", churn);
  if (live >= 1_000_000) add("lookup/", "lookups", lookups);
  return cases;
}

export const ROUTER_INDEX_CASES: readonly MicroCase[] = [10_000, 100_000, 1_000_000, 10_000_000].flatMap(sized);
