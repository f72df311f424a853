/**
 * Live blocks by (rank, hash), and, for open scans, those that have died since. INDEX THREAD.
 *
 * A scan must see the state as it was when it began, while blocks come and go. Every block therefore knows at which
 * version it was born and died; beginning a scan just takes the version and raises it:
 *
 *   a scan of version v sees a block that was born at v or before, and is alive or died after v
 *
 * A block that dies while a scan still needs it leaves the list of its rank for the rank's graveyard, but keeps its
 * slot and its place in the hash table. It goes when the scan has read it, or when it is closed. What lies in
 * graveyards is bounded: when there would be too much, the oldest scan is given up.
 *
 * The hash table has its full size from the beginning, so that no event ever has to wait until it has been rebuilt.
 * Blocks of one place are chained, so that one can be taken out without leaving a mark.
 */
import { BLOCK, BLOCK_RANK_MASK, BlockSlots, type SlotList } from "./block-slots.ts";
import { KeyMix } from "../shared/key-mix.ts";
import type { SideTable } from "./side-table.ts";

/** A rank: its live blocks in the order in which they came, and its graveyard in the order in which they died. */
export interface RankBlocks {
  readonly rank: number;
  blocks: number;
  readonly live: SlotList;
  readonly graves: SlotList;
}

/** What an open scan shares with the table. */
export interface View {
  readonly version: number;
  /** A bit for each slot that existed when it began: whether the scan needs it no more. */
  readonly read: Uint32Array;
  /** The slot that the scan looks at next, in either list of its rank; 0 at the end of a list. */
  cursor: number;
  /** False when it was closed or given up. */
  open: boolean;
}

/** Graves that go at once when a scan is over; the others go one after the other, as events come. */
const TIDY_AFTER_VIEW = 4096;
/** Ranks whose graveyards are looked at before tidying is left for another time. */
const TIDY_RANKS = 8;

export class BlockTable {
  readonly slots: BlockSlots;
  /** By rank; holes where none was heard of. */
  readonly ranks: (RankBlocks | undefined)[] = [];
  live: number = 0;
  graves: number = 0;
  /** Scans that were given up. */
  overflows: number = 0;
  readonly #side: SideTable;
  readonly #mix: KeyMix = new KeyMix();
  readonly #places: Uint32Array;
  readonly #mask: number;
  readonly #maxGraves: number;
  /** Open ones, oldest first. */
  readonly #views: View[] = [];
  /** Version at which blocks are born now. Never 0. */
  #version: number = 1;
  /** Rank whose graveyard is tidied next. */
  #tidying: number = 0;

  constructor(maxBlocks: number, maxGraves: number, tokens: number, side: SideTable) {
    this.slots = new BlockSlots(tokens);
    this.#side = side;
    this.#maxGraves = maxGraves;
    this.#places = new Uint32Array(2 ** Math.ceil(Math.log2(2 * maxBlocks)));
    this.#mask = this.#places.length - 1;
  }

  get memoryBytes(): number {
    const views = this.#views.reduce((sum, view) => sum + view.read.byteLength, 0);
    return this.slots.memoryBytes + this.#places.byteLength + views;
  }

  get openViews(): number {
    return this.#views.length;
  }

  /** The rank, made if it is new. */
  rank(rank: number): RankBlocks {
    return (this.ranks[rank] ??= { rank, blocks: 0, live: { head: 0, tail: 0 }, graves: { head: 0, tail: 0 } });
  }

  /**
   * The block of that key which the scan of the `view` sees, or without one the live block; 0 for none. Halves of hashes
   * are signed here (`half | 0`).
   */
  find(rank: number, lo: number, hi: number, view: View | null = null): number {
    const { slots } = this;
    let slot = this.#places[this.#mix.place(rank, lo, hi, this.#mask)] as number;
    while (slot !== 0) {
      const page = slots.page(slot);
      const at = slots.at(slot);
      if (
        page[at + BLOCK.hashLo] === lo &&
        page[at + BLOCK.hashHi] === hi &&
        ((page[at + BLOCK.rank] as number) & BLOCK_RANK_MASK) === rank &&
        (view === null ? page[at + BLOCK.died] === 0 : this.sees(view, page, at))
      ) {
        return slot;
      }
      slot = page[at + BLOCK.placeNext] as number;
    }
    return 0;
  }

  sees(view: View, page: Int32Array, at: number): boolean {
    if ((page[at + BLOCK.born] as number) > view.version) return false;
    const died = page[at + BLOCK.died] as number;
    return died === 0 || died > view.version;
  }

  /** Makes a live block of that key, which must have none; parent, texts and tokens are the caller's to write. */
  insert(rank: RankBlocks, lo: number, hi: number): number {
    const { slots } = this;
    const slot = slots.take();
    const page = slots.page(slot);
    const at = slots.at(slot);
    const place = this.#mix.place(rank.rank, lo, hi, this.#mask);
    page[at + BLOCK.hashLo] = lo;
    page[at + BLOCK.hashHi] = hi;
    page[at + BLOCK.rank] = rank.rank;
    page[at + BLOCK.texts] = 0;
    page[at + BLOCK.mm] = 0;
    page[at + BLOCK.born] = this.#version;
    page[at + BLOCK.died] = 0;
    page[at + BLOCK.placeNext] = this.#places[place] as number;
    this.#places[place] = slot;
    slots.append(rank.live, slot);
    rank.blocks++;
    this.live++;
    return slot;
  }

  /** Ends a live block. */
  kill(rank: RankBlocks, slot: number): void {
    this.#unlink(rank.live, slot);
    rank.blocks--;
    this.live--;
    if (this.#views.length === 0 || !this.needed(slot)) this.#free(slot);
    else this.#bury(rank, slot);
  }

  /** Whether an open scan has yet to read the block. */
  needed(slot: number): boolean {
    if (this.#views.length === 0) return false;
    const page = this.slots.page(slot);
    const at = this.slots.at(slot);
    for (const view of this.#views) {
      if (this.sees(view, page, at) && (((view.read[slot >>> 5] as number) >>> (slot & 31)) & 1) === 0) return true;
    }
    return false;
  }

  openView(): View {
    const read = new Uint32Array((this.slots.end + 31) >>> 5);
    const view: View = { version: this.#version, read, cursor: 0, open: true };
    this.#version++;
    this.#views.push(view);
    return view;
  }

  closeView(view: View): void {
    if (!view.open) return;
    view.open = false;
    this.#views.splice(this.#views.indexOf(view), 1);
    this.tidy(TIDY_AFTER_VIEW);
  }

  /** The scan has read the block, and the slot may be gone after this. */
  markRead(view: View, slot: number): void {
    view.read[slot >>> 5] = (view.read[slot >>> 5] as number) | (1 << (slot & 31));
    const page = this.slots.page(slot);
    const at = this.slots.at(slot);
    if (page[at + BLOCK.died] === 0 || this.needed(slot)) return;
    this.#exhume(this.rank((page[at + BLOCK.rank] as number) & BLOCK_RANK_MASK), slot);
  }

  /** Frees up to that many slots that no scan needs any more. Does not look far for them. */
  tidy(atMost: number): void {
    for (let i = 0; i < atMost && this.graves > 0; i++) if (!this.#tidyOne(TIDY_RANKS)) return;
  }

  #bury(rank: RankBlocks, slot: number): void {
    while (this.graves >= this.#maxGraves && !this.#tidyOne(this.ranks.length)) {
      const [oldest] = this.#views;
      if (oldest === undefined) break;
      this.overflows++;
      this.closeView(oldest);
    }
    if (!this.needed(slot)) {
      this.#free(slot);
      return;
    }
    this.slots.page(slot)[this.slots.at(slot) + BLOCK.died] = this.#version;
    this.slots.append(rank.graves, slot);
    this.graves++;
  }

  /** Frees the oldest grave of the next rank that lets one go; looks at that many ranks. */
  #tidyOne(ranks: number): boolean {
    for (let i = 0; i < ranks; i++) {
      const rank = this.ranks[this.#tidying];
      const slot = rank?.graves.head ?? 0;
      if (rank !== undefined && slot !== 0 && !this.needed(slot)) {
        this.#exhume(rank, slot);
        return true;
      }
      this.#tidying = this.#tidying + 1 < this.ranks.length ? this.#tidying + 1 : 0;
    }
    return false;
  }

  #exhume(rank: RankBlocks, slot: number): void {
    this.#unlink(rank.graves, slot);
    this.graves--;
    this.#free(slot);
  }

  #unlink(list: SlotList, slot: number): void {
    for (const view of this.#views) if (view.cursor === slot) view.cursor = this.slots.next(slot);
    this.slots.unlink(list, slot);
  }

  #free(slot: number): void {
    const { slots } = this;
    const page = slots.page(slot);
    const at = slots.at(slot);
    this.#side.release(page[at + BLOCK.texts] as number);
    this.#side.release(page[at + BLOCK.mm] as number);
    const rank = (page[at + BLOCK.rank] as number) & BLOCK_RANK_MASK;
    const place = this.#mix.place(
      rank,
      page[at + BLOCK.hashLo] as number,
      page[at + BLOCK.hashHi] as number,
      this.#mask,
    );
    const after = page[at + BLOCK.placeNext] as number;
    let other = this.#places[place] as number;
    if (other === slot) {
      this.#places[place] = after;
    } else {
      for (;;) {
        const otherPage = slots.page(other);
        const link = slots.at(other) + BLOCK.placeNext;
        other = otherPage[link] as number;
        if (other !== slot) continue;
        otherPage[link] = after;
        break;
      }
    }
    slots.give(slot);
  }
}
