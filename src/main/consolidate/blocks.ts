/**
 * The blocks of one rank that somebody holds, and the holds: which hash of which source names which block. MAIN THREAD.
 *
 *   block  sequence hash lo hi | kinds of sources, published | published hash lo hi | local hash lo hi | position | salt | first hold
 *   hold   hash lo hi | owner | block | next and previous of the block | next and previous of the source
 *
 *   index by sequence ──► block ◄── hold ◄── index by hash
 *                           ▲        └── list of the block, list of the source
 *                           └── index by hash, for the one that is published
 *
 * With the lists both ends go in constant time: the last removal of a block takes out exactly the hashes that name it, and a
 * clear exactly what its source holds. In the index by hash a published hash stands beside the holds of the same hash, for
 * what is stored or removed asks for both: each index costs a visit to a far place of memory. 40 bytes a block, 32 a hold, and
 * 11 to 14 for each entry of an index.
 */
import type { KeyMix } from "../../shared/key-mix.ts";
import { BLOCK, BLOCK_BITS, BLOCK_WORDS, HOLD, HOLD_WORDS } from "./block-layout.ts";
import { Holders } from "./holders.ts";
import { SlotIndex } from "./slot-index.ts";
import { Slots } from "./slots.ts";
import { TextTable } from "./text-table.ts";

/** Live ones, of all ranks. */
export interface LiveCounts {
  blocks: number;
  mappings: number;
}

export class Blocks {
  readonly blocks: Slots = new Slots(BLOCK_WORDS);
  readonly holds: Slots = new Slots(HOLD_WORDS);
  readonly holders: Holders;
  /** Of the blocks, by BLOCK.salt. */
  readonly salts: TextTable = new TextTable();
  readonly #counts: LiveCounts;
  readonly #byKey: SlotIndex = new SlotIndex();
  /** Slots of holds, and less than zero those of blocks that are published under the hash. */
  readonly #byHash: SlotIndex = new SlotIndex();
  readonly #mix: KeyMix;
  /** The hash that was placed last. */
  #lo: number = 0;
  #hi: number = 0;
  #tag: number;

  /** `mix` and `counts` may be shared. */
  constructor(sources: number, mix: KeyMix, counts: LiveCounts) {
    this.#mix = mix;
    this.#counts = counts;
    this.holders = new Holders(this.holds, sources);
    this.#tag = mix.place(0, 0, 0, -1);
  }

  get memoryBytes(): number {
    const slots = this.blocks.memoryBytes + this.holds.memoryBytes;
    return slots + this.#byKey.memoryBytes + this.#byHash.memoryBytes + this.salts.memoryBytes;
  }

  /** They are not used any more, and count no longer. */
  retire(): void {
    this.#counts.blocks -= this.blocks.live;
    this.#counts.mappings -= this.holds.live;
  }

  /** The block with this sequence hash at this position; 0 = none. Halves are signed here and everywhere below. */
  find(lo: number, hi: number, position: number): number {
    const { blocks } = this;
    const index = this.#byKey;
    let block = index.first(this.#mix.place(0, lo, hi, -1));
    for (; block !== 0; block = index.next()) {
      if (
        blocks.get(block, BLOCK.keyLo) === lo &&
        blocks.get(block, BLOCK.keyHi) === hi &&
        blocks.get(block, BLOCK.position) === position
      ) {
        break;
      }
    }
    return block;
  }

  /** The block that is filed under this published hash; 0 = none. */
  findName(lo: number, hi: number): number {
    const { blocks } = this;
    const index = this.#byHash;
    for (let slot = index.first(this.#tagOf(lo, hi)); slot !== 0; slot = index.next()) {
      if (slot < 0 && blocks.get(-slot, BLOCK.nameLo) === lo && blocks.get(-slot, BLOCK.nameHi) === hi) return -slot;
    }
    return 0;
  }

  /** A new block that nobody holds and that is not published. */
  create(lo: number, hi: number, position: number): number {
    const { blocks } = this;
    const block = blocks.take();
    this.#counts.blocks++;
    blocks.set(block, BLOCK.keyLo, lo);
    blocks.set(block, BLOCK.keyHi, hi);
    blocks.set(block, BLOCK.bits, 0);
    blocks.set(block, BLOCK.nameLo, 0);
    blocks.set(block, BLOCK.nameHi, 0);
    blocks.set(block, BLOCK.localLo, 0);
    blocks.set(block, BLOCK.localHi, 0);
    blocks.set(block, BLOCK.position, position);
    blocks.set(block, BLOCK.salt, 0);
    blocks.set(block, BLOCK.firstHold, 0);
    this.#byKey.add(this.#mix.place(0, lo, hi, -1), block);
    return block;
  }

  /** The hash under which the block is published; `isFiled`: it can be found by it. */
  name(block: number, lo: number, hi: number, isFiled: boolean): void {
    const { blocks } = this;
    blocks.set(block, BLOCK.nameLo, lo);
    blocks.set(block, BLOCK.nameHi, hi);
    if (!isFiled) return;
    blocks.set(block, BLOCK.bits, blocks.get(block, BLOCK.bits) | BLOCK_BITS.named);
    this.#byHash.add(this.#tagOf(lo, hi), -block);
  }

  /** Forgets a block, and every hash that still names it. */
  drop(block: number): void {
    const { blocks } = this;
    for (let hold = blocks.get(block, BLOCK.firstHold); hold !== 0; hold = blocks.get(block, BLOCK.firstHold)) {
      this.release(hold);
    }
    this.#byKey.remove(this.#mix.place(0, blocks.get(block, BLOCK.keyLo), blocks.get(block, BLOCK.keyHi), -1), block);
    if ((blocks.get(block, BLOCK.bits) & BLOCK_BITS.named) !== 0) {
      this.#byHash.remove(this.#tagOf(blocks.get(block, BLOCK.nameLo), blocks.get(block, BLOCK.nameHi)), -block);
    }
    this.salts.release(blocks.get(block, BLOCK.salt));
    this.#counts.blocks--;
    blocks.give(block);
  }

  /** The hold that this owner has by this hash; 0 = none. */
  findHold(owner: number, lo: number, hi: number): number {
    const { holds } = this;
    const now = this.holders.now(owner);
    const index = this.#byHash;
    for (let slot = index.first(this.#tagOf(lo, hi)); slot !== 0; slot = index.next()) {
      if (
        slot > 0 &&
        holds.get(slot, HOLD.lo) === lo &&
        holds.get(slot, HOLD.hi) === hi &&
        holds.get(slot, HOLD.owner) === now
      ) {
        return slot;
      }
    }
    return 0;
  }

  hold(owner: number, lo: number, hi: number, block: number): void {
    const { holds } = this;
    const hold = holds.take();
    this.#counts.mappings++;
    holds.set(hold, HOLD.lo, lo);
    holds.set(hold, HOLD.hi, hi);
    this.holders.add(hold, owner);
    this.#link(hold, block);
    this.#byHash.add(this.#tagOf(lo, hi), hold);
  }

  /** Lets a hash name another block. */
  move(hold: number, block: number): void {
    this.#unlink(hold);
    this.#link(hold, block);
  }

  release(hold: number): void {
    const { holds } = this;
    this.#unlink(hold);
    this.holders.remove(hold);
    this.#byHash.remove(this.#tagOf(holds.get(hold, HOLD.lo), holds.get(hold, HOLD.hi)), hold);
    this.#counts.mappings--;
    holds.give(hold);
  }

  /** Whether all that hold the block have been cleared. */
  isForsaken(block: number): boolean {
    const { blocks, holders, holds } = this;
    if (!holders.hasDoomed) return false;
    let hold = blocks.get(block, BLOCK.firstHold);
    while (hold !== 0 && holders.isDoomed(hold)) hold = holds.get(hold, HOLD.next);
    return hold === 0;
  }

  #tagOf(lo: number, hi: number): number {
    if (lo !== this.#lo || hi !== this.#hi) {
      this.#lo = lo;
      this.#hi = hi;
      this.#tag = this.#mix.place(0, lo, hi, -1);
    }
    return this.#tag;
  }

  #link(hold: number, block: number): void {
    const { blocks, holds } = this;
    const first = blocks.get(block, BLOCK.firstHold);
    holds.set(hold, HOLD.block, block);
    holds.set(hold, HOLD.next, first);
    holds.set(hold, HOLD.previous, 0);
    if (first !== 0) holds.set(first, HOLD.previous, hold);
    blocks.set(block, BLOCK.firstHold, hold);
  }

  #unlink(hold: number): void {
    const { blocks, holds } = this;
    const next = holds.get(hold, HOLD.next);
    const previous = holds.get(hold, HOLD.previous);
    if (next !== 0) holds.set(next, HOLD.previous, previous);
    if (previous !== 0) holds.set(previous, HOLD.next, next);
    else blocks.set(holds.get(hold, HOLD.block), BLOCK.firstHold, next);
  }
}
