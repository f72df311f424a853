/**
 * Who has how much of a prefix: a walk down the tree, with those who still have all of it. MAIN THREAD.
 *
 * Who holds a block holds the one before it, unless blocks were removed from the middle, which leaves a flag. So a node with as
 * many holders as the one above has the same ones, and nothing is compared there.
 */
import type { BlockHolds } from "./block-holds.ts";
import { MAX_OWNERS } from "./block-holds.ts";
import { HOLDERS_MASK, NODE_FLAG } from "./prefix-tree.ts";

const FIRST_DEPTH = 1024;

export class Matcher {
  /** Owners that have the first block at least, and how many blocks of the prefix each has; the first `count` of each. */
  count: number = 0;
  readonly owners: Int32Array = new Int32Array(MAX_OWNERS);
  readonly depths: Int32Array = new Int32Array(MAX_OWNERS);
  readonly #holds: BlockHolds;
  /** Owners that still have everything; the first `#active`. */
  readonly #left: Int32Array = new Int32Array(MAX_OWNERS);
  #active: number = 0;
  /** By owner: when it was last seen among the holders of a node. */
  readonly #seen: Float64Array = new Float64Array(MAX_OWNERS);
  #now: number = 0;
  /** Nodes of the prefix, as far as there are any. */
  #path: Int32Array = new Int32Array(FIRST_DEPTH);

  constructor(holds: BlockHolds) {
    this.#holds = holds;
  }

  /**
   * Walks along `length` tokens hashes, halves signed. `earlyExit`: ends where one owner is left, whose depth is then that far
   * and no further.
   */
  match(lo: Int32Array, hi: Int32Array, length: number, earlyExit: boolean = false): void {
    const { tree } = this.#holds;
    this.count = 0;
    this.#active = 0;
    if (length > this.#path.length) this.#path = new Int32Array(2 * length);
    const path = this.#path;
    let node = 0;
    let above = 0;
    let depth = 0;
    for (; depth < length; depth++) {
      const child = tree.child(node, lo[depth] as number, hi[depth] as number);
      if (child === 0) break;
      const bits = tree.use(child);
      if (depth === 0) this.#begin(child);
      else if (((bits ^ above) & HOLDERS_MASK) !== 0 || (above & NODE_FLAG.gap) !== 0) this.#narrow(child, depth);
      above = bits;
      path[depth] = child;
      node = child;
      if (this.#active === 0) break;
      if (earlyExit && this.#active === 1) {
        depth++;
        break;
      }
    }
    for (let i = 0; i < this.#active; i++) this.#leave(this.#left[i] as number, depth);
    this.#active = 0;
  }

  /** Of the last match: the hold of an owner at the block number `index`, which is below its depth. */
  holdAt(owner: number, index: number): number {
    return this.#holds.holdAt(owner, this.#path[index] as number);
  }

  #begin(node: number): void {
    const holds = this.#holds;
    this.#now++;
    for (let hold = holds.tree.firstHold(node); hold !== 0; hold = holds.next(hold)) {
      const owner = holds.owner(hold);
      if (this.#seen[owner] === this.#now) continue;
      this.#seen[owner] = this.#now;
      this.#left[this.#active++] = owner;
    }
  }

  #narrow(node: number, depth: number): void {
    const holds = this.#holds;
    this.#now++;
    for (let hold = holds.tree.firstHold(node); hold !== 0; hold = holds.next(hold)) {
      this.#seen[holds.owner(hold)] = this.#now;
    }
    let kept = 0;
    for (let i = 0; i < this.#active; i++) {
      const owner = this.#left[i] as number;
      if (this.#seen[owner] === this.#now) this.#left[kept++] = owner;
      else this.#leave(owner, depth);
    }
    this.#active = kept;
  }

  #leave(owner: number, depth: number): void {
    this.owners[this.count] = owner;
    this.depths[this.count++] = depth;
  }
}
