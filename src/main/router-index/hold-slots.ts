/**
 * Slots of holds, in chunks that belong to one owner each. MAIN THREAD.
 *
 *   page    16 chunks of 256 slots
 *   slot    hash lo hi | node | next and previous hold of the node
 *
 * Who the owner is stands once a chunk, and all that an owner holds is found by going through its chunks: neither takes up a word
 * of a slot. A free slot has node 0. Slot 0 is none.
 */
import { elementAt } from "../../shared/element.ts";

export const HOLD = { lo: 0, hi: 1, node: 2, next: 3, previous: 4 } as const;

const WORDS = 5;
const CHUNK_BITS = 8;
export const CHUNK_SLOTS: number = 1 << CHUNK_BITS;
const PAGE_BITS = 12;
const PAGE_MASK: number = (1 << PAGE_BITS) - 1;
const CHUNKS_A_PAGE: number = 1 << (PAGE_BITS - CHUNK_BITS);
const NO_CHUNK = -1;

/** Of a chunk. `open`: it is among its owner's chunks that have a free slot. */
const META = { owner: 0, live: 1, free: 2, next: 3, previous: 4, nextOpen: 5, previousOpen: 6, words: 7 } as const;

export class HoldSlots {
  /** Slots that are taken. */
  live: number = 0;
  readonly #pages: Int32Array[] = [];
  #meta: Int32Array = new Int32Array(0);
  /** First chunk of each owner, and the first of those that have room. */
  readonly #first: Int32Array;
  readonly #firstOpen: Int32Array;
  /** Slots that each owner has taken, and the chunks in which they are. */
  readonly #liveOf: Int32Array;
  readonly #chunksOf: Int32Array;
  #freeChunk: number = NO_CHUNK;
  #chunks: number = 0;
  /** Chunks that belong to somebody, and how many owners these are. */
  #usedChunks: number = 0;
  #usedOwners: number = 0;
  /** The owner at which the search for one that is spread out goes on. */
  #nextOwner: number = 0;

  /** Owners are numbered from 0 up to `owners`. */
  constructor(owners: number) {
    this.#first = new Int32Array(owners).fill(NO_CHUNK);
    this.#firstOpen = new Int32Array(owners).fill(NO_CHUNK);
    this.#liveOf = new Int32Array(owners);
    this.#chunksOf = new Int32Array(owners);
  }

  get memoryBytes(): number {
    return this.#pages.length * WORDS * 4 * (PAGE_MASK + 1) + this.#meta.byteLength + 4 * this.#first.byteLength;
  }

  /** Slots are numbered below this. */
  get end(): number {
    return this.#chunks << CHUNK_BITS;
  }

  liveOf(owner: number): number {
    return this.#liveOf[owner] as number;
  }

  /** How many chunks there would be with so many more slots of an owner, but for the first one of each owner. */
  furtherChunks(owner: number, slots: number): number {
    const chunks = this.#chunksOf[owner] as number;
    const lacking = Math.max(0, slots - ((chunks << CHUNK_BITS) - (this.#liveOf[owner] as number)));
    const owners = this.#usedOwners + (chunks === 0 && lacking > 0 ? 1 : 0);
    return this.#usedChunks + Math.ceil(lacking / CHUNK_SLOTS) - owners;
  }

  /** A chunk whose slots all have room in others of its owner; −1 if there is none. */
  spareChunk(): number {
    const owners = this.#liveOf.length;
    for (let i = 0; i < owners; i++) {
      const owner = this.#nextOwner;
      const free = ((this.#chunksOf[owner] as number) << CHUNK_BITS) - (this.#liveOf[owner] as number);
      // More than a chunk, since slot 0 is never free.
      if (free > CHUNK_SLOTS) return this.#firstOpen[owner] as number;
      this.#nextOwner = owner + 1 === owners ? 0 : owner + 1;
    }
    return NO_CHUNK;
  }

  page(slot: number): Int32Array {
    return elementAt(this.#pages, slot >>> PAGE_BITS);
  }

  get(slot: number, word: number): number {
    return elementAt(this.#pages, slot >>> PAGE_BITS)[(slot & PAGE_MASK) * WORDS + word] as number;
  }

  set(slot: number, word: number, value: number): void {
    elementAt(this.#pages, slot >>> PAGE_BITS)[(slot & PAGE_MASK) * WORDS + word] = value;
  }

  /** Whether the slot has this hash, and belongs to the owner. */
  is(slot: number, owner: number, lo: number, hi: number): boolean {
    const page = elementAt(this.#pages, slot >>> PAGE_BITS);
    const at = (slot & PAGE_MASK) * WORDS;
    return page[at] === lo && page[at + 1] === hi && this.owner(slot) === owner;
  }

  /** Writes all of a slot; nothing is before it. */
  put(slot: number, lo: number, hi: number, node: number, next: number): void {
    const page = elementAt(this.#pages, slot >>> PAGE_BITS);
    const at = (slot & PAGE_MASK) * WORDS;
    page[at + HOLD.lo] = lo;
    page[at + HOLD.hi] = hi;
    page[at + HOLD.node] = node;
    page[at + HOLD.next] = next;
    page[at + HOLD.previous] = 0;
  }

  owner(slot: number): number {
    return this.#meta[(slot >>> CHUNK_BITS) * META.words + META.owner] as number;
  }

  /** The last slot up to which all are free that lie from this free one on, as far as is known without a look at each. */
  lastFree(slot: number): number {
    const isEmpty = this.#meta[(slot >>> CHUNK_BITS) * META.words + META.live] === 0;
    return isEmpty ? slot | (CHUNK_SLOTS - 1) : slot;
  }

  /** A slot for this owner, with anything in it but in its node. */
  take(owner: number): number {
    const chunk = this.#firstOpen[owner] as number;
    return this.#takeIn(chunk === NO_CHUNK ? this.#newChunk(owner) : chunk, owner);
  }

  /** The same, but not in this chunk of the owner, which has a free slot itself. */
  takeBeside(chunk: number, owner: number): number {
    const open = this.#firstOpen[owner] as number;
    const other = open === chunk ? (this.#meta[chunk * META.words + META.nextOpen] as number) : open;
    return this.#takeIn(other === NO_CHUNK ? this.#newChunk(owner) : other, owner);
  }

  give(slot: number): void {
    this.live--;
    const chunk = slot >>> CHUNK_BITS;
    const meta = this.#meta;
    const m = chunk * META.words;
    const owner = meta[m + META.owner] as number;
    if (meta[m + META.free] === 0) this.#open(chunk, owner);
    const page = this.page(slot);
    const at = placeOf(slot);
    page[at + HOLD.node] = 0;
    page[at + HOLD.next] = meta[m + META.free] as number;
    meta[m + META.free] = slot;
    const live = (meta[m + META.live] as number) - 1;
    meta[m + META.live] = live;
    this.#liveOf[owner] = (this.#liveOf[owner] as number) - 1;
    if (live === 0) this.#dropChunk(chunk, owner);
  }

  /** Calls back for each slot of the owner, which may be given back meanwhile. */
  forEach(owner: number, visit: (slot: number) => void): void {
    for (let chunk = this.#first[owner] as number; chunk !== NO_CHUNK;) {
      const next = this.#meta[chunk * META.words + META.next] as number;
      this.forEachIn(chunk, visit);
      chunk = next;
    }
  }

  /** The same for a chunk. */
  forEachIn(chunk: number, visit: (slot: number) => void): void {
    const start = chunk << CHUNK_BITS;
    for (let slot = start; slot < start + CHUNK_SLOTS; slot++) if (this.get(slot, HOLD.node) !== 0) visit(slot);
  }

  #takeIn(chunk: number, owner: number): number {
    this.live++;
    this.#liveOf[owner] = (this.#liveOf[owner] as number) + 1;
    const meta = this.#meta;
    const m = chunk * META.words;
    const slot = meta[m + META.free] as number;
    const next = this.get(slot, HOLD.next);
    meta[m + META.live] = (meta[m + META.live] as number) + 1;
    meta[m + META.free] = next;
    if (next === 0) this.#close(chunk, owner);
    return slot;
  }

  #newChunk(owner: number): number {
    let chunk = this.#freeChunk;
    if (chunk === NO_CHUNK) {
      chunk = this.#chunks++;
      if (chunk % CHUNKS_A_PAGE === 0) this.#pages.push(new Int32Array(WORDS << PAGE_BITS));
      if (this.#meta.length <= chunk * META.words) {
        const longer = new Int32Array(Math.max(64 * META.words, 2 * this.#meta.length));
        longer.set(this.#meta);
        this.#meta = longer;
      }
    } else {
      this.#freeChunk = this.#meta[chunk * META.words + META.next] as number;
    }
    const m = chunk * META.words;
    const start = chunk << CHUNK_BITS;
    // In ascending order, so that what is stored together lies together. Slot 0 is none, and never given out.
    const first = Math.max(1, start);
    for (let slot = first; slot < start + CHUNK_SLOTS; slot++) {
      this.set(slot, HOLD.node, 0);
      this.set(slot, HOLD.next, slot + 1 < start + CHUNK_SLOTS ? slot + 1 : 0);
    }
    const meta = this.#meta;
    meta[m + META.owner] = owner;
    meta[m + META.live] = 0;
    meta[m + META.free] = first;
    this.#countChunk(owner, 1);
    this.#link(this.#first, META.next, META.previous, chunk, owner);
    this.#open(chunk, owner);
    return chunk;
  }

  #dropChunk(chunk: number, owner: number): void {
    this.#close(chunk, owner);
    this.#unlink(this.#first, META.next, META.previous, chunk, owner);
    this.#meta[chunk * META.words + META.next] = this.#freeChunk;
    this.#freeChunk = chunk;
    this.#countChunk(owner, -1);
  }

  #countChunk(owner: number, change: number): void {
    const chunks = (this.#chunksOf[owner] as number) + change;
    this.#chunksOf[owner] = chunks;
    this.#usedChunks += change;
    // Its first one, or its last.
    if (chunks === 0 || chunks - change === 0) this.#usedOwners += change;
  }

  #open(chunk: number, owner: number): void {
    this.#link(this.#firstOpen, META.nextOpen, META.previousOpen, chunk, owner);
  }

  #close(chunk: number, owner: number): void {
    this.#unlink(this.#firstOpen, META.nextOpen, META.previousOpen, chunk, owner);
  }

  #link(heads: Int32Array, next: number, previous: number, chunk: number, owner: number): void {
    const meta = this.#meta;
    const head = heads[owner] as number;
    meta[chunk * META.words + next] = head;
    meta[chunk * META.words + previous] = NO_CHUNK;
    if (head !== NO_CHUNK) meta[head * META.words + previous] = chunk;
    heads[owner] = chunk;
  }

  #unlink(heads: Int32Array, next: number, previous: number, chunk: number, owner: number): void {
    const meta = this.#meta;
    const after = meta[chunk * META.words + next] as number;
    const before = meta[chunk * META.words + previous] as number;
    if (after !== NO_CHUNK) meta[after * META.words + previous] = before;
    if (before !== NO_CHUNK) meta[before * META.words + next] = after;
    else heads[owner] = after;
  }
}

/** Where a slot begins in its page. */
export function placeOf(slot: number): number {
  return (slot & PAGE_MASK) * WORDS;
}
