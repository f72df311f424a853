/** The shadow index as plain maps, and what a snapshot of it must say. */
import assert from "node:assert/strict";
import { measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import type { WireFormat } from "../../src/shared/wire-format.ts";
import type { SnapshotScan } from "../../src/workers/snapshot-scan.ts";
import { type EventSpec, publishedEvent, type StoredSpec } from "./published.ts";
import { decodePayload } from "./wire.ts";

/** One block, in the form in which a dialect shows it. */
export type BlockView = Record<string, unknown>;

interface ModelBlock {
  readonly hash: bigint;
  readonly parent: bigint | null;
  readonly spec: StoredSpec;
  /** Its place in the event. */
  readonly at: number;
}

export type ModelState = ReadonlyMap<number, ReadonlyMap<bigint, ModelBlock>>;

/** A record that stands alone. */
export function recordOf(spec: EventSpec, rank: number): Uint32Array {
  const event = publishedEvent(spec, rank);
  const size = { words: 0, frameBytes: 0 };
  measure(event, size);
  const words = new Uint32Array(size.words);
  writeRecord(event, size, words, 0, 0);
  return words;
}

export function storedSpecOf(
  hashes: readonly bigint[],
  parent: bigint | null,
  more: Partial<StoredSpec> & { readonly blockSize: number },
): StoredSpec {
  const { blockSize, ...rest } = more;
  const tokens = Array.from({ length: hashes.length * blockSize }, (_, i) => 1 + i);
  return {
    type: "stored",
    hashes,
    parent,
    tokens,
    loraName: null,
    loraId: 0,
    salt: null,
    mm: undefined,
    ...rest,
  };
}

export class IndexModel {
  refused: number = 0;
  unknownRemoved: number = 0;
  readonly incomplete: Set<number> = new Set();
  readonly #maxBlocks: number;
  readonly #ranks: Map<number, Map<bigint, ModelBlock>> = new Map();

  constructor(maxBlocks: number) {
    this.#maxBlocks = maxBlocks;
  }

  get blocks(): number {
    return [...this.#ranks.values()].reduce((sum, blocks) => sum + blocks.size, 0);
  }

  get ranks(): number[] {
    return [...this.#ranks.keys()].toSorted((a, b) => a - b);
  }

  blocksOfRank(rank: number): number {
    return this.#ranks.get(rank)?.size ?? 0;
  }

  apply(spec: EventSpec, rank: number): void {
    const blocks = this.#ranks.get(rank) ?? new Map<bigint, ModelBlock>();
    this.#ranks.set(rank, blocks);
    if (spec.type === "cleared") {
      blocks.clear();
      this.incomplete.delete(rank);
    } else if (spec.type === "removed") {
      for (const hash of spec.hashes) if (!blocks.delete(hash)) this.unknownRemoved++;
    } else {
      spec.hashes.forEach((hash, at) => {
        if (!blocks.has(hash) && this.blocks >= this.#maxBlocks) {
          this.refused++;
          this.incomplete.add(rank);
          return;
        }
        blocks.set(hash, { hash, parent: spec.hashes[at - 1] ?? spec.parent, spec, at });
      });
    }
  }

  /** The state now, untouched by what comes later. */
  state(): ModelState {
    return new Map([...this.#ranks].map(([rank, blocks]) => [rank, new Map(blocks)]));
  }
}

/** Reads a scan to its end. */
export function drain(scan: SnapshotScan, maxPayloadBytes: number): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  for (let payload = scan.next(maxPayloadBytes); payload !== null; payload = scan.next(maxPayloadBytes)) {
    if (payload.length > 0) payloads.push(payload);
  }
  return payloads;
}

/** The payloads of a snapshot say exactly that state, each block once, parents before children. */
export function assertSnapshot(
  payloads: readonly Uint8Array[],
  state: ModelState,
  format: WireFormat,
  blockSize: number,
  keepTokens: boolean,
): void {
  const seen = new Map<number, Set<bigint>>();
  for (const payload of payloads) {
    const [, events, rank] = decodePayload(payload);
    const blocks = state.get(rank) ?? new Map<bigint, ModelBlock>();
    const done = seen.get(rank) ?? new Set<bigint>();
    seen.set(rank, done);
    for (const event of events as BlockView[]) {
      assert.equal(event["type"], "BlockStored");
      const hashes = (event["block_hashes"] as (bigint | number)[]).map(unsigned);
      for (const [at, hash] of hashes.entries()) {
        const block = blocks.get(hash);
        assert.ok(block !== undefined, "a block that was not live");
        assert.ok(!done.has(hash), "a block twice");
        const parent = at === 0 ? event["parent_block_hash"] : hashes[at - 1];
        const shown = shownBlock(event, at, parent as bigint | number | null, blockSize, keepTokens);
        assert.deepEqual(shown, expectedBlock(block, event, format, blockSize, keepTokens));
        assertParentDone(block, blocks, done);
        done.add(hash);
      }
    }
  }
  assert.deepEqual(
    sizes(seen),
    sizes(state).toSorted(([a], [b]) => a - b),
  );
}

/** The ranks that are not empty. */
function sizes(ranks: ReadonlyMap<number, { readonly size: number }>): [number, number][] {
  return [...ranks].map(([rank, { size }]): [number, number] => [rank, size]).filter(([, size]) => size > 0);
}

function shownBlock(
  event: BlockView,
  at: number,
  parent: bigint | number | null,
  blockSize: number,
  keepTokens: boolean,
): BlockView {
  const tokens = event["token_ids"] as number[];
  const infos = event["block_mm_infos"] as (BlockView | null)[] | undefined;
  const objects = infos?.[at]?.["mm_objects"] as { mm_hash: bigint | number }[] | undefined;
  assert.equal(event["block_size"], blockSize);
  assert.equal(tokens.length, keepTokens ? (event["block_hashes"] as unknown[]).length * blockSize : 0);
  return {
    parent: parent === null ? null : unsigned(parent),
    tokens: tokens.slice(at * blockSize, (at + 1) * blockSize),
    loraId: event["lora_id"] ?? null,
    loraName: event["lora_name"] ?? null,
    salt: event["cache_salt"] ?? null,
    mm: objects?.map(({ mm_hash }) => BigInt(mm_hash)) ?? null,
    mmList: infos !== undefined,
  };
}

function expectedBlock(
  block: ModelBlock,
  event: BlockView,
  format: WireFormat,
  blockSize: number,
  keepTokens: boolean,
): BlockView {
  const { spec, at } = block;
  return {
    parent: block.parent,
    tokens: keepTokens ? spec.tokens.slice(at * blockSize, (at + 1) * blockSize) : [],
    loraId: format === "vllm" && spec.loraId !== 0 ? spec.loraId : null,
    loraName: spec.loraName,
    salt: spec.salt,
    mm: spec.mm?.[at] ?? null,
    // Only dynamo shows a list of nulls; in vllm it is there when any block of the same event has an entry.
    mmList: format === "vllm" ? event["block_mm_infos"] !== undefined : spec.mm !== undefined,
  };
}

/** A live parent comes first, unless the block is its own ancestor, where no order is right. */
function assertParentDone(block: ModelBlock, blocks: ReadonlyMap<bigint, ModelBlock>, done: ReadonlySet<bigint>): void {
  if (block.parent === null || !blocks.has(block.parent) || done.has(block.parent)) return;
  let ancestor = blocks.get(block.parent);
  for (let i = 0; i < blocks.size && ancestor !== undefined && ancestor !== block; i++) {
    ancestor = ancestor.parent === null ? undefined : blocks.get(ancestor.parent);
  }
  assert.equal(ancestor, block, "a child before its parent");
}

function unsigned(value: bigint | number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}
