/** What an index says that each rank holds, and what an engine does: blocks by their content and that of all before them. */
import assert from "node:assert/strict";
import { BlockHasher } from "../../src/main/consolidate/block-hasher.ts";
import { parseBigJson } from "../../src/main/router-feed/big-json.ts";
import type { LiveRank } from "../../src/main/sim/live-content.ts";
import { loadXxh3 } from "../../src/shared/xxh3.ts";

/** By worker and rank, `1:0`, the sequence hashes of its blocks. */
export type Contents = ReadonlyMap<string, ReadonlySet<bigint>>;

interface DumpedEvent {
  readonly worker_id: number | string;
  readonly storage_tier: string;
  readonly event: {
    readonly dp_rank: number;
    readonly data: {
      readonly stored: {
        readonly parent_hash: number | string | null;
        readonly blocks: readonly [{ readonly block_hash: number | string; readonly tokens_hash: number | string }];
      };
    };
  };
}

const xxh3 = loadXxh3();

function follow(parent: bigint | null, local: bigint): bigint {
  if (parent === null) return local;
  const bytes = new BigUint64Array([parent, local]);
  return xxh3(new Uint8Array(bytes.buffer), 1337n);
}

/** Those on devices, of all models. */
export async function contentsOfIndex(url: string): Promise<Contents> {
  const response = await fetch(`${url}/dump`);
  assert.equal(response.status, 200);
  const dump = parseBigJson(await response.text()) as Record<string, { readonly events: readonly DumpedEvent[] }>;
  const contents = new Map<string, Set<bigint>>();
  for (const { events } of Object.values(dump)) {
    /** Sequence hash by rank and hash. */
    const known = new Map<string, bigint>();
    for (const { worker_id: worker, storage_tier: tier, event } of events) {
      if (tier !== "device") continue;
      const rank = `${worker}:${event.dp_rank}`;
      const { parent_hash: parent, blocks } = event.data.stored;
      const before = parent === null ? null : known.get(`${rank}/${parent}`);
      assert.notEqual(before, undefined, "parents come first");
      const sequence = follow(before ?? null, BigInt(blocks[0].tokens_hash));
      known.set(`${rank}/${blocks[0].block_hash}`, sequence);
      const held = contents.get(rank) ?? new Set();
      contents.set(rank, held.add(sequence));
    }
  }
  return contents;
}

/** Of one engine, by its own ranks. */
export async function contentsOfSim(url: string): Promise<ReadonlyMap<number, ReadonlySet<bigint>>> {
  const response = await fetch(`${url}/sim/blocks`);
  const ranks = (await response.json()) as readonly LiveRank[];
  return new Map(ranks.map(({ rank, blocks }) => [rank, sequencesOf(blocks)]));
}

function sequencesOf(blocks: LiveRank["blocks"]): ReadonlySet<bigint> {
  const hasher = new BlockHasher(xxh3);
  hasher.begin(null, null);
  const byHash = new Map(blocks.map((block) => [block.hash, block]));
  const known = new Map<string, bigint>();
  const sequenceOf = (hash: string): bigint => {
    const cached = known.get(hash);
    if (cached !== undefined) return cached;
    const block = byHash.get(hash);
    assert.ok(block, "an engine holds what its blocks hang on");
    hasher.local(Uint32Array.from(block.tokens), 0, block.tokens.length, null);
    const local = (BigInt(hasher.hi >>> 0) << 32n) | BigInt(hasher.lo >>> 0);
    const sequence = follow(block.parent === null ? null : sequenceOf(block.parent), local);
    known.set(hash, sequence);
    return sequence;
  };
  return new Set(blocks.map(({ hash }) => sequenceOf(hash)));
}

/** Whether both are the same, ranks that hold nothing left out. */
export function isSame(a: Contents, b: Contents): boolean {
  const full = (contents: Contents): string[] =>
    [...contents]
      .filter(([, set]) => set.size > 0)
      .map(([rank, set]) => `${rank} ${Array.from(set, String).toSorted().join(" ")}`);
  return full(a).toSorted().join("\n") === full(b).toSorted().join("\n");
}
