/**
 * What a subscriber makes of a stream of batches, kept in the plainest way: the truth that a snapshot is compared with.
 */
import { decode, decodeMulti } from "@msgpack/msgpack";

interface StoredEvent {
  readonly type: "BlockStored";
  readonly block_hashes: readonly (number | bigint)[];
  readonly parent_block_hash: number | bigint | null;
  readonly token_ids: readonly (number | bigint)[];
  readonly block_size: number | bigint;
}
type WireEvent =
  | StoredEvent
  | { readonly type: "BlockRemoved"; readonly block_hashes: readonly (number | bigint)[] }
  | { readonly type: "AllBlocksCleared" };
type WireBatch = readonly [number, readonly WireEvent[], number];

export class BlockModel {
  /** By rank and hash: parent and tokens. */
  readonly blocks: Map<string, string> = new Map();
  /** Stored events whose parent had not come before, though it came. */
  readonly orphans: string[] = [];

  /** Takes in one batch payload of the `vllm` dialect. */
  apply(payload: Uint8Array): void {
    this.applyBatch(decode(payload, { useBigInt64: true }));
  }

  /** The same, decoded. */
  applyBatch(batch: unknown): void {
    const [, events, rank] = batch as WireBatch;
    for (const event of events) this.#applyEvent(event, rank);
  }

  #applyEvent(event: WireEvent, rank: number): void {
    switch (event.type) {
      case "BlockStored": {
        const size = Number(event.block_size);
        let parent = event.parent_block_hash === null ? "root" : String(event.parent_block_hash);
        event.block_hashes.forEach((hash, i) => {
          const tokens = event.token_ids.slice(i * size, (i + 1) * size).join(",");
          if (this.blocks.get(`${rank} ${parent}`) === undefined && parent !== "root") this.orphans.push(String(hash));
          this.blocks.set(`${rank} ${hash}`, `${parent} ${tokens}`);
          parent = String(hash);
        });
        break;
      }
      case "BlockRemoved":
        for (const hash of event.block_hashes) this.blocks.delete(`${rank} ${hash}`);
        break;
      case "AllBlocksCleared":
        for (const key of this.blocks.keys()) if (key.startsWith(`${rank} `)) this.blocks.delete(key);
        break;
    }
  }

  /** Sorted, for comparison. */
  entries(): [string, string][] {
    return [...this.blocks].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}

export interface SnapshotHeader {
  readonly version: number;
  readonly epoch: string;
  readonly started: number;
  readonly sequence: number;
  readonly blocks: number;
  readonly ranks: readonly { readonly rank: number; readonly blocks: number; readonly complete: boolean }[];
  readonly complete: boolean;
  readonly tokens: boolean;
  readonly block_size: number;
  readonly wire_format: string;
}

export interface ReadSnapshot {
  readonly header: SnapshotHeader;
  readonly model: BlockModel;
  readonly batches: number;
}

export function readSnapshot(header: Uint8Array, payloads: readonly Uint8Array[]): ReadSnapshot {
  const model = new BlockModel();
  for (const payload of payloads) model.apply(payload);
  return { header: decode(header) as SnapshotHeader, model, batches: payloads.length };
}

/** A body of concatenated msgpack values, as it comes over HTTP. */
export function readSnapshotBody(body: Uint8Array): ReadSnapshot {
  const [header, ...batches] = [...decodeMulti(body, { useBigInt64: true })];
  const model = new BlockModel();
  for (const batch of batches) model.applyBatch(batch);
  return { header: numbersOf(header) as SnapshotHeader, model, batches: batches.length };
}

/** Counts are plain numbers in a header that was decoded with 64-bit integers. */
function numbersOf(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(numbersOf);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, numbersOf(inner)]));
}
