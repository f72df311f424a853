/**
 * One number for a whole stream: a running SHA-256 per rank over what each event says, in order. Two streams are equal
 * event by event, and in order within each rank, exactly when their digests are.
 */
import { createHash, type Hash } from "node:crypto";

export class EventDigest {
  readonly #ranks: Map<number, { hash: Hash; events: number }> = new Map();

  /** `hashes` and `parent` in any 64-bit form. */
  add(rank: number, type: string, hashes: readonly bigint[], parent: bigint | null, tokens: Iterable<number>): void {
    let state = this.#ranks.get(rank);
    if (state === undefined) this.#ranks.set(rank, (state = { hash: createHash("sha256"), events: 0 }));
    const list = hashes.map((hash) => BigInt.asUintN(64, hash)).join(",");
    const from = parent === null ? "root" : BigInt.asUintN(64, parent);
    state.hash.update(`${type} ${list} ${from} ${[...tokens].join(",")}\n`);
    state.events++;
  }

  /** Rank → events and digest. */
  result(): Record<string, { events: number; digest: string }> {
    return Object.fromEntries(
      [...this.#ranks]
        .toSorted(([a], [b]) => a - b)
        .map(([rank, { hash, events }]) => [rank, { events, digest: hash.copy().digest("hex") }]),
    );
  }
}
