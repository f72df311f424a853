/**
 * What a router makes of the event plane, in the plainest way: the blocks of each rank, the numbers of each publisher. Decoded
 * by a decoder that kvcast does not write with.
 */
import assert from "node:assert/strict";
import { decode } from "@msgpack/msgpack";

interface RouterEvent {
  readonly worker_id: number | bigint;
  readonly storage_tier: string;
  readonly event: {
    readonly event_id: bigint;
    readonly data:
      | {
          readonly stored: {
            readonly parent_hash: unknown;
            readonly blocks: readonly { readonly block_hash: unknown }[];
          };
        }
      | { readonly removed: { readonly block_hashes: readonly unknown[] } }
      | "cleared";
    readonly dp_rank: number;
  };
}

export class RouterModel {
  /** `rank hash`. */
  readonly blocks: Set<string> = new Set();
  /** RouterEvents so far. */
  events: number = 0;
  messages: number = 0;
  /** Event ids that were not the one after the last of their rank: [rank, expected, got]. */
  readonly gaps: (readonly [number, number, number])[] = [];
  readonly workers: Set<string> = new Set();
  readonly #nextId: Map<number, number> = new Map();
  readonly #nextSequence: Map<string, number> = new Map();

  apply(message: Uint8Array): void {
    const envelope = decode(message, { useBigInt64: true }) as Record<string, unknown>;
    assert.deepEqual(Object.keys(envelope), ["publisher_id", "sequence", "published_at", "topic", "payload"]);
    assert.equal(envelope["topic"], "kv-events");
    const publisher = String(envelope["publisher_id"]);
    const sequence = Number(envelope["sequence"]);
    assert.equal(sequence, this.#nextSequence.get(publisher) ?? 0, `messages of publisher ${publisher} are numbered`);
    this.#nextSequence.set(publisher, sequence + 1);
    this.messages++;
    for (const event of decode(envelope["payload"] as Uint8Array, { useBigInt64: true }) as RouterEvent[]) {
      this.#applyEvent(event);
    }
  }

  /** Publishers that were heard of. */
  get publishers(): number {
    return this.#nextSequence.size;
  }

  #applyEvent({ worker_id: worker, storage_tier: tier, event }: RouterEvent): void {
    const { event_id: id, data, dp_rank: rank } = event;
    assert.equal(tier, "device");
    this.workers.add(String(worker));
    this.events++;
    const expected = this.#nextId.get(rank) ?? 1;
    if (Number(id) !== expected) this.gaps.push([rank, expected, Number(id)]);
    this.#nextId.set(rank, Number(id) + 1);
    if (data === "cleared") {
      for (const block of this.blocks) if (block.startsWith(`${rank} `)) this.blocks.delete(block);
    } else if ("stored" in data) {
      for (const { block_hash: hash } of data.stored.blocks) this.blocks.add(`${rank} ${unsigned(hash)}`);
    } else {
      for (const hash of data.removed.block_hashes) this.blocks.delete(`${rank} ${unsigned(hash)}`);
    }
  }
}

/** A hash as routers write it, of the signed one that ZMQ carries too. */
export function unsigned(hash: unknown): string {
  if (typeof hash !== "bigint" && typeof hash !== "number" && typeof hash !== "string") throw new Error("no hash");
  return String(BigInt.asUintN(64, BigInt(hash)));
}
