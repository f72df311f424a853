/**
 * Which blocks a full index gives up for new ones: those at the ends of chains that nobody asked for lately. MAIN THREAD.
 *
 * A hand goes round through all holds, as that of a clock. What was used since it last came by gets another round; where a block has
 * children, the hand goes down to the end of its chain. What is found there is given up, then block after block above it, as an
 * engine does that needs room: a chain that is given up goes as a whole, from its end, while all others stay whole. It is the least
 * recently used one but for the order within a round, and costs nothing to keep: a bit of each block, set when a prompt passes it.
 */
import type { BlockHolds } from "./block-holds.ts";
import { NODE_FLAG } from "./prefix-tree.ts";

/** Blocks that are passed over in search of one that nobody used; as many again if it may be any. */
const MAX_PASSED = 65_536;
/** Holders of a block that are looked through for one of them. */
const MAX_LOOK = 32;

export class Eviction {
  readonly #holds: BlockHolds;
  #hand: number = 0;
  /** Of the search that goes on: blocks that it passed, and may pass. */
  #passed: number = 0;
  #limit: number = 0;
  /** What goes next, if it is still what it was: the hold above the one that went last. 0 = none. */
  #above: number = 0;
  #owner: number = 0;
  #lo: number = 0;
  #hi: number = 0;

  constructor(holds: BlockHolds) {
    this.#holds = holds;
  }

  /**
   * Gives up so many holds, but not `keep` (0 = none), and none that others hang on. There must be as many besides `keep`.
   * Returns how many it gave up: fewer, if all that is left is the chain that ends with `keep`.
   */
  evict(count: number, keep: number): number {
    const holds = this.#holds;
    let hold = this.#isStillAbove() && this.#isCold(this.#above, keep) ? this.#above : 0;
    let evicted = 0;
    for (; evicted < count; evicted++) {
      if (hold === 0) hold = this.#sweep(keep);
      if (hold === 0) break;
      const owner = holds.owner(hold);
      const parent = holds.tree.parent(holds.node(hold));
      holds.release(hold);
      hold = this.#coldAt(owner, parent, keep);
    }
    this.#above = hold;
    if (hold !== 0) {
      this.#owner = holds.owner(hold);
      this.#lo = holds.lo(hold);
      this.#hi = holds.hi(hold);
    }
    return evicted;
  }

  #isStillAbove(): boolean {
    return this.#above !== 0 && this.#holds.is(this.#above, this.#owner, this.#lo, this.#hi);
  }

  /** Whether a hold may go, and nothing hangs on it. */
  #isCold(hold: number, keep: number): boolean {
    const { tree } = this.#holds;
    const node = this.#holds.node(hold);
    return hold !== keep && !tree.has(node, NODE_FLAG.used) && !tree.hasChildren(node);
  }

  /** The owner's hold of a block that may be gone itself, if that may go too; 0 = none. */
  #coldAt(owner: number, node: number, keep: number): number {
    const holds = this.#holds;
    if (node === 0 || holds.tree.holders(node) > MAX_LOOK) return 0;
    const hold = holds.holdAt(owner, node);
    return hold !== 0 && this.#isCold(hold, keep) ? hold : 0;
  }

  /** The next hold to give up; 0: there is none. */
  #sweep(keep: number): number {
    const holds = this.#holds;
    const { tree } = holds;
    this.#passed = 0;
    // In two rounds the first takes all marks away.
    this.#limit = Math.min(MAX_PASSED, 2 * holds.holds + 2);
    while (this.#passed < 2 * this.#limit) {
      if (++this.#hand >= holds.end) this.#hand = 1;
      const hold = this.#hand;
      const node = holds.node(hold);
      if (node === 0) {
        // Of an index that had many more holds once, which are all numbered still.
        this.#hand = holds.lastFree(hold);
        continue;
      }
      if (hold === keep) continue;
      this.#passed++;
      if (this.#isSpared(node)) {
        // A block of many holders is met once for each of them, and has one round nevertheless.
        if (tree.firstHold(node) === hold) tree.unmark(node, NODE_FLAG.used);
        continue;
      }
      const passed = this.#passed;
      const end = this.#endOf(node);
      if (end === node) return hold;
      const last = end === 0 ? 0 : tree.firstHold(end);
      if (last === 0 || last === keep) continue;
      // A chain that was stored in one go lies in one piece, and new blocks will lie where it was: these are behind the hand then.
      if (last > hold && last - hold <= this.#passed - passed) this.#hand = last;
      return last;
    }
    return 0;
  }

  #isSpared(node: number): boolean {
    return this.#passed <= this.#limit && this.#holds.tree.has(node, NODE_FLAG.used);
  }

  /** The end of a chain that begins with this block; 0: it was used, or there is no way down to it. */
  #endOf(first: number): number {
    const { tree } = this.#holds;
    let node = first;
    while (tree.hasChildren(node)) {
      node = tree.namedChild(node);
      this.#passed++;
      if (node === 0 || this.#isSpared(node) || this.#passed >= 2 * this.#limit) return 0;
    }
    return node;
  }
}
