/**
 * What is in an index, block by block and parents first, as events that would make it again. MAIN THREAD.
 *
 * Blocks on a device whose chain is broken above them are left out: no prompt can be matched with them, and no event could store
 * them.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import type { RouterIndex } from "./router-index.ts";

export interface DumpedBlock {
  readonly worker: bigint;
  readonly rank: number;
  readonly tier: Tier;
  /** u64; null: the first of its chain. */
  readonly parent: bigint | null;
  readonly hash: bigint;
  readonly local: bigint;
}

const SLOW: readonly Tier[] = [TIER.hostPinned, TIER.disk];

/** Calls back for each block. Nothing may be changed meanwhile. */
export function dumpIndex(index: RouterIndex, take: (block: DumpedBlock) => void): void {
  for (const owner of index.owners.all()) {
    dumpDevice(index, owner, take);
    if (index.tiers !== null) dumpSlow(index, owner, take);
  }
}

function dumpDevice(index: RouterIndex, owner: number, take: (block: DumpedBlock) => void): void {
  const { holds } = index;
  const { tree } = holds;
  const { worker, rank } = index.owners.name(owner);
  /** Depth of nodes whose chain is whole, by node; 0: broken. */
  const depths = new Map<number, number>([[0, 0]]);
  /** Hash by which the owner calls a node. */
  const names = new Map<number, bigint>();
  holds.forEach(owner, (hold) => names.set(holds.node(hold), wide(holds.lo(hold), holds.hi(hold))));
  const depthOf = (node: number): number => {
    const above: number[] = [];
    let at = node;
    for (; !depths.has(at) && names.has(at); at = tree.parent(at)) above.push(at);
    let depth = depths.get(at) ?? -1;
    for (const one of above.toReversed()) {
      depth = depth < 0 ? -1 : depth + 1;
      depths.set(one, depth);
    }
    return depth;
  };
  const found: { readonly depth: number; readonly node: number; readonly hash: bigint }[] = [];
  holds.forEach(owner, (hold) => {
    const node = holds.node(hold);
    const depth = depthOf(node);
    if (depth > 0) found.push({ depth, node, hash: wide(holds.lo(hold), holds.hi(hold)) });
  });
  found.sort((a, b) => a.depth - b.depth);
  for (const { depth, node, hash } of found) {
    const parent = depth === 1 ? null : (names.get(tree.parent(node)) ?? null);
    take({ worker, rank, tier: TIER.device, parent, hash, local: wide(tree.lo(node), tree.hi(node)) });
  }
}

function dumpSlow(index: RouterIndex, owner: number, take: (block: DumpedBlock) => void): void {
  const { worker, rank } = index.owners.name(owner);
  const { tiers } = index;
  for (const [i, tier] of SLOW.entries()) {
    if (tiers === null || tiers.blocksOf(SLOW.length * owner + i) === 0) continue;
    tiers.forEach(SLOW.length * owner + i, (slot) => {
      const step = tiers.describe(slot);
      const parent = step.isRoot ? null : wide(step.beforeLo, step.beforeHi);
      take({
        worker,
        rank,
        tier,
        parent,
        hash: wide(step.lo, step.hi),
        local: wide(step.localLo, step.localHi),
      });
    });
  }
}

function wide(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}
