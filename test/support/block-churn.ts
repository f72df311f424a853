/** Published events that build, remove and clear chains of blocks on a few ranks, from a seed. */
import { Random } from "../../src/main/engine/random.ts";
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { publishedEvent } from "./published.ts";

/** Tokens of a block, as the pipelines of tests have it. */
const BLOCK_TOKENS = 4;

export class BlockChurn {
  readonly #random: Random;
  readonly #ranks: number;
  readonly #live: bigint[][];
  #nextHash: bigint = 1n;

  constructor(seed: number, ranks: number) {
    this.#random = new Random(seed);
    this.#ranks = ranks;
    this.#live = Array.from({ length: ranks }, () => []);
  }

  *events(count: number): Generator<PublishedEvent> {
    for (let i = 0; i < count; i++) yield this.#next();
  }

  #below(limit: number): number {
    return Math.floor(this.#random.fraction() * limit);
  }

  #next(): PublishedEvent {
    const rank = this.#below(this.#ranks);
    const live = this.#live[rank] ?? [];
    const dice = this.#below(2000);
    if (dice === 0) {
      live.length = 0;
      return publishedEvent({ type: "cleared" }, rank);
    }
    if (dice < 700 && live.length > 20) {
      const hashes = Array.from({ length: 1 + this.#below(8) }, () => live.splice(this.#below(live.length), 1));
      return publishedEvent({ type: "removed", hashes: hashes.flat() }, rank);
    }
    const hashes = Array.from({ length: 1 + this.#below(6) }, () => (this.#nextHash++ << 40n) | 7n);
    const parent = this.#below(3) === 0 ? null : (live[this.#below(live.length)] ?? null);
    live.push(...hashes);
    const tokens = Array.from({ length: hashes.length * BLOCK_TOKENS }, () => this.#below(100_000));
    return publishedEvent(
      { type: "stored", hashes, tokens, parent, loraName: null, loraId: 0, salt: null, mm: undefined },
      rank,
    );
  }
}
