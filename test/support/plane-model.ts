/**
 * What a rank's events come to on the event plane, worked out with plain objects and BigInts, without records or bytes.
 */
import { xxh3 } from "@node-rs/xxhash";
import { PLANE_MAX_BLOCKS, PLANE_MAX_EVENTS, PLANE_MERGE_BLOCKS } from "../../src/shared/plane-layout.ts";
import type { EventSpec, StoredSpec } from "./published.ts";

export const WORKER_ID = 7_654_321_987_654_321n;

interface ModelBlock {
  readonly block_hash: bigint;
  readonly tokens_hash: bigint;
  readonly mm_extra_info: unknown;
}
export interface ModelEvent {
  readonly kind: "stored" | "removed" | "cleared";
  /** What the engine said, for each event that is in it. */
  readonly of: EventSpec["type"][];
  readonly parent: bigint | null;
  readonly blocks: (ModelBlock | bigint)[];
}

export function tokensHash(
  tokens: readonly number[],
  loraName: string | null,
  salt: string | null,
  mm: readonly bigint[] | null,
): bigint {
  let seed = 1337n;
  if (loraName) seed += xxh3.xxh64(loraName, 0n);
  if (salt) seed += xxh3.xxh64(salt, 1n);
  const sorted = [...(mm ?? [])].toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const bytes = Buffer.alloc(4 * tokens.length + 8 * sorted.length);
  tokens.forEach((token, i) => bytes.writeUInt32LE(token, 4 * i));
  sorted.forEach((hash, i) => bytes.writeBigUInt64LE(hash, 4 * tokens.length + 8 * i));
  return xxh3.xxh64(bytes, BigInt.asUintN(64, seed));
}

function blocksOf(spec: StoredSpec, blockSize: number): ModelBlock[] {
  const kept = Math.min(spec.hashes.length, Math.floor(spec.tokens.length / blockSize));
  const hashes = spec.hashes.slice(0, kept);
  const all = [...hashes, ...(spec.parent === null ? [] : [spec.parent])];
  if (new Set(all).size < all.length) return [];
  return hashes.map((hash, i) => {
    const mm = spec.mm?.[i] ?? null;
    const tokens = spec.tokens.slice(i * blockSize, (i + 1) * blockSize);
    return {
      block_hash: hash,
      tokens_hash: tokensHash(tokens, spec.loraName, spec.salt, mm),
      mm_extra_info: mm && { mm_objects: mm.map((each) => ({ mm_hash: each, offsets: [] })) },
    };
  });
}

/** Removals count down; what is left of each event, null for one that is held back as a whole. */
export class ModelGate {
  readonly #counts = new Map<number, Map<bigint, number>>();

  admit(spec: EventSpec, rank: number, blockSize: number): EventSpec | null {
    const counts = this.#counts.get(rank) ?? new Map<bigint, number>();
    this.#counts.set(rank, counts);
    if (spec.type === "cleared") counts.clear();
    if (spec.type === "stored") {
      for (const { block_hash } of blocksOf(spec, blockSize)) counts.set(block_hash, (counts.get(block_hash) ?? 0) + 1);
    }
    if (spec.type !== "removed") return spec;
    const hashes = spec.hashes.filter((hash) => {
      const left = (counts.get(hash) ?? 1) - 1;
      if (left === 0) counts.delete(hash);
      else counts.set(hash, left);
      return left === 0;
    });
    return hashes.length === 0 && spec.hashes.length > 0 ? null : { type: "removed", hashes };
  }
}

function modelEvent(spec: EventSpec, blockSize: number): ModelEvent {
  if (spec.type === "cleared") return { kind: "cleared", of: ["cleared"], parent: null, blocks: [] };
  if (spec.type === "removed") return { kind: "removed", of: ["removed"], parent: null, blocks: [...spec.hashes] };
  const blocks = blocksOf(spec, blockSize);
  return { kind: blocks.length === 0 ? "removed" : "stored", of: ["stored"], parent: spec.parent, blocks };
}

function merge(events: readonly ModelEvent[]): ModelEvent[] {
  const merged: ModelEvent[] = [];
  for (const event of events) {
    const open = merged.at(-1);
    const last = open?.blocks.at(-1);
    const continues =
      event.kind === "removed" ||
      (event.kind === "stored" && typeof last === "object" && event.parent === last.block_hash);
    if (
      open !== undefined &&
      open.kind === event.kind &&
      continues &&
      open.blocks.length < PLANE_MERGE_BLOCKS &&
      open.blocks.length + event.blocks.length <= PLANE_MAX_BLOCKS
    ) {
      open.blocks.push(...event.blocks);
      open.of.push(...event.of);
    } else {
      merged.push({ ...event, of: [...event.of], blocks: [...event.blocks] });
    }
  }
  return merged;
}

/** The messages of one rank: lists of RouterEvents, ids from `firstId` on in each. */
export function modelMessages(specs: readonly EventSpec[], blockSize: number): ModelEvent[][] {
  const messages: ModelEvent[][] = [];
  let blocks = 0;
  for (const event of merge(specs.map((spec) => modelEvent(spec, blockSize)))) {
    const open = messages.at(-1);
    blocks += event.blocks.length;
    if (open !== undefined && open.length < PLANE_MAX_EVENTS && blocks <= PLANE_MAX_BLOCKS) {
      open.push(event);
    } else {
      messages.push([event]);
      blocks = event.blocks.length;
    }
  }
  return messages;
}

export function routerEvent({ kind, parent, blocks }: ModelEvent, id: bigint, rank: number): unknown {
  const data = {
    stored: { stored: { parent_hash: parent, start_position: null, blocks } },
    removed: { removed: { block_hashes: blocks } },
    cleared: "cleared",
  }[kind];
  return {
    worker_id: WORKER_ID,
    storage_tier: "device",
    residency_domain: "worker",
    event: { event_id: id, data, dp_rank: rank },
  };
}
