/** A plain model of the caches that made-up traffic talks about; it throws at the first event that cannot be. */
import assert from "node:assert/strict";
import type { TrafficConfig } from "../../src/main/config/config.ts";
import { PARENT, RAW_KIND, RawEvent } from "../../src/main/engine/raw-event.ts";
import { Traffic } from "../../src/main/engine/traffic.ts";

export const SMALL_TRAFFIC: TrafficConfig = {
  events: 500,
  ratePerSecond: Infinity,
  blocks: 2,
  tokens: 4,
  ranks: 1,
  removed: 0.2,
  seed: 1,
};

interface Block {
  readonly rank: number;
  readonly parent: bigint | null;
  children: number;
}

export class TrafficModel {
  readonly live: Map<bigint, Block> = new Map();
  readonly everStored: Set<bigint> = new Set();
  readonly lastIds: number[];
  created: number = 0;
  stored: number = 0;
  removed: number = 0;
  removedBlocks: number = 0;
  roots: number = 0;
  readonly #config: TrafficConfig;

  constructor(config: TrafficConfig) {
    this.#config = config;
    this.lastIds = Array.from({ length: config.ranks }, () => -1);
  }

  take(raw: RawEvent): void {
    check(raw.defect === null && raw.windowSize === 131_072, "a sound event of the one window");
    check(raw.eventId === (this.lastIds[raw.rank] ?? Number.NaN) + 1, "ids of a rank have no gap");
    this.lastIds[raw.rank] = raw.eventId;
    if (raw.kind === RAW_KIND.stored) this.#store(raw);
    else if (raw.kind === RAW_KIND.removed) this.#remove(raw);
    else {
      check(raw.kind === RAW_KIND.created && raw.eventId === 0, "created comes first, and only then");
      check(raw.blockCount + raw.tokenCount === 0, "created has no blocks");
      this.created++;
    }
  }

  #store(raw: RawEvent): void {
    const { blocks, tokens } = this.#config;
    check(raw.blockCount === blocks && raw.tokenCount === blocks * tokens, "as many blocks and tokens as asked for");
    check(
      raw.tokens.subarray(0, raw.tokenCount).every((token) => token < 128_000),
      "tokens are in the vocabulary",
    );
    let parent: bigint | null = null;
    if (raw.parent === PARENT.given) {
      parent = u64(raw.parentLo, raw.parentHi);
      check(this.live.get(parent)?.rank === raw.rank, "the parent is in the cache of that rank");
    } else {
      check(raw.parent === PARENT.none, "without a parent it is a root");
      this.roots++;
    }
    for (let i = 0; i < blocks; i++) {
      const hash = hashAt(raw, i);
      check(raw.hashNull[i] === 0 && raw.tokenEnd[i] === (i + 1) * tokens, "blocks follow each other");
      check(!this.everStored.has(hash), "no hash is given twice");
      this.everStored.add(hash);
      if (parent !== null) this.#block(parent).children++;
      this.live.set(hash, { rank: raw.rank, parent, children: 0 });
      parent = hash;
    }
    this.stored++;
  }

  #remove(raw: RawEvent): void {
    check(raw.blockCount > 0 && raw.tokenCount === 0, "a removal has hashes and no tokens");
    for (let i = 0; i < raw.blockCount; i++) {
      const hash = hashAt(raw, i);
      const block = this.#block(hash);
      check(block.rank === raw.rank, "a rank removes its own blocks");
      check(block.children === 0, "children go before their parents");
      if (block.parent !== null) this.#block(block.parent).children--;
      this.live.delete(hash);
    }
    this.removed++;
    this.removedBlocks += raw.blockCount;
  }

  #block(hash: bigint): Block {
    const block = this.live.get(hash);
    if (block === undefined) assert.fail("the block is in the cache");
    return block;
  }
}

/** `assert.ok` costs more than all the rest of the model. */
function check(holds: boolean, rule: string): void {
  if (!holds) assert.fail(rule);
}

export function u64(lo: number, hi: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo);
}

export function hashAt(raw: RawEvent, i: number): bigint {
  return u64(raw.hashLo[i] ?? Number.NaN, raw.hashHi[i] ?? Number.NaN);
}

/** Runs a whole traffic through the model. */
export function runModel(config: TrafficConfig): { readonly model: TrafficModel; readonly traffic: Traffic } {
  const traffic = new Traffic(config);
  const model = new TrafficModel(config);
  const raw = new RawEvent();
  while (traffic.next(raw)) model.take(raw);
  return { model, traffic };
}
