/**
 * Stores and removes of 32-token blocks by the consolidator, among so many live blocks; its rival keeps the same books the way
 * Dynamo's does: maps, text for hashes, and at the last removal of a block a look at every mapping there is.
 */
import { type BlockStore, Consolidator } from "../../src/main/consolidate/consolidator.ts";
import { emptyBlock } from "../../src/main/consolidate/consolidator-types.ts";
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { TIER } from "../../src/shared/tier.ts";
import { loadXxh3 } from "../../src/shared/xxh3.ts";
import type { MicroCase, MicroWork } from "./micro-case.ts";

const TOKENS = 32;
/** Blocks of a chain; each hangs on the one before. */
const CHAIN = 8;
/** Stores, and as many removes, of one call. */
const ROUND = 1000;
/** More, and the rival does not come to an end. */
const RIVAL_LIVE = 100_000;
const SEED = 1337n;

function makeBlock(): BlockStore {
  const block = emptyBlock(0, new Uint32Array(TOKENS));
  block.tokenEnd = TOKENS;
  block.blockSizeTokens = TOKENS;
  return block;
}

const hashHi = (n: number): number => Math.imul(n, 0x9e37_79b1) >>> 0;

/** Block `n` of an endless line of chains. */
function fill(block: BlockStore, n: number): void {
  block.hashLo = n;
  block.hashHi = hashHi(n);
  block.hasParent = n % CHAIN > 0;
  block.parentLo = n - 1;
  block.parentHi = hashHi(n - 1);
  for (let i = 0; i < TOKENS; i++) block.tokens[i] = n + i * 7;
}

interface Books {
  store(block: BlockStore): void;
  remove(lo: number, hi: number): void;
  drain(): unknown;
}

/** The oldest goes when another comes, so that as many are live all the time. */
function churn(books: Books, live: number, round: number): MicroWork {
  const block = makeBlock();
  const store = (n: number): void => {
    fill(block, n);
    books.store(block);
  };
  for (let i = 0; i < live; i++) {
    store(i);
    if (i % 10_000 === 0) books.drain();
  }
  let n = live;
  return {
    perCall: 2 * round,
    work: () => {
      for (let i = 0; i < round; i++) {
        books.remove(n - live, hashHi(n - live));
        store(n++);
      }
      return books.drain();
    },
  };
}

const take = (event: PublishedEvent): boolean => event.blockCount === 1;

function ours(identity: "legacy" | "lineage", live: number): Books {
  const maxBlocks = live + ROUND;
  const sources = ["trtllm"] as const;
  const consolidator = new Consolidator({ mode: "dedup", identity, compat: false, sources, maxBlocks });
  return {
    store: (block) => {
      if (consolidator.store(block) !== "published") throw new Error("a block was not published");
    },
    remove: (lo, hi) => {
      if (consolidator.remove(0, TIER.device, 0, lo, hi) !== "published")
        throw new Error("a removal was not published");
    },
    drain: () => consolidator.drain(take),
  };
}

const text = (lo: number, hi: number): string => `${(BigInt(hi) << 32n) | BigInt(lo)}`;

/** As the reference works. Nothing is done badly on purpose: tokens are hashed from one buffer, and events are plain objects. */
function scanning(): Books {
  const xxh3 = loadXxh3();
  const blocks = new Map<bigint, { readonly sources: Set<string>; readonly first: string }>();
  const mapping = new Map<string, bigint>();
  const pair = new BigUint64Array(2);
  const pairBytes = new Uint8Array(pair.buffer);
  let queue: object[] = [];
  return {
    store: (block) => {
      const hash = text(block.hashLo, block.hashHi);
      const tokens = block.tokens.slice(block.tokenStart, block.tokenEnd);
      const local = xxh3(new Uint8Array(tokens.buffer), SEED);
      const parent = block.hasParent ? mapping.get(text(block.parentLo, block.parentHi)) : undefined;
      let key = local;
      if (parent !== undefined) {
        pair[0] = parent;
        pair[1] = local;
        key = xxh3(pairBytes, SEED);
      }
      mapping.set(hash, key);
      const known = blocks.get(key);
      if (known !== undefined) {
        known.sources.add("trtllm");
        return;
      }
      blocks.set(key, { sources: new Set(["trtllm"]), first: hash });
      queue.push({ hash, parent: parent === undefined ? null : blocks.get(parent)?.first, tokens });
    },
    remove: (lo, hi) => {
      const hash = text(lo, hi);
      const key = mapping.get(hash);
      const block = key === undefined ? undefined : blocks.get(key);
      if (key === undefined || block?.sources.delete("trtllm") !== true) throw new Error("a block was not there");
      if (block.sources.size > 0) return;
      blocks.delete(key);
      for (const [other, mapped] of mapping) if (mapped === key) mapping.delete(other);
      queue.push({ hash: block.first });
    },
    drain: () => {
      const events = queue;
      queue = [];
      return events.length;
    },
  };
}

const named = (live: number): string => (live >= 1_000_000 ? `${live / 1_000_000}M` : `${live / 1000}k`);

function sized(live: number): MicroCase[] {
  const rival = `consolidate/scanning/${named(live)}`;
  const hasRival = live <= RIVAL_LIVE;
  const unit = "operations";
  const cases: MicroCase[] = [
    {
      name: `consolidate/core/${named(live)}`,
      unit,
      ...(hasRival ? { rival } : {}),
      prepare: () => churn(ours("legacy", live), live, ROUND),
    },
    { name: `consolidate/lineage/${named(live)}`, unit, prepare: () => churn(ours("lineage", live), live, ROUND) },
  ];
  if (hasRival) cases.push({ name: rival, unit, prepare: () => churn(scanning(), live, live > 10_000 ? 10 : 100) });
  return cases;
}

export const CONSOLIDATE_CASES: readonly MicroCase[] = [1000, 10_000, 100_000, 1_000_000].flatMap(sized);
