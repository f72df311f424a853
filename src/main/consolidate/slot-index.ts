/**
 * A hash table from 32-bit tags to slot numbers. MAIN THREAD. What a slot holds, and whether it is the one that is looked for,
 * only the caller knows: tags are mixed keys, so two keys may share one.
 *
 *   segment   [tag, slot] …     open addressing; slot 0: empty
 *
 * The top bits of a tag choose one of many segments, each of which grows by itself, by a quarter: nobody ever waits until millions of
 * entries have moved. The other bits say where in the segment a search begins, in proportion, so that a segment may have any
 * number of places. What is taken out leaves no mark: entries behind it move up. 8 bytes a place; a segment is between 60 % and
 * 75 % full once it has grown: 11 to 14 bytes an entry. A dense index grows by an eighth, and its segments not all at once: 11 to 12.
 */
import { elementAt } from "../../shared/element.ts";

const SEGMENT_BITS = 9;
const SEGMENTS: number = 1 << SEGMENT_BITS;
/** Bits of a tag that the segment leaves. */
const HOME_SPAN: number = 2 ** (32 - SEGMENT_BITS);
const HOME_MASK: number = HOME_SPAN - 1;
const FIRST_PLACES = 16;
/** Of a dense index: segments begin with different sizes within one step of growth, and so stay apart. */
const FIRST_DENSE_PLACES = 32;
const DENSE_PHASES = 4;
/** Shifts: how much a segment grows by. */
const QUARTER = 2;
const EIGHTH = 3;
const NO_CELLS: Int32Array = new Int32Array(0);

export class SlotIndex {
  readonly #segments: Int32Array[] = Array.from({ length: SEGMENTS }, () => NO_CELLS);
  /** Places of each segment. */
  readonly #places: Int32Array = new Int32Array(SEGMENTS);
  readonly #used: Int32Array = new Int32Array(SEGMENTS);
  #bytes: number = 0;
  /** Where the search stands: at what it returned last, or at the empty place where it ended. */
  #segment: number = 0;
  #tag: number = 0;
  #at: number = 0;

  readonly #isDense: boolean;

  constructor({ isDense = false }: { readonly isDense?: boolean } = {}) {
    this.#isDense = isDense;
  }

  get memoryBytes(): number {
    return this.#bytes;
  }

  /**
   * The slot at which a search for `tag` would begin, if it is filed under it; 0 if not. Looks at far places of memory are slow one after
   * the other and quick when none waits for another: who knows what it will ask for asks for all of it like this before. There is no
   * branch on what is found, since the processor would have to wait before it knows that it has guessed wrong.
   */
  touch(tag: number): number {
    const s = tag >>> (32 - SEGMENT_BITS);
    const places = this.#places[s] as number;
    if (places === 0) return 0;
    const cells = elementAt(this.#segments, s);
    const at = 2 * home(tag, places);
    const difference = (cells[at] as number) ^ tag;
    return (cells[at + 1] as number) & ~((difference | -difference) >> 31);
  }

  /** Begins a search. Returns the first slot that is filed under `tag`; 0 if there is none. */
  first(tag: number): number {
    const s = tag >>> (32 - SEGMENT_BITS);
    const places = this.#places[s] as number;
    if (places === 0) return 0;
    this.#segment = s;
    this.#tag = tag | 0;
    return this.#search(elementAt(this.#segments, s), places, tag | 0, home(tag, places));
  }

  /** The next slot of the search that was begun last; 0 if there is none. Nothing may have been added or removed since. */
  next(): number {
    const places = this.#places[this.#segment] as number;
    const at = this.#at + 1;
    return this.#search(elementAt(this.#segments, this.#segment), places, this.#tag, at === places ? 0 : at);
  }

  add(tag: number, slot: number): void {
    const s = tag >>> (32 - SEGMENT_BITS);
    this.#makeRoom(s);
    put(elementAt(this.#segments, s), this.#places[s] as number, tag, slot);
  }

  /** As `add`, for the tag of a search that has just ended without a slot. */
  addSearched(tag: number, slot: number): void {
    const s = tag >>> (32 - SEGMENT_BITS);
    const cells = elementAt(this.#segments, s);
    if (this.#makeRoom(s)) {
      put(elementAt(this.#segments, s), this.#places[s] as number, tag, slot);
      return;
    }
    const i = this.#at;
    cells[2 * i] = tag;
    cells[2 * i + 1] = slot;
  }

  /** Takes out what was added with the same two numbers. */
  remove(tag: number, slot: number): void {
    this.#find(tag, slot);
    this.removeFound();
  }

  /** Takes out what the search has just returned. */
  removeFound(): void {
    const s = this.#segment;
    const cells = elementAt(this.#segments, s);
    const places = this.#places[s] as number;
    let hole = this.#at;
    for (let i = hole; ;) {
      if (++i === places) i = 0;
      const slot = cells[2 * i + 1] as number;
      if (slot === 0) break;
      const tag = cells[2 * i] as number;
      // An entry may not move in front of where its search begins.
      const moved = distance(home(tag, places), i, places);
      if (moved < distance(hole, i, places)) continue;
      cells[2 * hole] = tag;
      cells[2 * hole + 1] = slot;
      hole = i;
    }
    cells[2 * hole + 1] = 0;
    this.#used[s] = (this.#used[s] as number) - 1;
  }

  /** Has what was added with the same two numbers stand for another slot. */
  replace(tag: number, slot: number, by: number): void {
    this.#find(tag, slot);
    elementAt(this.#segments, this.#segment)[2 * this.#at + 1] = by;
  }

  /** Begins a search that ends at what was added with the two numbers. */
  #find(tag: number, slot: number): void {
    let found = this.first(tag);
    while (found !== slot) found = this.next();
  }

  #search(cells: Int32Array, places: number, tag: number, from: number): number {
    for (let i = from; ;) {
      const slot = cells[2 * i + 1] as number;
      if (slot === 0 || cells[2 * i] === tag) {
        this.#at = i;
        return slot;
      }
      if (++i === places) i = 0;
    }
  }

  /** Counts one more. Whether the segment has grown for it. */
  #makeRoom(s: number): boolean {
    const used = (this.#used[s] as number) + 1;
    this.#used[s] = used;
    if (4 * used <= 3 * (this.#places[s] as number)) return false;
    this.#grow(s);
    return true;
  }

  #firstPlaces(s: number): number {
    return this.#isDense ? FIRST_DENSE_PLACES + (s % DENSE_PHASES) : FIRST_PLACES;
  }

  #grow(s: number): void {
    const old = elementAt(this.#segments, s);
    const before = old.length >>> 1;
    const places = before === 0 ? this.#firstPlaces(s) : before + (before >>> (this.#isDense ? EIGHTH : QUARTER));
    const cells = new Int32Array(2 * places);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) put(cells, places, old[i] as number, old[i + 1] as number);
    }
    this.#bytes += cells.byteLength - old.byteLength;
    this.#segments[s] = cells;
    this.#places[s] = places;
  }
}

/** Where the search for a tag begins. */
function home(tag: number, places: number): number {
  return ((tag & HOME_MASK) * (places / HOME_SPAN)) | 0;
}

/** Places from one to another, going round. */
function distance(from: number, to: number, places: number): number {
  return to >= from ? to - from : to - from + places;
}

function put(cells: Int32Array, places: number, tag: number, slot: number): void {
  let i = home(tag, places);
  while (cells[2 * i + 1] !== 0) if (++i === places) i = 0;
  cells[2 * i] = tag;
  cells[2 * i + 1] = slot;
}
