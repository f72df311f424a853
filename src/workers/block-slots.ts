/**
 * Memory of the shadow index: one slot a block, in pages. INDEX THREAD. Layout, allocation, lists; no meaning.
 *
 *   slot   12 words, then the block's tokens if they are kept:  48 bytes + 4 a token
 *
 *   word  0  hash, low half           1  hash, high half
 *         2  parent hash, low half    3  parent hash, high half
 *         4  attention-DP rank (bits 0-15) | flags (bits 16-…)
 *         5  LoRA and salt, a number in the side table      6  multimodal hashes, likewise; 0 = none
 *         7  version at birth         8  version at death, 0 = alive
 *         9  next slot of the same place in the hash table, or of the free list
 *        10  previous slot in its list                     11  next slot in its list
 *
 * All that belongs to a block lies together, so that one is found or changed within a line or two of the cache. Pages,
 * instead of columns that double, because copying a hundred megabytes takes longer than any event may.
 *
 * Slots are numbered from 1; 0 is none. Words are signed here, because V8 hands a signed number from function to
 * function in a register, and an unsigned one beyond 2^31 in a new object.
 */
import { elementAt } from "../shared/element.ts";
import { BLOCK_BYTES } from "../shared/index-limits.ts";

export const BLOCK = {
  hashLo: 0,
  hashHi: 1,
  parentLo: 2,
  parentHi: 3,
  rank: 4,
  texts: 5,
  mm: 6,
  born: 7,
  died: 8,
  placeNext: 9,
  previous: 10,
  next: 11,
} as const;

/** Words of a slot before its tokens. */
export const BLOCK_WORDS: number = BLOCK_BYTES / 4;

export const BLOCK_RANK_MASK = 0xffff;
export const BLOCK_FLAG = {
  parent: 0x10000,
  /** The event it came with had a list of multimodal entries, be it of nulls only. */
  mmList: 0x20000,
} as const;

/** A page is about this large, or holds one slot if that is larger. */
const PAGE_BYTES: number = 1 << 20;

/** A doubly linked list of slots; each slot is in one list at most. */
export interface SlotList {
  head: number;
  tail: number;
}

export class BlockSlots {
  /** Words of one slot. */
  readonly stride: number;
  /** Words of one page. */
  readonly #pageWords: number;
  readonly #shift: number;
  readonly #mask: number;
  readonly #pages: Int32Array[] = [];
  #free: number = 0;
  #unused: number = 1;

  /** `tokens`: words behind those of `BLOCK`. */
  constructor(tokens: number) {
    this.stride = BLOCK_WORDS + tokens;
    this.#shift = Math.max(0, Math.floor(Math.log2(PAGE_BYTES / (4 * this.stride))));
    this.#mask = 2 ** this.#shift - 1;
    this.#pageWords = this.stride * 2 ** this.#shift;
  }

  /** One more than the highest slot ever taken. */
  get end(): number {
    return this.#unused;
  }

  get memoryBytes(): number {
    return this.#pages.length * this.#pageWords * 4;
  }

  /** The page of a slot; its words begin at `at(slot)`. */
  page(slot: number): Int32Array {
    return elementAt(this.#pages, slot >>> this.#shift);
  }

  at(slot: number): number {
    return (slot & this.#mask) * this.stride;
  }

  /** A slot that nobody uses, with anything in it. */
  take(): number {
    const slot = this.#free;
    if (slot !== 0) {
      this.#free = this.page(slot)[this.at(slot) + BLOCK.placeNext] as number;
      return slot;
    }
    if (this.#unused >>> this.#shift === this.#pages.length) this.#pages.push(new Int32Array(this.#pageWords));
    return this.#unused++;
  }

  /** Returns a slot that is in no list. */
  give(slot: number): void {
    this.page(slot)[this.at(slot) + BLOCK.placeNext] = this.#free;
    this.#free = slot;
  }

  next(slot: number): number {
    return this.page(slot)[this.at(slot) + BLOCK.next] as number;
  }

  append(list: SlotList, slot: number): void {
    const page = this.page(slot);
    const at = this.at(slot);
    const last = list.tail;
    page[at + BLOCK.previous] = last;
    page[at + BLOCK.next] = 0;
    if (last === 0) list.head = slot;
    else this.page(last)[this.at(last) + BLOCK.next] = slot;
    list.tail = slot;
  }

  unlink(list: SlotList, slot: number): void {
    const page = this.page(slot);
    const at = this.at(slot);
    const previous = page[at + BLOCK.previous] as number;
    const next = page[at + BLOCK.next] as number;
    if (previous === 0) list.head = next;
    else this.page(previous)[this.at(previous) + BLOCK.next] = next;
    if (next === 0) list.tail = previous;
    else this.page(next)[this.at(next) + BLOCK.previous] = previous;
  }
}
