/**
 * A hash table from 32-bit tags to slot numbers. MAIN THREAD. What a slot holds, and whether it is the one that is looked for,
 * only the caller knows: tags are mixed keys, so two keys may share one.
 *
 *   segment   [tag, slot] …     open addressing; slot 0: empty
 *
 * The top bits of a tag choose one of many segments, each of which doubles by itself: nobody ever waits until millions of
 * entries have moved. What is taken out leaves no mark: entries behind it move up. 8 bytes a place; a segment is between
 * three eighths and three quarters full once it has grown: 11 to 21 bytes an entry.
 */

const SEGMENT_BITS = 9;
const SEGMENTS: number = 1 << SEGMENT_BITS;
const FIRST_PLACES = 16;
const NO_CELLS: Int32Array = new Int32Array(0);

export class SlotIndex {
  readonly #segments: Int32Array[] = Array.from({ length: SEGMENTS }, () => NO_CELLS);
  /** Places of each segment, less one. */
  readonly #masks: Int32Array = new Int32Array(SEGMENTS).fill(-1);
  readonly #used: Int32Array = new Int32Array(SEGMENTS);
  #bytes: number = 0;
  /** Where the search stands. */
  #cells: Int32Array = NO_CELLS;
  #tag: number = 0;
  #mask: number = 0;
  #at: number = 0;

  get memoryBytes(): number {
    return this.#bytes;
  }

  /** Begins a search. Returns the first slot that is filed under `tag`; 0 if there is none. */
  first(tag: number): number {
    const s = tag >>> (32 - SEGMENT_BITS);
    const mask = this.#masks[s] as number;
    if (mask < 0) return 0;
    this.#cells = this.#segments[s] as Int32Array;
    this.#tag = tag | 0;
    this.#mask = mask;
    this.#at = tag & mask;
    return this.next();
  }

  /** The next slot of the search that was begun last; 0 if there is none. Nothing may have been added or removed since. */
  next(): number {
    const cells = this.#cells;
    const tag = this.#tag;
    const mask = this.#mask;
    for (let i = this.#at; ; i = (i + 1) & mask) {
      const slot = cells[2 * i + 1] as number;
      if (slot === 0) return 0;
      if (cells[2 * i] === tag) {
        this.#at = (i + 1) & mask;
        return slot;
      }
    }
  }

  add(tag: number, slot: number): void {
    const s = tag >>> (32 - SEGMENT_BITS);
    const used = (this.#used[s] as number) + 1;
    if (4 * used > 3 * ((this.#masks[s] as number) + 1)) this.#grow(s);
    this.#used[s] = used;
    put(this.#segments[s] as Int32Array, this.#masks[s] as number, tag, slot);
  }

  /** Takes out what was added with the same two numbers. */
  remove(tag: number, slot: number): void {
    const s = tag >>> (32 - SEGMENT_BITS);
    const cells = this.#segments[s] as Int32Array;
    const mask = this.#masks[s] as number;
    let hole = tag & mask;
    while (cells[2 * hole + 1] !== slot) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; cells[2 * i + 1] !== 0; i = (i + 1) & mask) {
      // An entry may not move in front of where its search begins.
      if (((i - (cells[2 * i] as number)) & mask) < ((i - hole) & mask)) continue;
      cells[2 * hole] = cells[2 * i] as number;
      cells[2 * hole + 1] = cells[2 * i + 1] as number;
      hole = i;
    }
    cells[2 * hole + 1] = 0;
    this.#used[s] = (this.#used[s] as number) - 1;
  }

  #grow(s: number): void {
    const old = this.#segments[s] as Int32Array;
    const places = old.length === 0 ? FIRST_PLACES : old.length;
    const cells = new Int32Array(2 * places);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] !== 0) put(cells, places - 1, old[i] as number, old[i + 1] as number);
    }
    this.#bytes += cells.byteLength - old.byteLength;
    this.#segments[s] = cells;
    this.#masks[s] = places - 1;
  }
}

function put(cells: Int32Array, mask: number, tag: number, slot: number): void {
  let i = tag & mask;
  while (cells[2 * i + 1] !== 0) i = (i + 1) & mask;
  cells[2 * i] = tag;
  cells[2 * i + 1] = slot;
}
