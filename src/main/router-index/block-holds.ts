/**
 * Who holds which blocks on the device: an owner is one rank of one worker, a hold is a block's hash as its owner calls it.
 * MAIN THREAD; no sockets.
 *
 *   (owner, hash) ──► hold ──► node of the prefix tree ──► all holds of the node
 *
 * Owners may call a block what they like, and one owner may call it by several hashes: it holds the block as long as it has one
 * of them. 20 bytes a hold, and 11 to 12 for its entry in the table.
 */
import { randomFillSync } from "node:crypto";
import { KeyMix } from "../../shared/key-mix.ts";
import { SlotIndex } from "../consolidate/slot-index.ts";
import { HoldPacking } from "./hold-packing.ts";
import { HOLD, HoldSlots, placeOf } from "./hold-slots.ts";
import { HOLDERS_MASK, NODE_FLAG, PrefixTree } from "./prefix-tree.ts";

/** Owners are numbered below this. */
export const MAX_OWNERS: number = HOLDERS_MASK;
/** Further holders than these are not looked through for the sake of a flag, which is set then. */
const MAX_LOOK = 32;
const FIRST_TAGS = 256;

export class BlockHolds {
  readonly tree: PrefixTree = new PrefixTree();
  readonly #holds: HoldSlots = new HoldSlots(MAX_OWNERS);
  readonly #table: SlotIndex = new SlotIndex({ isDense: true });
  readonly #mix: KeyMix = new KeyMix();
  readonly #ownerMix: Int32Array = randomFillSync(new Int32Array(MAX_OWNERS));
  readonly #packing: HoldPacking;
  /** What came of looking at the places of announced hashes: nothing that matters, but what comes of nothing is left out by compilers. */
  touched: number = 0;
  /** Tags of the hashes that were announced. */
  #tags: Int32Array = new Int32Array(FIRST_TAGS);
  /** The tag of what was looked for last. */
  #tag: number = 0;

  /** `maxHolds`: most there will be. */
  constructor(maxHolds: number) {
    const tagOf = (hold: number): number => this.#tagOf(this.owner(hold), this.lo(hold), this.hi(hold));
    this.#packing = new HoldPacking({ slots: this.#holds, tree: this.tree, table: this.#table, tagOf }, maxHolds);
  }

  get holds(): number {
    return this.#holds.live;
  }

  get memoryBytes(): number {
    return this.tree.memoryBytes + this.#holds.memoryBytes + this.#table.memoryBytes + this.#ownerMix.byteLength;
  }

  holdsOf(owner: number): number {
    return this.#holds.liveOf(owner);
  }

  /** Before the owner gets so many holds. What `find` returned of late, for anyone, is not to be used any more. */
  reserve(owner: number, count: number): void {
    this.#packing.reserve(owner, count);
  }

  /**
   * Announces the hashes that `findAnnounced` will be asked for, so that they come into the cache all at once: their places in the
   * table, then their holds. A processor looks ahead by some hundred instructions, so the loop that waits for memory does nothing else.
   */
  announce(owner: number, lo: Int32Array, hi: Int32Array, count: number): void {
    if (count > this.#tags.length) this.#tags = new Int32Array(2 * count);
    const tags = this.#tags;
    const table = this.#table;
    const holds = this.#holds;
    let touched = 0;
    for (let i = 0; i < count; i++) tags[i] = this.#tagOf(owner, lo[i] as number, hi[i] as number);
    for (let i = 0; i < count; i++) touched ^= table.touch(tags[i] as number);
    // Slot 0, in place of those that nobody holds, is always near, if there are any.
    const found = holds.live === 0 ? 0 : count;
    for (let i = 0; i < found; i++) touched ^= holds.get(table.touch(tags[i] as number), HOLD.node);
    this.touched = touched;
  }

  /** As `find`, for the announced hash with this number. */
  findAnnounced(i: number, owner: number, lo: number, hi: number): number {
    return this.#findTagged(this.#tags[i] as number, owner, lo, hi);
  }

  /** The hold that the owner has by this hash, halves signed; 0 = none. */
  find(owner: number, lo: number, hi: number): number {
    return this.#findTagged(this.#tagOf(owner, lo, hi), owner, lo, hi);
  }

  node(hold: number): number {
    return this.#holds.get(hold, HOLD.node);
  }

  lo(hold: number): number {
    return this.#holds.get(hold, HOLD.lo);
  }

  hi(hold: number): number {
    return this.#holds.get(hold, HOLD.hi);
  }

  owner(hold: number): number {
    return this.#holds.owner(hold);
  }

  /** The hold behind this one in the list of their node; 0 at its end. */
  next(hold: number): number {
    return this.#holds.get(hold, HOLD.next);
  }

  /** A hold of the owner at this node; 0 = none. */
  holdAt(owner: number, node: number): number {
    let hold = this.tree.firstHold(node);
    while (hold !== 0 && this.#holds.owner(hold) !== owner) hold = this.#holds.get(hold, HOLD.next);
    return hold;
  }

  /**
   * A new node behind `parent`, which the owner holds by this hash from now on. There is none like it. `known`: what `find` has just
   * returned for owner and hash. Returns the node.
   */
  holdNew(
    owner: number,
    lo: number,
    hi: number,
    known: number,
    parent: number,
    localLo: number,
    localHi: number,
  ): number {
    const tag = this.#tag;
    const hold = this.#holds.take(owner);
    const node = this.tree.add(parent, localLo, localHi, hold);
    this.#holds.put(hold, lo, hi, node, 0);
    this.#file(tag, hold, known);
    if (known !== 0) this.#unfile(known, tag, false);
    return node;
  }

  /** The owner holds this node by this hash from now on. `known`: what `find` has just returned for the two. */
  hold(owner: number, lo: number, hi: number, node: number, known: number): void {
    const tag = this.#tag;
    this.#add(owner, lo, hi, node, tag, known);
    // Only now, as it might take the node with it. The hash names another block than before.
    if (known !== 0) this.#unfile(known, tag, false);
  }

  /** Lets go of what `find` has just returned. */
  releaseFound(hold: number): void {
    this.#table.removeFound();
    this.#release(hold, false);
  }

  /** Returns how many holds the owner had. */
  clear(owner: number): number {
    const count = this.holdsOf(owner);
    this.#holds.forEach(owner, (hold) => this.#unfile(hold, this.#tagOf(owner, this.lo(hold), this.hi(hold)), true));
    return count;
  }

  /** Calls back for each hold of the owner. Nothing may be changed meanwhile. */
  forEach(owner: number, visit: (hold: number) => void): void {
    this.#holds.forEach(owner, visit);
  }

  /** Lets go of any hold. */
  release(hold: number): void {
    this.#unfile(hold, this.#tagOf(this.owner(hold), this.lo(hold), this.hi(hold)), false);
  }

  /** Holds are numbered from 1 to below this; those without a node are free. */
  get end(): number {
    return this.#holds.end;
  }

  /** See HoldSlots. */
  lastFree(hold: number): number {
    return this.#holds.lastFree(hold);
  }

  /** Whether the hold is the owner's, by this hash. */
  is(hold: number, owner: number, lo: number, hi: number): boolean {
    return this.#holds.is(hold, owner, lo, hi) && this.node(hold) !== 0;
  }

  #findTagged(tag: number, owner: number, lo: number, hi: number): number {
    const holds = this.#holds;
    const table = this.#table;
    this.#tag = tag;
    let hold = table.first(tag);
    while (hold !== 0 && !holds.is(hold, owner, lo, hi)) hold = table.next();
    return hold;
  }

  #add(owner: number, lo: number, hi: number, node: number, tag: number, known: number): void {
    const holds = this.#holds;
    const { tree } = this;
    const first = tree.firstHold(node);
    let isHolder = false;
    if (first !== 0) {
      const isLikeFirst = this.lo(first) === lo && this.hi(first) === hi;
      // As long as all call the node alike, who has not this hash has none of it.
      if (!isLikeFirst || tree.has(node, NODE_FLAG.mixed)) {
        isHolder = this.holdAt(owner, node) !== 0;
        tree.mark(node, NODE_FLAG.mixed);
      }
    }
    const hold = holds.take(owner);
    holds.put(hold, lo, hi, node, first);
    if (first !== 0) holds.set(first, HOLD.previous, hold);
    tree.setFirstHold(node, hold);
    if (!isHolder) tree.countHolder(node, 1);
    this.#file(tag, hold, known);
  }

  /** `known`: what the search for the tag has just returned. If that is none, it ended where the hold belongs. */
  #file(tag: number, hold: number, known: number): void {
    if (known === 0) this.#table.addSearched(tag, hold);
    else this.#table.add(tag, hold);
  }

  #unfile(hold: number, tag: number, isClear: boolean): void {
    this.#table.remove(tag, hold);
    this.#release(hold, isClear);
  }

  #release(hold: number, isClear: boolean): void {
    const holds = this.#holds;
    const { tree } = this;
    const owner = holds.owner(hold);
    const page = holds.page(hold);
    const at = placeOf(hold);
    const node = page[at + HOLD.node] as number;
    const next = page[at + HOLD.next] as number;
    const previous = page[at + HOLD.previous] as number;
    holds.give(hold);
    if (next === 0 && previous === 0) {
      const hasChildren = tree.empty(node);
      if (!hasChildren) tree.prune(node);
      else if (!isClear && this.#mayLeaveGap(owner, node)) tree.mark(node, NODE_FLAG.gap);
      return;
    }
    if (next !== 0) holds.set(next, HOLD.previous, previous);
    if (previous !== 0) holds.set(previous, HOLD.next, next);
    else tree.setFirstHold(node, next);
    if (tree.has(node, NODE_FLAG.mixed) && this.holdAt(owner, node) !== 0) return;
    tree.countHolder(node, -1);
    // An owner that loses everything leaves nothing behind that hangs in the air.
    if (!isClear && this.#mayLeaveGap(owner, node)) tree.mark(node, NODE_FLAG.gap);
  }

  /** Whether the owner, which does not hold the node any more, may still hold a child of it. */
  #mayLeaveGap(owner: number, node: number): boolean {
    const { tree } = this;
    if (!tree.hasChildren(node)) return false;
    const child = tree.onlyChild(node);
    if (child === 0 || tree.holders(child) > MAX_LOOK) return true;
    return this.holdAt(owner, child) !== 0;
  }

  #tagOf(owner: number, lo: number, hi: number): number {
    return this.#mix.place(0, lo, hi, -1) ^ (this.#ownerMix[owner] as number);
  }
}
