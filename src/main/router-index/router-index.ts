/**
 * The index of a router: which rank of which worker holds which blocks, and how much of a prompt each has. MAIN THREAD; no sockets.
 *
 * The rules are those of Dynamo's indexer; they stand with the tiers that they are for. A clear goes for all tiers of the rank.
 *
 * Beyond `maxPairs` a stored block is refused, or others are given up for it, those that nobody asked for lately. Room is for devices
 * first: no block on a device goes for a copy in a slower tier, only another copy does.
 */
import { TIER, type Tier } from "../../shared/tier.ts";
import type { BlockColumns } from "./block-columns.ts";
import type { BlockHolds } from "./block-holds.ts";
import { DeviceBlocks } from "./device-blocks.ts";
import { IndexCounters } from "./index-counters.ts";
import { Matcher } from "./matcher.ts";
import { NO_OWNER, type OwnerName, RankOwners } from "./rank-owners.ts";
import { SlowerTiers } from "./slower-tiers.ts";
import type { TierBlocks } from "./tier-blocks.ts";

export const FULL_POLICIES = ["refuse", "evict"] as const;
export type FullPolicy = (typeof FULL_POLICIES)[number];

export interface RouterIndexOptions {
  /** Most pairs of a block and a rank that holds it. */
  readonly maxPairs: number;
  readonly onFull: FullPolicy;
}

/** How much of a prompt one rank has, in blocks: on the device, and further on with the help of slower tiers. */
export interface RankOverlap extends OwnerName {
  readonly device: number;
  /** Never less than `device`. */
  readonly host: number;
  /** Never less than `host`. */
  readonly disk: number;
}

export class RouterIndex {
  readonly counters: IndexCounters = new IndexCounters();
  readonly owners: RankOwners = new RankOwners();
  readonly holds: BlockHolds;
  readonly #device: DeviceBlocks;
  readonly #slower: SlowerTiers = new SlowerTiers(this.counters);
  readonly #matcher: Matcher;
  readonly #options: RouterIndexOptions;

  constructor(options: RouterIndexOptions) {
    this.#options = options;
    this.#device = new DeviceBlocks(this.counters, this.#slower, options.maxPairs);
    this.holds = this.#device.holds;
    this.#matcher = new Matcher(this.holds);
  }

  /** Null as long as nothing was stored in a slower tier. */
  get tiers(): TierBlocks | null {
    return this.#slower.blocks;
  }

  /** Pairs of a block and a rank that holds it, in all tiers. */
  get pairs(): number {
    return this.holds.holds + this.#slower.pairs;
  }

  /** Different blocks on devices. */
  get nodes(): number {
    return this.holds.tree.nodes;
  }

  get memoryBytes(): number {
    return this.holds.memoryBytes + this.#slower.memoryBytes;
  }

  /** Pairs of one rank. */
  pairsOf(owner: number): number {
    return this.holds.holdsOf(owner) + this.#slower.pairsOf(owner);
  }

  /** The number of a rank, for all calls below; NO_OWNER, and counted, when there are too many. */
  owner(worker: bigint, rank: number): number {
    const owner = this.owners.take(worker, rank);
    if (owner === NO_OWNER) this.counters.refusedRanks++;
    return owner;
  }

  /** Whether the rank has the block by this hash, halves signed, in any tier. */
  has(owner: number, lo: number, hi: number): boolean {
    return this.holds.find(owner, lo, hi) !== 0 || this.#slower.has(owner, lo, hi);
  }

  store(owner: number, tier: Tier, blocks: BlockColumns): void {
    const { maxPairs, onFull } = this.#options;
    const room = maxPairs - this.pairs;
    const mayEvict = onFull === "evict";
    if (tier === TIER.device) this.#device.store(owner, blocks, room, mayEvict);
    else this.#slower.store(owner, tier, blocks, room, mayEvict);
  }

  remove(owner: number, tier: Tier, lo: Int32Array, hi: Int32Array, count: number): void {
    if (tier === TIER.device) this.#device.remove(owner, lo, hi, count);
    else this.#slower.remove(owner, tier, lo, hi, count);
  }

  /** Forgets what a rank holds, in all tiers. Returns how many pairs that were. */
  clear(owner: number): number {
    const cleared = this.holds.clear(owner) + this.#slower.clear(owner);
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
    const isDeviceOnly = earlyExit || this.#slower.pairs === 0;
    for (let i = 0; i < matcher.count; i++) {
      const owner = matcher.owners[i] as number;
      const device = matcher.depths[i] as number;
      found.push(this.#overlap(owner, device, isDeviceOnly, lo, hi, length));
    }
    if (isDeviceOnly) return found;
    const seen = new Set(matcher.owners.subarray(0, matcher.count));
    for (const owner of this.owners.all()) {
      if (seen.has(owner)) continue;
      const overlap = this.#overlap(owner, 0, false, lo, hi, length);
      if (overlap.disk > 0) found.push(overlap);
    }
    return found;
  }

  #overlap(
    owner: number,
    device: number,
    isDeviceOnly: boolean,
    lo: Int32Array,
    hi: Int32Array,
    length: number,
  ): RankOverlap {
    const { worker, rank } = this.owners.name(owner);
    if (isDeviceOnly || this.#slower.pairsOf(owner) === 0) return { worker, rank, device, host: device, disk: device };
    const hold = device === 0 ? 0 : this.#matcher.holdAt(owner, device - 1);
    const hashLo = hold === 0 ? 0 : this.holds.lo(hold);
    const hashHi = hold === 0 ? 0 : this.holds.hi(hold);
    const [host, disk] = this.#slower.reach(owner, device, hashLo, hashHi, lo, hi, length);
    return { worker, rank, device, host, disk };
  }
}
