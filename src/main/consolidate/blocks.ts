/**
 * The blocks that somebody holds, and the holds: which hash of which holder names which block. MAIN THREAD.
 *
 *   block  sequence hash lo hi | rank, kinds of sources, published | published hash lo hi | local hash lo hi | position | salt | first hold
 *   hold   hash lo hi | owner | block | next and previous of the block | next and previous of the holder
 *
 *   index by sequence ──► block ◄── hold ◄── index by (owner, hash)
 *   index by published hash ──┘      └── list of the block, list of the holder
 *
 * With the lists both ends go in constant time: the last removal of a block takes out exactly the hashes that name it, and a
 * clear exactly what its source holds. 40 bytes a block, 32 a hold, and 11 to 14 for each entry of an index.
 */
import { MAX_RANK } from "../../shared/record.ts";
import { KeyMix } from "../../shared/key-mix.ts";
import { randomFillSync } from "node:crypto";
import { BLOCK, BLOCK_BITS, BLOCK_WORDS, HOLD, HOLD_WORDS, holderOf, ownerOf } from "./block-layout.ts";
import { SlotIndex } from "./slot-index.ts";
import { Slots } from "./slots.ts";

export class Blocks {
  readonly blocks: Slots = new Slots(BLOCK_WORDS);
  readonly holds: Slots = new Slots(HOLD_WORDS);
  readonly #byKey: SlotIndex = new SlotIndex();
  readonly #byName: SlotIndex = new SlotIndex();
  readonly #byHash: SlotIndex = new SlotIndex();
  readonly #mix: KeyMix = new KeyMix();
  /** For what an owner is besides its rank. */
  readonly #ownerMix: Int32Array = randomFillSync(new Int32Array(256));
  /** Newest hold, and number of holds, of each holder; number of holds of each rank. */
  readonly #firstOf: Int32Array;
  readonly #countOf: Int32Array;
  readonly #ofRank: Int32Array = new Int32Array(MAX_RANK + 1);

  constructor(sources: number) {
    this.#firstOf = new Int32Array((MAX_RANK + 1) * sources);
    this.#countOf = new Int32Array((MAX_RANK + 1) * sources);
  }

  get memoryBytes(): number {
    return (
      this.blocks.memoryBytes +
      this.holds.memoryBytes +
      this.#byKey.memoryBytes +
      this.#byName.memoryBytes +
      this.#byHash.memoryBytes +
      2 * this.#firstOf.byteLength +
      this.#ofRank.byteLength
    );
  }

  /** The block with this sequence hash at this position; 0 = none. Halves are signed here and everywhere below. */
  find(rank: number, lo: number, hi: number, position: number): number {
    const { blocks } = this;
    const index = this.#byKey;
    let block = index.first(this.#mix.place(rank, lo, hi, -1));
    for (; block !== 0; block = index.next()) {
      if (
        blocks.get(block, BLOCK.keyLo) === lo &&
        blocks.get(block, BLOCK.keyHi) === hi &&
        blocks.get(block, BLOCK.position) === position &&
        (blocks.get(block, BLOCK.bits) & BLOCK_BITS.rank) === rank
      ) {
        break;
      }
    }
    return block;
  }

  /** The block that is filed under this published hash; 0 = none. */
  findName(rank: number, lo: number, hi: number): number {
    const { blocks } = this;
    const index = this.#byName;
    let block = index.first(this.#mix.place(rank, lo, hi, -1));
    for (; block !== 0; block = index.next()) {
      if (
        blocks.get(block, BLOCK.nameLo) === lo &&
        blocks.get(block, BLOCK.nameHi) === hi &&
        (blocks.get(block, BLOCK.bits) & BLOCK_BITS.rank) === rank
      ) {
        break;
      }
    }
    return block;
  }

  /** A new block that nobody holds and that is not published. */
  create(rank: number, lo: number, hi: number, position: number): number {
    const { blocks } = this;
    const block = blocks.take();
    blocks.set(block, BLOCK.keyLo, lo);
    blocks.set(block, BLOCK.keyHi, hi);
    blocks.set(block, BLOCK.bits, rank);
    blocks.set(block, BLOCK.nameLo, 0);
    blocks.set(block, BLOCK.nameHi, 0);
    blocks.set(block, BLOCK.localLo, 0);
    blocks.set(block, BLOCK.localHi, 0);
    blocks.set(block, BLOCK.position, position);
    blocks.set(block, BLOCK.salt, 0);
    blocks.set(block, BLOCK.firstHold, 0);
    this.#byKey.add(this.#mix.place(rank, lo, hi, -1), block);
    return block;
  }

  /** The hash under which the block is published; `isFiled`: it can be found by it. */
  name(block: number, lo: number, hi: number, isFiled: boolean): void {
    const { blocks } = this;
    blocks.set(block, BLOCK.nameLo, lo);
    blocks.set(block, BLOCK.nameHi, hi);
    if (!isFiled) return;
    const bits = blocks.get(block, BLOCK.bits);
    blocks.set(block, BLOCK.bits, bits | BLOCK_BITS.named);
    this.#byName.add(this.#mix.place(bits & BLOCK_BITS.rank, lo, hi, -1), block);
  }

  /** Forgets a block, and every hash that still names it. */
  drop(block: number): void {
    const { blocks } = this;
    for (let hold = blocks.get(block, BLOCK.firstHold); hold !== 0; hold = blocks.get(block, BLOCK.firstHold)) {
      this.release(hold);
    }
    const bits = blocks.get(block, BLOCK.bits);
    const rank = bits & BLOCK_BITS.rank;
    const place = this.#mix.place(rank, blocks.get(block, BLOCK.keyLo), blocks.get(block, BLOCK.keyHi), -1);
    this.#byKey.remove(place, block);
    if ((bits & BLOCK_BITS.named) !== 0) {
      const named = this.#mix.place(rank, blocks.get(block, BLOCK.nameLo), blocks.get(block, BLOCK.nameHi), -1);
      this.#byName.remove(named, block);
    }
    blocks.give(block);
  }

  /** The hold that this owner has by this hash; 0 = none. */
  findHold(owner: number, lo: number, hi: number): number {
    const { holds } = this;
    const index = this.#byHash;
    let hold = index.first(this.#ownerPlace(owner, lo, hi));
    for (; hold !== 0; hold = index.next()) {
      if (holds.get(hold, HOLD.lo) === lo && holds.get(hold, HOLD.hi) === hi && holds.get(hold, HOLD.owner) === owner) {
        break;
      }
    }
    return hold;
  }

  hold(owner: number, lo: number, hi: number, block: number): void {
    const { holds } = this;
    const hold = holds.take();
    const holder = holderOf(owner);
    const older = this.#firstOf[holder] as number;
    holds.set(hold, HOLD.lo, lo);
    holds.set(hold, HOLD.hi, hi);
    holds.set(hold, HOLD.owner, owner);
    holds.set(hold, HOLD.holderNext, older);
    holds.set(hold, HOLD.holderPrevious, 0);
    if (older !== 0) holds.set(older, HOLD.holderPrevious, hold);
    this.#firstOf[holder] = hold;
    this.#count(owner, 1);
    this.#link(hold, block);
    this.#byHash.add(this.#ownerPlace(owner, lo, hi), hold);
  }

  /** Lets a hash name another block. */
  move(hold: number, block: number): void {
    this.#unlink(hold);
    this.#link(hold, block);
  }

  release(hold: number): void {
    const { holds } = this;
    this.#unlink(hold);
    const owner = holds.get(hold, HOLD.owner);
    const next = holds.get(hold, HOLD.holderNext);
    const previous = holds.get(hold, HOLD.holderPrevious);
    if (next !== 0) holds.set(next, HOLD.holderPrevious, previous);
    if (previous !== 0) holds.set(previous, HOLD.holderNext, next);
    else this.#firstOf[holderOf(owner)] = next;
    this.#count(owner, -1);
    this.#byHash.remove(this.#ownerPlace(owner, holds.get(hold, HOLD.lo), holds.get(hold, HOLD.hi)), hold);
    holds.give(hold);
  }

  /** Newest hold of a source in a rank; 0 = none. */
  newestHold(source: number, rank: number): number {
    return this.#firstOf[holderOf(ownerOf(source, 0, rank, false))] as number;
  }

  /** Whether other sources hold anything in this rank. */
  isSharedRank(source: number, rank: number): boolean {
    const own = this.#countOf[holderOf(ownerOf(source, 0, rank, false))] as number;
    return (this.#ofRank[rank] as number) > own;
  }

  /** Whether nothing is held in any other rank. */
  isOnlyRank(rank: number): boolean {
    return this.#ofRank[rank] === this.holds.live;
  }

  #count(owner: number, change: number): void {
    const holder = holderOf(owner);
    const rank = owner & MAX_RANK;
    this.#countOf[holder] = (this.#countOf[holder] as number) + change;
    this.#ofRank[rank] = (this.#ofRank[rank] as number) + change;
  }

  #ownerPlace(owner: number, lo: number, hi: number): number {
    return this.#mix.place(owner & MAX_RANK, lo, hi, -1) ^ (this.#ownerMix[owner >>> 10] as number);
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
