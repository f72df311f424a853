/**
 * The load that routers choose a worker by: cache blocks in use, for each attention-DP rank. MAIN THREAD.
 *
 * A router does not consider a rank that it has never heard of, so every rank begins with a zero. After that a message
 * goes out when a figure has changed, and at the latest after the heartbeat: routers come and go, and the way to them
 * may lose a message. Ranks never share a place: one row of each comes in one answer, and all of them count.
 */
import type { LoadMessage } from "../../shared/nats-messages.ts";
import { KV_METRICS_TOPIC } from "../../shared/plane-envelope.ts";
import { SmallWriter } from "../../shared/small-msgpack.ts";
import type { EngineRanks } from "../normalise/engine-ranks.ts";
import type { IterationStat } from "./iteration-stat.ts";

export interface ActiveLoadsOptions {
  /** u64. */
  readonly workerId: bigint;
  readonly ranks: EngineRanks;
  readonly post: (message: LoadMessage) => void;
  /** Longest time between two messages of a rank. */
  readonly heartbeatMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class ActiveLoads {
  readonly #options: ActiveLoadsOptions;
  readonly #used: Float64Array;
  /** What the rank's last message said. */
  readonly #posted: Float64Array;
  readonly #postedAt: Float64Array;
  #flushing: boolean = false;

  constructor(options: ActiveLoadsOptions) {
    this.#options = options;
    this.#used = new Float64Array(options.ranks.size);
    this.#posted = new Float64Array(options.ranks.size).fill(Number.NaN);
    this.#postedAt = new Float64Array(options.ranks.size).fill(-Infinity);
  }

  /** Posts every rank's figure, at first a zero. */
  postAll(): void {
    for (let rank = 0; rank < this.#used.length; rank++) this.#post(rank);
  }

  /** Takes a row. Of the rows that are read in one step only a rank's last is posted, right behind that step. */
  note({ rank, usedBlocks }: IterationStat): void {
    if (usedBlocks === null || rank >= this.#used.length) return;
    this.#used[rank] = usedBlocks;
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** Posts the ranks that have been silent for the heartbeat. */
  beat(): void {
    const due = this.#options.now() - this.#options.heartbeatMs;
    for (let rank = 0; rank < this.#used.length; rank++) {
      if ((this.#postedAt[rank] as number) <= due) this.#post(rank);
    }
  }

  #flush(): void {
    for (let rank = 0; rank < this.#used.length; rank++) {
      if (this.#used[rank] !== this.#posted[rank]) this.#post(rank);
    }
  }

  #post(rank: number): void {
    const used = this.#used[rank] as number;
    this.#posted[rank] = used;
    this.#postedAt[rank] = this.#options.now();
    const published = this.#options.ranks.base + rank;
    const payload = encodeActiveLoad(this.#options.workerId, published, used);
    this.#options.post({ type: "load", topic: KV_METRICS_TOPIC, rank: published, payload });
  }
}

/** The msgpack map. What only an engine's scheduler could say is nil. */
export function encodeActiveLoad(workerId: bigint, rank: number, usedBlocks: number): Uint8Array {
  return new SmallWriter()
    .map(5)
    .str("worker_id")
    .uint(workerId)
    .str("dp_rank")
    .uint(rank)
    .str("active_decode_blocks")
    .nil()
    .str("active_prefill_tokens")
    .nil()
    .str("kv_used_blocks")
    .uint(usedBlocks)
    .finish();
}
