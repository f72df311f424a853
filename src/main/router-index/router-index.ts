/**
 * The index of a router: which rank of which worker holds which blocks, and how much of a prompt each has. MAIN THREAD; no sockets.
 *
 * The rules are those of Dynamo's indexer:
 *
 *   stored    behind no parent: at the root; else the rank must know the parent, or the event is left out. What is known stays.
 *             A block that is its own parent ends the event.
 *   removed   hash by hash; one that is not known is counted, and the others still go. In slower tiers the first that is not known
 *             ends the event.
 *   cleared   all tiers of the rank.
 *
 * Beyond `maxPairs` a stored block is refused, or others are given up for it: those of blocks that nothing hangs on, in turn.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import { BlockHolds, MAX_OWNERS } from "./block-holds.ts";
import { IndexCounters } from "./index-counters.ts";
import { Matcher } from "./matcher.ts";
import { NO_OWNER, type OwnerName, RankOwners } from "./rank-owners.ts";
import { TierBlocks } from "./tier-blocks.ts";

export const FULL_POLICIES = ["refuse", "evict"] as const;
export type FullPolicy = (typeof FULL_POLICIES)[number];

export interface RouterIndexOptions {
  /** Most pairs of a block and a rank that holds it. */
  readonly maxPairs: number;
  readonly onFull: FullPolicy;
}

/** A stored event, in columns whose halves are signed; the first `count` of each. */
export interface BlockColumns {
  count: number;
  hasParent: boolean;
  parentLo: number;
  parentHi: number;
  hashLo: Int32Array;
  hashHi: Int32Array;
  localLo: Int32Array;
  localHi: Int32Array;
}

/** How much of a prompt one rank has, in blocks: on the device, and further on with the help of slower tiers. */
export interface RankOverlap extends OwnerName {
  readonly device: number;
  /** Never less than `device`. */
  readonly host: number;
  /** Never less than `host`. */
  readonly disk: number;
}

/** Slower tiers of a rank: host memory, and all that is slower. */
const SLOW_TIERS = 2;

export class RouterIndex {
  readonly counters: IndexCounters = new IndexCounters();
  readonly owners: RankOwners = new RankOwners();
  readonly holds: BlockHolds = new BlockHolds();
  readonly #matcher: Matcher = new Matcher(this.holds);
  readonly #options: RouterIndexOptions;
  #tiers: TierBlocks | null = null;

  constructor(options: RouterIndexOptions) {
    this.#options = options;
  }

  /** Null as long as nothing was stored in a slower tier. */
  get tiers(): TierBlocks | null {
    return this.#tiers;
  }

  /** Pairs of a block and a rank that holds it, in all tiers. */
  get pairs(): number {
    return this.holds.holds + (this.#tiers?.blocks ?? 0);
  }

  /** Different blocks on devices. */
  get nodes(): number {
    return this.holds.tree.nodes;
  }

  get memoryBytes(): number {
    return this.holds.memoryBytes + (this.#tiers?.memoryBytes ?? 0);
  }

  /** Pairs of one rank. */
  pairsOf(owner: number): number {
    const tiers = this.#tiers;
    const slow = tiers === null ? 0 : tiers.blocksOf(SLOW_TIERS * owner) + tiers.blocksOf(SLOW_TIERS * owner + 1);
    return this.holds.holdsOf(owner) + slow;
  }

  /** The number of a rank, for all calls below; NO_OWNER, and counted, when there are too many. */
  owner(worker: bigint, rank: number): number {
    const owner = this.owners.take(worker, rank);
    if (owner === NO_OWNER) this.counters.refusedRanks++;
    return owner;
  }

  store(owner: number, tier: Tier, blocks: BlockColumns): void {
    if (tier !== TIER.device) this.#storeSlow(slowOwner(owner, tier), blocks);
    else this.#storeOnDevice(owner, blocks);
  }

  remove(owner: number, tier: Tier, lo: Int32Array, hi: Int32Array, count: number): void {
    const { counters, holds } = this;
    if (tier !== TIER.device) {
      this.#removeSlow(slowOwner(owner, tier), lo, hi, count);
      return;
    }
    holds.announce(owner, lo, hi, count);
    for (let i = 0; i < count; i++) {
      const hold = holds.findAnnounced(i, owner, lo[i] as number, hi[i] as number);
      if (hold === 0) {
        counters.unknownRemoves++;
      } else {
        holds.releaseFound(hold);
        counters.removed++;
      }
    }
  }

  /** Forgets what a rank holds, in all tiers. Returns how many pairs that were. */
  clear(owner: number): number {
    const tiers = this.#tiers;
    let cleared = this.holds.clear(owner);
    for (let i = 0; i < SLOW_TIERS; i++) cleared += tiers?.clear(SLOW_TIERS * owner + i) ?? 0;
    this.counters.cleared += cleared;
    return cleared;
  }

  /** Forgets a rank altogether. */
  forget(owner: number): void {
    this.clear(owner);
    this.owners.forget(owner);
  }

  /**
   * How much of a chain of tokens hashes each rank has, in no order; halves signed, the first `length` of each. Ranks that have
   * nothing of it are left out. `earlyExit`: ends where one rank is left, and looks at no slower tier.
   */
  match(lo: Int32Array, hi: Int32Array, length: number, earlyExit: boolean = false): readonly RankOverlap[] {
    const matcher = this.#matcher;
    matcher.match(lo, hi, length, earlyExit);
    const found: RankOverlap[] = [];
    const tiers = earlyExit || this.#tiers?.blocks === 0 ? null : this.#tiers;
    for (let i = 0; i < matcher.count; i++) {
      const owner = matcher.owners[i] as number;
      const device = matcher.depths[i] as number;
      found.push(this.#overlap(owner, device, tiers, lo, hi, length));
    }
    if (tiers === null) return found;
    const seen = new Set(matcher.owners.subarray(0, matcher.count));
    for (const owner of this.owners.all()) {
      if (seen.has(owner)) continue;
      const overlap = this.#overlap(owner, 0, tiers, lo, hi, length);
      if (overlap.disk > 0) found.push(overlap);
    }
    return found;
  }

  #overlap(
    owner: number,
    device: number,
    tiers: TierBlocks | null,
    lo: Int32Array,
    hi: Int32Array,
    length: number,
  ): RankOverlap {
    const { worker, rank } = this.owners.name(owner);
    if (tiers === null || this.pairsOf(owner) === this.holds.holdsOf(owner)) {
      return { worker, rank, device, host: device, disk: device };
    }
    let beforeLo = 0;
    let beforeHi = 0;
    if (device > 0) {
      const hold = this.#matcher.holdAt(owner, device - 1);
      beforeLo = this.holds.lo(hold);
      beforeHi = this.holds.hi(hold);
    }
    const reached = [device, device];
    let depth = device;
    for (let tier = 0; tier < SLOW_TIERS; tier++) {
      for (; depth < length; depth++) {
        const localLo = lo[depth] as number;
        const localHi = hi[depth] as number;
        const step = tiers.follow(SLOW_TIERS * owner + tier, depth === 0, beforeLo, beforeHi, localLo, localHi);
        if (step === 0) break;
        beforeLo = tiers.lo(step);
        beforeHi = tiers.hi(step);
      }
      reached[tier] = depth;
    }
    return { worker, rank, device, host: reached[0] as number, disk: reached[1] as number };
  }

  #storeOnDevice(owner: number, blocks: BlockColumns): void {
    const { counters, holds } = this;
    const { tree } = holds;
    const { count, hasParent } = blocks;
    const room = this.#makeRoom(owner, blocks);
    let taken = 0;
    let node = 0;
    let beforeLo = blocks.parentLo;
    let beforeHi = blocks.parentHi;
    if (hasParent) {
      const parent = holds.find(owner, beforeLo, beforeHi);
      if (parent === 0) {
        counters.unknownParents++;
        return;
      }
      node = holds.node(parent);
    }
    holds.announce(owner, blocks.hashLo, blocks.hashHi, count);
    for (let i = 0; i < count; i++) {
      const lo = blocks.hashLo[i] as number;
      const hi = blocks.hashHi[i] as number;
      if ((i > 0 || hasParent) && lo === beforeLo && hi === beforeHi) {
        counters.invalidSequences++;
        return;
      }
      const localLo = blocks.localLo[i] as number;
      const localHi = blocks.localHi[i] as number;
      const known = holds.findAnnounced(i, owner, lo, hi);
      if (known === 0 && taken === room) {
        counters.refused += count - i;
        return;
      }
      let child = tree.child(node, localLo, localHi);
      if (known !== 0 && child !== 0 && holds.node(known) === child) {
        counters.duplicates++;
      } else {
        if (known === 0) taken++;
        child = child === 0 ? tree.add(node, localLo, localHi) : child;
        holds.hold(owner, lo, hi, child, known);
        counters.stored++;
      }
      node = child;
      beforeLo = lo;
      beforeHi = hi;
    }
  }

  /** How many new pairs the event may make; before that others are given up for it, if that is the policy. */
  #makeRoom(owner: number, { count, hashLo, hashHi }: BlockColumns): number {
    const { maxPairs, onFull } = this.#options;
    const room = maxPairs - this.pairs;
    if (room >= count || onFull === "refuse") return room;
    const { holds, counters } = this;
    let needed = 0;
    for (let i = 0; i < count; i++) {
      if (holds.find(owner, hashLo[i] as number, hashHi[i] as number) === 0) needed++;
    }
    for (let evictable = Math.min(needed - room, holds.holds); evictable > 0; evictable--) {
      holds.evict();
      counters.evicted++;
    }
    return maxPairs - this.pairs;
  }

  #storeSlow(slow: number, blocks: BlockColumns): void {
    const { counters } = this;
    const tiers = (this.#tiers ??= new TierBlocks(SLOW_TIERS * MAX_OWNERS));
    let isRoot = !blocks.hasParent;
    let beforeLo = isRoot ? 0 : blocks.parentLo;
    let beforeHi = isRoot ? 0 : blocks.parentHi;
    for (let i = 0; i < blocks.count; i++) {
      const lo = blocks.hashLo[i] as number;
      const hi = blocks.hashHi[i] as number;
      if (!isRoot && lo === beforeLo && hi === beforeHi) {
        counters.invalidSequences++;
        return;
      }
      if (this.pairs >= this.#options.maxPairs && tiers.find(slow, lo, hi) === 0) {
        counters.refused += blocks.count - i;
        return;
      }
      const localLo = blocks.localLo[i] as number;
      const localHi = blocks.localHi[i] as number;
      if (tiers.store(slow, isRoot, beforeLo, beforeHi, localLo, localHi, lo, hi)) counters.stored++;
      else counters.duplicates++;
      isRoot = false;
      beforeLo = lo;
      beforeHi = hi;
    }
  }

  #removeSlow(slow: number, lo: Int32Array, hi: Int32Array, count: number): void {
    const { counters } = this;
    const tiers = this.#tiers;
    for (let i = 0; i < count; i++) {
      const step = tiers === null ? 0 : tiers.find(slow, lo[i] as number, hi[i] as number);
      if (tiers === null || step === 0) {
        counters.unknownRemoves++;
        return;
      }
      tiers.remove(step);
      counters.removed++;
    }
  }
}

/** The number of an owner among those of slower tiers. */
function slowOwner(owner: number, tier: Tier): number {
  return SLOW_TIERS * owner + (tier === TIER.hostPinned ? 0 : 1);
}
