/**
 * Two other ways to keep who holds what, to be compared with: a map of sets, and the tree that Dynamo's indexer began with, as
 * written by us. Both do all that is asked of them, and nothing badly on purpose: hashes are BigInts, which is what a program that
 * has them from a decoder would use as keys.
 */

export interface RivalBlock {
  readonly hash: bigint;
  readonly local: bigint;
}

export interface RivalIndex {
  store(owner: number, parent: bigint | null, blocks: readonly RivalBlock[]): void;
  remove(owner: number, hashes: readonly bigint[]): void;
  /** Depth by owner. */
  match(locals: readonly bigint[]): ReadonlyMap<number, number>;
}

/** Blocks are known by one hash, the same for all workers, as a router has it that computes the engine's own. */
export class MapOfSets implements RivalIndex {
  readonly #owners: Map<bigint, Set<number>> = new Map();

  store(owner: number, _parent: bigint | null, blocks: readonly RivalBlock[]): void {
    for (const { hash } of blocks) {
      const set = this.#owners.get(hash);
      if (set === undefined) this.#owners.set(hash, new Set([owner]));
      else set.add(owner);
    }
  }

  remove(owner: number, hashes: readonly bigint[]): void {
    for (const hash of hashes) {
      const set = this.#owners.get(hash);
      if (set?.delete(owner) === true && set.size === 0) this.#owners.delete(hash);
    }
  }

  match(hashes: readonly bigint[]): ReadonlyMap<number, number> {
    const depths = new Map<number, number>();
    let left: readonly number[] | null = null;
    for (const [depth, hash] of hashes.entries()) {
      const set = this.#owners.get(hash);
      if (set === undefined) break;
      left = left === null ? [...set] : left.filter((owner) => set.has(owner));
      if (left.length === 0) break;
      for (const owner of left) depths.set(owner, depth + 1);
    }
    return depths;
  }
}

interface RadixNode {
  readonly children: Map<bigint, RadixNode>;
  readonly workers: Set<number>;
}

/** Nodes by tokens hash, the workers that hold each, and for each worker its nodes by hash. */
export class RadixTree implements RivalIndex {
  readonly #root: RadixNode = { children: new Map(), workers: new Set() };
  readonly #lookup: Map<number, Map<bigint, RadixNode>> = new Map();

  store(owner: number, parent: bigint | null, blocks: readonly RivalBlock[]): void {
    let lookup = this.#lookup.get(owner);
    if (lookup === undefined) this.#lookup.set(owner, (lookup = new Map()));
    let node = parent === null ? this.#root : lookup.get(parent);
    for (const { hash, local } of blocks) {
      if (node === undefined) return;
      let child: RadixNode | undefined = node.children.get(local);
      if (child === undefined) node.children.set(local, (child = { children: new Map(), workers: new Set() }));
      child.workers.add(owner);
      lookup.set(hash, child);
      node = child;
    }
  }

  remove(owner: number, hashes: readonly bigint[]): void {
    const lookup = this.#lookup.get(owner);
    for (const hash of hashes) {
      const node = lookup?.get(hash);
      if (lookup === undefined || node === undefined) continue;
      node.workers.delete(owner);
      lookup.delete(hash);
      if (node.workers.size === 0) node.children.clear();
    }
  }

  match(locals: readonly bigint[]): ReadonlyMap<number, number> {
    const depths = new Map<number, number>();
    let node = this.#root;
    for (const [depth, local] of locals.entries()) {
      const child = node.children.get(local);
      if (child === undefined) break;
      for (const owner of child.workers) if (depth === 0 || depths.get(owner) === depth) depths.set(owner, depth + 1);
      node = child;
    }
    return depths;
  }
}
