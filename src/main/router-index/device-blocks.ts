/**
 * What events do to the blocks on devices. MAIN THREAD.
 *
 *   stored    behind no parent: at the root; else the rank must know the parent, or the event is left out. What is known stays.
 *             A block that is its own parent ends the event.
 *   removed   hash by hash; one that is not known is counted, and the others still go.
 *
 * All blocks of an event are announced to the tables before the first is looked for, and behind its first a chain needs no
 * parent looked up: each block hangs on the one before.
 */
import { BlockHolds } from "./block-holds.ts";
import { Eviction } from "./eviction.ts";
import type { IndexCounters } from "./index-counters.ts";
import { NODE_FLAG } from "./prefix-tree.ts";
import type { SlowerTiers } from "./slower-tiers.ts";
import type { BlockColumns } from "./block-columns.ts";

/**
 * Most blocks of the tree. A block that was removed stays while others hang on it, so a chain that loses its beginning while its end
 * grows would take more and more memory for the same few pairs.
 */
const NODES_A_PAIR = 2;

export class DeviceBlocks {
  readonly holds: BlockHolds;
  readonly #eviction: Eviction;
  readonly #counters: IndexCounters;
  readonly #slower: SlowerTiers;
  /** Those that nobody holds and that others hang on among them. */
  readonly #maxNodes: number;

  /** `slower`: what has room that may be taken. */
  constructor(counters: IndexCounters, slower: SlowerTiers, maxPairs: number) {
    this.#counters = counters;
    this.#slower = slower;
    this.#maxNodes = NODES_A_PAIR * maxPairs;
    this.holds = new BlockHolds(maxPairs);
    this.#eviction = new Eviction(this.holds);
  }

  /** `room`: pairs that may be added. `mayEvict`: where they do not do, others are given up for those of the event. */
  store(owner: number, blocks: BlockColumns, room: number, mayEvict: boolean): void {
    const { holds } = this;
    const counters = this.#counters;
    const { tree } = holds;
    const { count, hasParent, hashLo, hashHi, localLo, localHi } = blocks;
    let node = 0;
    let parent = 0;
    let beforeLo = blocks.parentLo;
    let beforeHi = blocks.parentHi;
    if (hasParent) {
      parent = holds.find(owner, beforeLo, beforeHi);
      if (parent === 0) {
        counters.unknownParents++;
        return;
      }
      node = holds.node(parent);
    }
    holds.announce(owner, hashLo, hashHi, count);
    let left = room;
    const nodeRoom = this.#maxNodes - tree.nodes;
    if (mayEvict && Math.min(room, nodeRoom) < count) left += this.#makeRoom(owner, blocks, room, nodeRoom, parent);
    holds.reserve(owner, Math.min(count, left));
    for (let i = 0; i < count; i++) {
      const lo = hashLo[i] as number;
      const hi = hashHi[i] as number;
      if (lo === beforeLo && hi === beforeHi && (i > 0 || hasParent)) {
        counters.invalidSequences++;
        return;
      }
      const known = holds.findAnnounced(i, owner, lo, hi);
      if (known === 0 && left-- <= 0) {
        counters.refused += count - i;
        return;
      }
      const child = tree.child(node, localLo[i] as number, localHi[i] as number);
      if (child === 0) {
        if (tree.nodes >= this.#maxNodes) {
          counters.refused += count - i;
          return;
        }
        node = holds.holdNew(owner, lo, hi, known, node, localLo[i] as number, localHi[i] as number);
        counters.stored++;
      } else {
        tree.use(child);
        if (known !== 0 && holds.node(known) === child) {
          counters.duplicates++;
        } else {
          holds.hold(owner, lo, hi, child, known);
          counters.stored++;
        }
        node = child;
      }
      beforeLo = lo;
      beforeHi = hi;
    }
  }

  remove(owner: number, lo: Int32Array, hi: Int32Array, count: number): void {
    const { holds } = this;
    const counters = this.#counters;
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

  /**
   * Gives up what an event needs beyond its room: copies in slower tiers that nobody asked for lately, then blocks on devices, but not
   * the hold of its parent, then any copies. Returns how many pairs that were.
   */
  #makeRoom(
    owner: number,
    { count, hashLo, hashHi }: BlockColumns,
    room: number,
    nodeRoom: number,
    parent: number,
  ): number {
    const { holds } = this;
    const slower = this.#slower;
    let needed = 0;
    for (let i = 0; i < count; i++) {
      const known = holds.findAnnounced(i, owner, hashLo[i] as number, hashHi[i] as number);
      if (known === 0) needed++;
      else holds.tree.mark(holds.node(known), NODE_FLAG.used);
    }
    const missing = Math.max(0, needed - room);
    let given = slower.giveUp(missing, true);
    // What is given up takes the blocks with it that nobody holds and only it hung on.
    const wanted = Math.min(Math.max(missing - given, needed - nodeRoom), holds.holds - (parent === 0 ? 0 : 1));
    if (wanted > 0) given += this.#eviction.evict(wanted, parent);
    if (given < missing) given += slower.giveUp(missing - given, false);
    this.#counters.evicted += given;
    return given;
  }
}
