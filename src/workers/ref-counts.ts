/**
 * How often each block, by (rank, hash), has been stored and not removed. PUBLISHER THREAD.
 *
 * One hash table in many segments, each of which grows by itself: nobody ever waits until millions of entries have moved.
 * To clear a rank is to begin a new generation of it; entries of an old one are as good as gone, as are those whose count is
 * down to 0. Their places are used again, at the latest when their segment is rebuilt.
 *
 *   segment   [lo, hi, rank 10 bits | generation 12 | count 10] …     open addressing, a whole third word of 0: empty
 *
 * 12 bytes an entry; a segment is at least five sixteenths full when it has grown, and at most three quarters: 16 to 39
 * bytes a hash.
 */
import { elementAt } from "../shared/element.ts";
import { MAX_RANK } from "../shared/record.ts";
import { KeyMix } from "../shared/key-mix.ts";

const SEGMENT_BITS = 9;
const SEGMENTS: number = 1 << SEGMENT_BITS;
const FIRST_PLACES = 16;
const CELLS = 3;
const RANK_SHIFT = 22;
const GENERATION_SHIFT = 10;
const GENERATIONS: number = 1 << (RANK_SHIFT - GENERATION_SHIFT);
const COUNT_MASK: number = (1 << GENERATION_SHIFT) - 1;
/** In place of an entry that was taken out while others lay behind it: its count is 0. */
const DEAD: number = 1 << GENERATION_SHIFT;
const NO_CELLS: Uint32Array = new Uint32Array(0);

export class RefCounts {
  /** Hashes that are counted now. */
  hashes: number = 0;
  readonly #maxHashes: number;
  readonly #mix: KeyMix = new KeyMix();
  readonly #segments: Uint32Array[] = Array.from({ length: SEGMENTS }, () => NO_CELLS);
  /** Places of each segment, less one; and those that hold an entry, of whatever generation. */
  readonly #masks: Int32Array = new Int32Array(SEGMENTS).fill(-1);
  readonly #used: Int32Array = new Int32Array(SEGMENTS);
  readonly #generations: Uint32Array = new Uint32Array(MAX_RANK + 1);
  readonly #ofRank: Uint32Array = new Uint32Array(MAX_RANK + 1);
  #bytes: number = 0;

  /** Beyond `maxHashes`, hashes that are new are not counted. */
  constructor(maxHashes: number) {
    this.#maxHashes = maxHashes;
  }

  get memoryBytes(): number {
    return this.#bytes;
  }

  /** One more. Counts no further than 1023. `rank` must be at most MAX_RANK. */
  add(rank: number, lo: number, hi: number): void {
    const place = this.#mix.place(rank, lo, hi, -1);
    const s = place >>> (32 - SEGMENT_BITS);
    if ((this.#masks[s] as number) < 0) this.#replace(s, FIRST_PLACES);
    const cells = elementAt(this.#segments, s);
    const mask = this.#masks[s] as number;
    const tag = this.#tag(rank);
    let free = -1;
    let i = place & mask;
    for (; ; i = (i + 1) & mask) {
      const word = cells[CELLS * i + 2] as number;
      if (word === 0) break;
      if (cells[CELLS * i] === lo && cells[CELLS * i + 1] === hi && isOf(tag, word)) {
        if ((word & COUNT_MASK) < COUNT_MASK) cells[CELLS * i + 2] = word + 1;
        return;
      }
      if (free < 0 && this.#isStale(word)) free = i;
    }
    if (this.hashes >= this.#maxHashes) return;
    const at = CELLS * (free < 0 ? i : free);
    cells[at] = lo;
    cells[at + 1] = hi;
    cells[at + 2] = (tag << GENERATION_SHIFT) | 1;
    this.hashes++;
    this.#ofRank[rank] = (this.#ofRank[rank] as number) + 1;
    if (free < 0) {
      const used = (this.#used[s] as number) + 1;
      this.#used[s] = used;
      if (4 * used > 3 * (mask + 1)) this.#rebuild(s);
    }
  }

  /** One less. Returns how often it is still stored; -1 if it was not counted. */
  remove(rank: number, lo: number, hi: number): number {
    const place = this.#mix.place(rank, lo, hi, -1);
    const s = place >>> (32 - SEGMENT_BITS);
    const mask = this.#masks[s] as number;
    if (mask < 0) return -1;
    const tag = this.#tag(rank);
    const cells = elementAt(this.#segments, s);
    for (let i = place & mask; ; i = (i + 1) & mask) {
      const word = cells[CELLS * i + 2] as number;
      if (word === 0) return -1;
      if (cells[CELLS * i] !== lo || cells[CELLS * i + 1] !== hi || !isOf(tag, word)) continue;
      const left = (word & COUNT_MASK) - 1;
      if (left > 0) cells[CELLS * i + 2] = word - 1;
      else this.#erase(s, i, rank);
      return left;
    }
  }

  /** Forgets all hashes of a rank. */
  clear(rank: number): void {
    const hashes = this.#ofRank[rank] as number;
    // Otherwise a flood of clears would wear out the generations.
    if (hashes === 0) return;
    this.hashes -= hashes;
    this.#ofRank[rank] = 0;
    const generation = ((this.#generations[rank] as number) + 1) % GENERATIONS;
    this.#generations[rank] = generation;
    // Before a generation comes again nothing may be left of the last time.
    if (generation === 0) {
      for (let s = 0; s < SEGMENTS; s++) if ((this.#used[s] as number) > 0) this.#rebuild(s, rank);
    }
  }

  /** Rank and generation, as they stand in an entry. */
  #tag(rank: number): number {
    return (rank << (RANK_SHIFT - GENERATION_SHIFT)) | (this.#generations[rank] as number);
  }

  #isStale(word: number): boolean {
    return !isOf(this.#tag(word >>> RANK_SHIFT), word);
  }

  /** Takes an entry out. What lies behind it must still be found: its place is empty only if the next one is. */
  #erase(s: number, i: number, rank: number): void {
    const cells = elementAt(this.#segments, s);
    const mask = this.#masks[s] as number;
    this.hashes--;
    this.#ofRank[rank] = (this.#ofRank[rank] as number) - 1;
    cells[CELLS * i + 2] = DEAD;
    if (cells[CELLS * ((i + 1) & mask) + 2] !== 0) return;
    for (; cells[CELLS * i + 2] === DEAD; i = (i - 1) & mask) {
      cells[CELLS * i + 2] = 0;
      this.#used[s] = (this.#used[s] as number) - 1;
    }
  }

  #home(cells: Uint32Array, at: number): number {
    const rank = (cells[at + 2] as number) >>> RANK_SHIFT;
    return this.#mix.place(rank, cells[at] as number, cells[at + 1] as number, -1);
  }

  /** Leaves out what is stale or of the rank `gone`; doubles the places if more than five eighths stay taken. */
  #rebuild(s: number, gone: number = -1): void {
    const old = elementAt(this.#segments, s);
    const places = (this.#masks[s] as number) + 1;
    let live = 0;
    const isLeftOut = (word: number): boolean => word === 0 || word >>> RANK_SHIFT === gone || this.#isStale(word);
    for (let at = 2; at < old.length; at += CELLS) if (!isLeftOut(old[at] as number)) live++;
    const mask = this.#replace(s, 8 * live > 5 * places ? 2 * places : places) - 1;
    const cells = elementAt(this.#segments, s);
    for (let at = 0; at < old.length; at += CELLS) {
      const word = old[at + 2] as number;
      if (isLeftOut(word)) continue;
      let i = this.#home(old, at) & mask;
      while (cells[CELLS * i + 2] !== 0) i = (i + 1) & mask;
      cells[CELLS * i] = old[at] as number;
      cells[CELLS * i + 1] = old[at + 1] as number;
      cells[CELLS * i + 2] = word;
    }
    this.#used[s] = live;
  }

  #replace(s: number, places: number): number {
    const cells = new Uint32Array(CELLS * places);
    this.#bytes += cells.byteLength - elementAt(this.#segments, s).byteLength;
    this.#segments[s] = cells;
    this.#masks[s] = places - 1;
    this.#used[s] = 0;
    return places;
  }
}

/** Whether an entry's third word is that of a hash which is counted, under this rank and generation. */
function isOf(tag: number, word: number): boolean {
  return word >>> GENERATION_SHIFT === tag && (word & COUNT_MASK) !== 0;
}
