/**
 * The index of a router as plainly as it can be said: for each rank a map from hashes to whole chains of tokens hashes, and for
 * slower tiers one from hashes to steps. A prefix is matched by asking for each of its lengths.
 */
import type { RankOverlap } from "../../src/main/router-index/router-index.ts";

export type NaiveTier = "device" | "host" | "disk";

export interface NaiveBlock {
  readonly hash: bigint;
  readonly local: bigint;
}

interface Step {
  readonly before: bigint | null;
  readonly local: bigint;
}

interface NaiveRank {
  readonly worker: bigint;
  readonly rank: number;
  /** Chain of tokens hashes, from the root, by hash. */
  readonly device: Map<bigint, string>;
  readonly host: Map<bigint, Step>;
  readonly disk: Map<bigint, Step>;
}

export class NaiveRouterIndex {
  readonly counters = {
    stored: 0,
    duplicates: 0,
    removed: 0,
    cleared: 0,
    unknownRemoves: 0,
    unknownParents: 0,
    invalidSequences: 0,
  };
  readonly #ranks: Map<string, NaiveRank> = new Map();

  get pairs(): number {
    let pairs = 0;
    for (const { device, host, disk } of this.#ranks.values()) pairs += device.size + host.size + disk.size;
    return pairs;
  }

  /** Different blocks on devices: all that somebody holds, and all above them. */
  get nodes(): number {
    const nodes = new Set<string>();
    for (const { device } of this.#ranks.values()) {
      for (const chain of device.values()) {
        const steps = chain.split("/");
        for (let n = 1; n <= steps.length; n++) nodes.add(steps.slice(0, n).join("/"));
      }
    }
    return nodes.size;
  }

  store(worker: bigint, rank: number, tier: NaiveTier, parent: bigint | null, blocks: readonly NaiveBlock[]): void {
    const { counters } = this;
    const held = this.#rank(worker, rank);
    let before = parent;
    if (tier === "device" && parent !== null && !held.device.has(parent)) {
      counters.unknownParents++;
      return;
    }
    let chain = parent === null ? "" : (held.device.get(parent) ?? "");
    for (const { hash, local } of blocks) {
      if (hash === before) {
        counters.invalidSequences++;
        return;
      }
      if (tier === "device") {
        chain = chain === "" ? String(local) : `${chain}/${local}`;
        if (held.device.get(hash) === chain) counters.duplicates++;
        else counters.stored++;
        held.device.set(hash, chain);
      } else {
        this.#storeStep(held[tier], hash, { before, local });
      }
      before = hash;
    }
  }

  #storeStep(steps: Map<bigint, Step>, hash: bigint, step: Step): void {
    const known = steps.get(hash);
    if (known?.before === step.before && known.local === step.local) {
      this.counters.duplicates++;
      return;
    }
    for (const [other, { before, local }] of steps) {
      if (before === step.before && local === step.local) steps.delete(other);
    }
    steps.set(hash, step);
    this.counters.stored++;
  }

  remove(worker: bigint, rank: number, tier: NaiveTier, hashes: readonly bigint[]): void {
    const held = this.#rank(worker, rank)[tier];
    for (const hash of hashes) {
      if (held.delete(hash)) {
        this.counters.removed++;
        continue;
      }
      this.counters.unknownRemoves++;
      if (tier !== "device") return;
    }
  }

  /** A block goes without a word of the rank. */
  lose(worker: bigint, rank: number, hash: bigint, tier: NaiveTier = "device"): void {
    this.#rank(worker, rank)[tier].delete(hash);
  }

  clear(worker: bigint, rank: number): void {
    const held = this.#rank(worker, rank);
    for (const tier of [held.device, held.host, held.disk]) {
      this.counters.cleared += tier.size;
      tier.clear();
    }
  }

  match(locals: readonly bigint[]): RankOverlap[] {
    const found: RankOverlap[] = [];
    for (const { worker, rank, device, host, disk } of this.#ranks.values()) {
      const chains = new Map([...device].map(([hash, chain]) => [chain, hash]));
      let depth = 0;
      const prefix = (length: number): string => locals.slice(0, length).join("/");
      while (depth < locals.length && chains.has(prefix(depth + 1))) depth++;
      // A block may have several hashes, and a slower tier may hang on any: those of the tests have one.
      const overlap = { worker, rank, device: depth, host: depth, disk: depth };
      let before: bigint | null = depth === 0 ? null : (chains.get(prefix(depth)) ?? null);
      for (const [tier, steps] of [["host", host] as const, ["disk", disk] as const]) {
        for (; depth < locals.length; depth++) {
          const next: [bigint, Step] | undefined = [...steps].find(
            ([, step]) => step.before === before && step.local === locals[depth],
          );
          if (next === undefined) break;
          before = next[0];
        }
        overlap[tier] = depth;
      }
      overlap.disk = depth;
      if (depth > 0) found.push(overlap);
    }
    return found;
  }

  #rank(worker: bigint, rank: number): NaiveRank {
    const key = `${worker}:${rank}`;
    let held = this.#ranks.get(key);
    if (held === undefined) {
      held = { worker, rank, device: new Map(), host: new Map(), disk: new Map() };
      this.#ranks.set(key, held);
    }
    return held;
  }
}
