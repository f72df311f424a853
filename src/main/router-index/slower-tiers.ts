/**
 * What events do to the blocks in slower tiers, and how much further they take a prompt. MAIN THREAD.
 *
 *   stored    kept by the hash before it, which need not be known; a block that is its own parent ends the event
 *   removed   hash by hash; the first that is not known ends the event
 *
 * A full index that gives up others has room for devices first: what is stored here takes the place of other copies here alone.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import type { BlockColumns } from "./block-columns.ts";
import { MAX_OWNERS } from "./block-holds.ts";
import type { IndexCounters } from "./index-counters.ts";
import { TierBlocks } from "./tier-blocks.ts";

/** Host memory, and all that is slower. */
const SLOW_TIERS = 2;

export class SlowerTiers {
  readonly #counters: IndexCounters;
  /** Null as long as nothing was stored. */
  #tiers: TierBlocks | null = null;

  constructor(counters: IndexCounters) {
    this.#counters = counters;
  }

  get blocks(): TierBlocks | null {
    return this.#tiers;
  }

  get pairs(): number {
    return this.#tiers?.blocks ?? 0;
  }

  get memoryBytes(): number {
    return this.#tiers?.memoryBytes ?? 0;
  }

  pairsOf(owner: number): number {
    const tiers = this.#tiers;
    return tiers === null ? 0 : tiers.blocksOf(SLOW_TIERS * owner) + tiers.blocksOf(SLOW_TIERS * owner + 1);
  }

  has(owner: number, lo: number, hi: number): boolean {
    const tiers = this.#tiers;
    if (tiers === null) return false;
    return tiers.find(SLOW_TIERS * owner, lo, hi) !== 0 || tiers.find(SLOW_TIERS * owner + 1, lo, hi) !== 0;
  }

  /** Gives up so many copies, or as many as there are; see TierBlocks. Returns how many. */
  giveUp(count: number, onlyCold: boolean): number {
    return this.#tiers?.giveUp(count, onlyCold) ?? 0;
  }

  /** `room`: pairs that may be added. `mayEvict`: where they do not do, other copies are given up for those of the event. */
  store(owner: number, tier: Tier, blocks: BlockColumns, room: number, mayEvict: boolean): void {
    const counters = this.#counters;
    const tiers = (this.#tiers ??= new TierBlocks(SLOW_TIERS * MAX_OWNERS));
    const slow = slowOwner(owner, tier);
    const full = tiers.blocks + room;
    if (mayEvict && room < blocks.count) this.#makeRoom(tiers, slow, blocks, room);
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
      if (tiers.blocks >= full && tiers.find(slow, lo, hi) === 0) {
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

  #makeRoom(tiers: TierBlocks, slow: number, { count, hashLo, hashHi }: BlockColumns, room: number): void {
    let needed = 0;
    for (let i = 0; i < count; i++) {
      const known = tiers.find(slow, hashLo[i] as number, hashHi[i] as number);
      if (known === 0) needed++;
      else tiers.use(known);
    }
    if (needed > room) this.#counters.evicted += tiers.giveUp(needed - room, false);
  }

  remove(owner: number, tier: Tier, lo: Int32Array, hi: Int32Array, count: number): void {
    const counters = this.#counters;
    const tiers = this.#tiers;
    const slow = slowOwner(owner, tier);
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

  /** Returns how many pairs the owner had. */
  clear(owner: number): number {
    let cleared = 0;
    for (let i = 0; i < SLOW_TIERS; i++) cleared += this.#tiers?.clear(SLOW_TIERS * owner + i) ?? 0;
    return cleared;
  }

  /**
   * How far each tier takes a chain of tokens hashes on from `depth`, behind the block that the owner calls by this hash: first
   * host memory, then what is slower.
   */
  reach(
    owner: number,
    depth: number,
    hashLo: number,
    hashHi: number,
    lo: Int32Array,
    hi: Int32Array,
    length: number,
  ): readonly [number, number] {
    const tiers = this.#tiers;
    if (tiers === null) return [depth, depth];
    let beforeLo = hashLo;
    let beforeHi = hashHi;
    let at = depth;
    const onTier = (slow: number): number => {
      for (; at < length; at++) {
        const step = tiers.follow(slow, at === 0, beforeLo, beforeHi, lo[at] as number, hi[at] as number);
        if (step === 0) break;
        tiers.use(step);
        beforeLo = tiers.lo(step);
        beforeHi = tiers.hi(step);
      }
      return at;
    };
    return [onTier(SLOW_TIERS * owner), onTier(SLOW_TIERS * owner + 1)];
  }
}

/** The number of an owner among those of slower tiers. */
function slowOwner(owner: number, tier: Tier): number {
  return SLOW_TIERS * owner + (tier === TIER.hostPinned ? 0 : 1);
}
