/**
 * The tree of prefixes: a node is a block behind a certain chain of blocks, whoever holds it. MAIN THREAD.
 *
 * A child is found by its parent and its tokens hash. Most nodes have one child, which their parent names: long chains are
 * followed without a look into the table, which has only the other children of nodes with several, and the roots. Node 0 is none,
 * and the parent of the roots. 24 bytes a node, and 7 to 8 for an entry of the table.
 */
import { randomFillSync } from "node:crypto";
import { KeyMix } from "../../shared/key-mix.ts";
import { BucketTable } from "./bucket-table.ts";
import { NODE, NodeSlots, placeOf } from "./node-slots.ts";

/** How many owners hold the node; all of it is the most there can be. */
export const HOLDERS_MASK = 0xfff;
/** Children. The bits above belong to whoever keeps the holds. */
const CHILD_SHIFT = 12;
const CHILD_ONE: number = 1 << CHILD_SHIFT;
const CHILD_FIELD: number = 0x1ffff << CHILD_SHIFT;

/** Bits for whoever keeps the holds. */
export const NODE_FLAG: { readonly used: number; readonly mixed: number; readonly gap: number } = {
  /** The node was asked for, or stored again, since somebody last looked. */
  used: 1 << 29,
  /** Holds of this node have different hashes, or had. */
  mixed: 1 << 30,
  /** An owner may hold a child of this node, and not the node. */
  gap: 1 << 31,
};

export class PrefixTree {
  readonly #nodes: NodeSlots = new NodeSlots();
  readonly #table: BucketTable = new BucketTable();
  readonly #mix: KeyMix = new KeyMix();
  /** Odd, so that no two parents are mixed alike. */
  readonly #parentFactor: number = (randomFillSync(new Int32Array(1))[0] as number) | 1;

  get nodes(): number {
    return this.#nodes.live;
  }

  get memoryBytes(): number {
    return this.#nodes.memoryBytes + this.#table.memoryBytes;
  }

  /** The child of a node (0: a root) with this tokens hash, halves signed; 0 if there is none. */
  child(parent: number, lo: number, hi: number): number {
    const nodes = this.#nodes;
    if (parent !== 0) {
      const above = nodes.page(parent);
      const at = placeOf(parent);
      const named = above[at + NODE.child] as number;
      const children = (above[at + NODE.bits] as number) & CHILD_FIELD;
      if (named !== 0) {
        const page = nodes.page(named);
        const place = placeOf(named);
        if (page[place + NODE.lo] === lo && page[place + NODE.hi] === hi) return named;
        if (children === CHILD_ONE) return 0;
      } else if (children === 0) {
        return 0;
      }
    }
    const table = this.#table;
    let node = table.first(this.#tag(parent, lo, hi));
    for (; node !== 0; node = table.next()) {
      const page = nodes.page(node);
      const at = placeOf(node);
      if (page[at + NODE.lo] === lo && page[at + NODE.hi] === hi && page[at + NODE.parent] === parent) break;
    }
    return node;
  }

  /** A new node, which has one holder, by this hold. There is none like it. */
  add(parent: number, lo: number, hi: number, hold: number): number {
    const nodes = this.#nodes;
    const node = nodes.take();
    const page = nodes.page(node);
    const at = placeOf(node);
    page[at + NODE.lo] = lo;
    page[at + NODE.hi] = hi;
    page[at + NODE.parent] = parent;
    page[at + NODE.child] = 0;
    page[at + NODE.firstHold] = hold;
    page[at + NODE.bits] = 1;
    if (parent === 0) {
      this.#table.add(this.#tag(0, lo, hi), node);
      return node;
    }
    const above = nodes.page(parent);
    const place = placeOf(parent);
    const bits = above[place + NODE.bits] as number;
    if (above[place + NODE.child] === 0) above[place + NODE.child] = node;
    else this.#table.add(this.#tag(parent, lo, hi), node);
    // Beyond what can be counted a node is kept for good: it never has too few children.
    if ((bits & CHILD_FIELD) !== CHILD_FIELD) above[place + NODE.bits] = bits + CHILD_ONE;
    return node;
  }

  /** Takes out a node that nobody holds and that has no children, and all above it of which that is then true. */
  prune(leaf: number): void {
    const nodes = this.#nodes;
    for (let node = leaf; node !== 0;) {
      const page = nodes.page(node);
      const at = placeOf(node);
      if (page[at + NODE.firstHold] !== 0 || ((page[at + NODE.bits] as number) & CHILD_FIELD) !== 0) return;
      const parent = page[at + NODE.parent] as number;
      if (parent === 0) this.#forget(node, 0, page, at);
      else {
        const above = nodes.page(parent);
        const place = placeOf(parent);
        if (above[place + NODE.child] === node) above[place + NODE.child] = 0;
        else this.#forget(node, parent, page, at);
        const bits = above[place + NODE.bits] as number;
        if ((bits & CHILD_FIELD) !== CHILD_FIELD) above[place + NODE.bits] = bits - CHILD_ONE;
      }
      nodes.give(node);
      node = parent;
    }
  }

  parent(node: number): number {
    return this.#nodes.get(node, NODE.parent);
  }

  /** Halves of the tokens hash. */
  lo(node: number): number {
    return this.#nodes.get(node, NODE.lo);
  }

  hi(node: number): number {
    return this.#nodes.get(node, NODE.hi);
  }

  firstHold(node: number): number {
    return this.#nodes.get(node, NODE.firstHold);
  }

  setFirstHold(node: number, hold: number): void {
    this.#nodes.set(node, NODE.firstHold, hold);
  }

  /** The last hold of a node has gone. Returns whether it has children; else it is to be pruned. */
  empty(node: number): boolean {
    const page = this.#nodes.page(node);
    const at = placeOf(node);
    const bits = (page[at + NODE.bits] as number) & ~(HOLDERS_MASK | NODE_FLAG.mixed);
    page[at + NODE.firstHold] = 0;
    page[at + NODE.bits] = bits;
    return (bits & CHILD_FIELD) !== 0;
  }

  holders(node: number): number {
    return this.#nodes.get(node, NODE.bits) & HOLDERS_MASK;
  }

  /** `change`: 1 or −1. */
  countHolder(node: number, change: number): void {
    this.#nodes.set(node, NODE.bits, this.#nodes.get(node, NODE.bits) + change);
  }

  hasChildren(node: number): boolean {
    return (this.#nodes.get(node, NODE.bits) & CHILD_FIELD) !== 0;
  }

  /** The child that a node names; 0 if it names none, though it may have some. */
  namedChild(node: number): number {
    return this.#nodes.get(node, NODE.child);
  }

  /** The child of a node that has exactly one and names it; 0 otherwise. */
  onlyChild(node: number): number {
    return (this.#nodes.get(node, NODE.bits) & CHILD_FIELD) === CHILD_ONE ? this.#nodes.get(node, NODE.child) : 0;
  }

  has(node: number, flag: number): boolean {
    return (this.#nodes.get(node, NODE.bits) & flag) !== 0;
  }

  mark(node: number, flag: number): void {
    this.#nodes.set(node, NODE.bits, this.#nodes.get(node, NODE.bits) | flag);
  }

  unmark(node: number, flag: number): void {
    this.#nodes.set(node, NODE.bits, this.#nodes.get(node, NODE.bits) & ~flag);
  }

  /** Marks a node as used. Returns its bits. */
  use(node: number): number {
    const page = this.#nodes.page(node);
    const at = placeOf(node) + NODE.bits;
    const bits = page[at] as number;
    if ((bits & NODE_FLAG.used) === 0) page[at] = bits | NODE_FLAG.used;
    return bits;
  }

  #forget(node: number, parent: number, page: Int32Array, at: number): void {
    this.#table.remove(this.#tag(parent, page[at + NODE.lo] as number, page[at + NODE.hi] as number), node);
  }

  #tag(parent: number, lo: number, hi: number): number {
    return this.#mix.place(0, lo, hi, -1) ^ Math.imul(parent, this.#parentFactor);
  }
}
