/**
 * The tree of prefixes: a node is a block behind a certain chain of blocks, whoever holds it. MAIN THREAD.
 *
 *   node   tokens hash lo hi | parent | a child | first hold | bits
 *
 * A child is found by its parent and its tokens hash. Most nodes have one child, which their parent names: long chains are
 * followed without a look into the table, which has only the children of nodes with several, and the roots. Node 0 is none, and
 * the parent of the roots. 24 bytes a node, and 11 to 14 for an entry of the table.
 */
import { randomFillSync } from "node:crypto";
import { KeyMix } from "../../shared/key-mix.ts";
import { SlotIndex } from "../consolidate/slot-index.ts";
import { Slots } from "../consolidate/slots.ts";

const NODE = { lo: 0, hi: 1, parent: 2, child: 3, firstHold: 4, bits: 5, words: 6 } as const;

/** Owners that hold the node; children; it is in the table. The others belong to whoever keeps the holds. */
const HOLDERS_MASK = 0xfff;
const CHILD_SHIFT = 12;
const CHILD_ONE: number = 1 << CHILD_SHIFT;
const CHILD_FIELD: number = 0x1ffff << CHILD_SHIFT;
const IN_TABLE: number = 1 << 29;

/** Bits for whoever keeps the holds. */
export const NODE_FLAG: { readonly mixed: number; readonly gap: number } = {
  /** Holds of this node have different hashes, or had. */
  mixed: 1 << 30,
  /** An owner may hold a child of this node, and not the node. */
  gap: 1 << 31,
};
export const MAX_HOLDERS: number = HOLDERS_MASK;

export class PrefixTree {
  readonly #nodes: Slots = new Slots(NODE.words);
  readonly #table: SlotIndex = new SlotIndex();
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
      const named = nodes.get(parent, NODE.child);
      if (named !== 0) {
        if (nodes.get(named, NODE.lo) === lo && nodes.get(named, NODE.hi) === hi) return named;
        if ((nodes.get(parent, NODE.bits) & CHILD_FIELD) === CHILD_ONE) return 0;
      } else if ((nodes.get(parent, NODE.bits) & CHILD_FIELD) === 0) {
        return 0;
      }
    }
    const table = this.#table;
    let node = table.first(this.#tag(parent, lo, hi));
    for (; node !== 0; node = table.next()) {
      if (
        nodes.get(node, NODE.lo) === lo &&
        nodes.get(node, NODE.hi) === hi &&
        nodes.get(node, NODE.parent) === parent
      ) {
        break;
      }
    }
    return node;
  }

  /** A new node, which nobody holds. There is none like it. */
  add(parent: number, lo: number, hi: number): number {
    const nodes = this.#nodes;
    const node = nodes.take();
    nodes.set(node, NODE.lo, lo);
    nodes.set(node, NODE.hi, hi);
    nodes.set(node, NODE.parent, parent);
    nodes.set(node, NODE.child, 0);
    nodes.set(node, NODE.firstHold, 0);
    nodes.set(node, NODE.bits, 0);
    if (parent === 0) {
      this.#enter(node, 0, lo, hi);
      return node;
    }
    const bits = nodes.get(parent, NODE.bits);
    const named = nodes.get(parent, NODE.child);
    if ((bits & CHILD_FIELD) === 0) {
      nodes.set(parent, NODE.child, node);
    } else {
      if (named !== 0 && (nodes.get(named, NODE.bits) & IN_TABLE) === 0) {
        this.#enter(named, parent, nodes.get(named, NODE.lo), nodes.get(named, NODE.hi));
      }
      this.#enter(node, parent, lo, hi);
    }
    // Beyond what can be counted a node is kept for good: it never has too few children.
    if ((bits & CHILD_FIELD) !== CHILD_FIELD) nodes.set(parent, NODE.bits, bits + CHILD_ONE);
    return node;
  }

  /** Takes out a node that nobody holds and that has no children, and all above it of which that is then true. */
  prune(leaf: number): void {
    const nodes = this.#nodes;
    for (let node = leaf; node !== 0 && nodes.get(node, NODE.firstHold) === 0;) {
      const bits = nodes.get(node, NODE.bits);
      if ((bits & CHILD_FIELD) !== 0) return;
      const parent = nodes.get(node, NODE.parent);
      if ((bits & IN_TABLE) !== 0) {
        this.#table.remove(this.#tag(parent, nodes.get(node, NODE.lo), nodes.get(node, NODE.hi)), node);
      }
      if (parent !== 0) {
        if (nodes.get(parent, NODE.child) === node) nodes.set(parent, NODE.child, 0);
        const above = nodes.get(parent, NODE.bits);
        if ((above & CHILD_FIELD) !== CHILD_FIELD) nodes.set(parent, NODE.bits, above - CHILD_ONE);
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

  #enter(node: number, parent: number, lo: number, hi: number): void {
    this.mark(node, IN_TABLE);
    this.#table.add(this.#tag(parent, lo, hi), node);
  }

  #tag(parent: number, lo: number, hi: number): number {
    return this.#mix.place(0, lo, hi, -1) ^ Math.imul(parent, this.#parentFactor);
  }
}
