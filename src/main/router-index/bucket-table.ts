/**
 * A hash table from 32-bit tags to slot numbers, for tables of millions. MAIN THREAD. What a slot holds, and whether it is the one
 * that is looked for, only the caller knows: tags are mixed keys, so two keys may share one.
 *
 *   segment   [bucket] …
 *   bucket    64 bytes: labels of 10 slots, two a word | 10 slots | how many searches went on from here
 *
 * An operation on a large index waits for memory, so what counts is how many places of it are looked at: nearly always one
 * bucket, the size of a line of a cache. It is compared as a whole, without a branch for each label. A slot that finds its bucket full
 * goes into the next one, which the full one counts; what is taken out is counted off, so nothing is left behind and nothing moves.
 *
 * The top bits of a tag choose a segment, and the 16 below are the label, which also says where in the segment a search begins, in
 * proportion: so a segment may have any number of buckets and grows by itself, by an eighth, without a look at any slot. 6.4 bytes a
 * place; a segment is between 80 % and 90 % full once it has grown: 7 to 8 bytes an entry.
 */
import { elementAt } from "../../shared/element.ts";

const SEGMENT_BITS = 10;
const SEGMENTS: number = 1 << SEGMENT_BITS;
const SEGMENT_SHIFT: number = 32 - SEGMENT_BITS;
const LABEL_BITS = 16;
const LABEL_SHIFT: number = SEGMENT_SHIFT - LABEL_BITS;
const LABEL_MASK = 0xffff;
const BUCKET_WORDS = 16;
const BUCKET_SLOTS = 10;
const LABEL_WORDS = 5;
/** The word that counts entries that belong here or before, and lie behind. */
const PASSED = 15;
/** Entries of a full segment, of 10 places. */
const FULL_OF_10 = 9;
/** A shift: how much a segment grows by. */
const EIGHTH = 3;
/** All but the top bits of both labels of a word, and these. */
const LOW_BITS = 0x7fff_7fff;
const NO_CELLS: Int32Array = new Int32Array(0);

export class BucketTable {
  readonly #segments: Int32Array[] = Array.from({ length: SEGMENTS }, () => NO_CELLS);
  /** Buckets of each segment, and entries. */
  readonly #buckets: Int32Array = new Int32Array(SEGMENTS);
  readonly #used: Int32Array = new Int32Array(SEGMENTS);
  #bytes: number = 0;
  /** Where the search stands: the bucket, and its places that are still to be looked at. */
  #cells: Int32Array = NO_CELLS;
  #label: number = 0;
  #count: number = 0;
  #home: number = 0;
  #bucket: number = 0;
  #left: number = 0;

  get memoryBytes(): number {
    return this.#bytes;
  }

  /** Begins a search. Returns the first slot that is filed under `tag`, or seems so; 0 if there is none. */
  first(tag: number): number {
    const s = tag >>> SEGMENT_SHIFT;
    const buckets = this.#buckets[s] as number;
    if (buckets === 0) return 0;
    const label = labelOf(tag);
    const cells = elementAt(this.#segments, s);
    const home = homeOf(label, buckets);
    const both = label | (label << LABEL_BITS);
    this.#cells = cells;
    this.#label = both;
    this.#count = buckets;
    this.#home = home;
    this.#bucket = home;
    this.#left = matches(cells, BUCKET_WORDS * home, both);
    return this.next();
  }

  /** The next slot of the search that was begun last; 0 if there is none. Nothing may have been added or removed since. */
  next(): number {
    const cells = this.#cells;
    for (;;) {
      const at = BUCKET_WORDS * this.#bucket;
      const left = this.#left;
      if (left !== 0) {
        const bit = 31 - Math.clz32(left);
        this.#left = left ^ (1 << bit);
        return cells[at + slotWord(bit)] as number;
      }
      if (cells[at + PASSED] === 0) return 0;
      const bucket = this.#bucket + 1 === this.#count ? 0 : this.#bucket + 1;
      if (bucket === this.#home) return 0;
      this.#bucket = bucket;
      this.#left = matches(cells, BUCKET_WORDS * bucket, this.#label);
    }
  }

  /** `slot` is not 0. */
  add(tag: number, slot: number): void {
    const s = tag >>> SEGMENT_SHIFT;
    const used = (this.#used[s] as number) + 1;
    if (10 * used > FULL_OF_10 * BUCKET_SLOTS * (this.#buckets[s] as number)) this.#grow(s);
    this.#used[s] = used;
    put(elementAt(this.#segments, s), this.#buckets[s] as number, labelOf(tag), slot);
  }

  /** Takes out what was added with the same two numbers. */
  remove(tag: number, slot: number): void {
    const s = tag >>> SEGMENT_SHIFT;
    const cells = elementAt(this.#segments, s);
    const buckets = this.#buckets[s] as number;
    const label = labelOf(tag);
    const both = label | (label << LABEL_BITS);
    for (let bucket = homeOf(label, buckets); ; bucket = bucket + 1 === buckets ? 0 : bucket + 1) {
      const at = BUCKET_WORDS * bucket;
      for (let left = matches(cells, at, both); left !== 0;) {
        const bit = 31 - Math.clz32(left);
        left ^= 1 << bit;
        if (cells[at + slotWord(bit)] !== slot) continue;
        const word = at + labelWord(bit);
        cells[word] = (cells[word] as number) & (isHigh(bit) ? LABEL_MASK : ~LABEL_MASK);
        this.#used[s] = (this.#used[s] as number) - 1;
        return;
      }
      cells[at + PASSED] = (cells[at + PASSED] as number) - 1;
    }
  }

  #grow(s: number): void {
    const old = elementAt(this.#segments, s);
    const before = this.#buckets[s] as number;
    const buckets = before + Math.max(1, before >>> EIGHTH);
    const cells = new Int32Array(BUCKET_WORDS * buckets);
    for (let at = 0; at < old.length; at += BUCKET_WORDS) {
      for (let word = 0; word < LABEL_WORDS; word++) {
        const labels = old[at + word] as number;
        const low = labels & LABEL_MASK;
        const high = labels >>> LABEL_BITS;
        if (low !== 0) put(cells, buckets, low, old[at + LABEL_WORDS + word] as number);
        if (high !== 0) put(cells, buckets, high, old[at + 2 * LABEL_WORDS + word] as number);
      }
    }
    this.#bytes += cells.byteLength - old.byteLength;
    this.#segments[s] = cells;
    this.#buckets[s] = buckets;
  }
}

/** Never 0, which stands for no label. */
function labelOf(tag: number): number {
  const label = (tag >>> LABEL_SHIFT) & LABEL_MASK;
  return label === 0 ? 1 : label;
}

/** The bucket in which the search for a label begins. */
function homeOf(label: number, buckets: number): number {
  return Math.imul(label, buckets) >>> LABEL_BITS;
}

/**
 * Places of a bucket with that label, which stands in both halves of `both`: a bit for each. Words from the first to the fifth have
 * bits 31 to 27 for their high halves, and 15 to 11 for the low ones.
 */
function matches(cells: Int32Array, at: number, both: number): number {
  return (
    zeroHalves((cells[at] as number) ^ both) |
    (zeroHalves((cells[at + 1] as number) ^ both) >>> 1) |
    (zeroHalves((cells[at + 2] as number) ^ both) >>> 2) |
    (zeroHalves((cells[at + 3] as number) ^ both) >>> 3) |
    (zeroHalves((cells[at + 4] as number) ^ both) >>> 4)
  );
}

/** The top bit of each half that is 0. */
function zeroHalves(word: number): number {
  return ~(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS);
}

const isHigh = (bit: number): boolean => bit >= LABEL_BITS;

function labelWord(bit: number): number {
  return isHigh(bit) ? 31 - bit : 15 - bit;
}

function slotWord(bit: number): number {
  return isHigh(bit) ? 2 * LABEL_WORDS + 31 - bit : LABEL_WORDS + 15 - bit;
}

function put(cells: Int32Array, buckets: number, label: number, slot: number): void {
  for (let bucket = homeOf(label, buckets); ; bucket = bucket + 1 === buckets ? 0 : bucket + 1) {
    const at = BUCKET_WORDS * bucket;
    const empty = matches(cells, at, 0);
    if (empty === 0) {
      cells[at + PASSED] = (cells[at + PASSED] as number) + 1;
      continue;
    }
    const bit = 31 - Math.clz32(empty);
    const word = at + labelWord(bit);
    cells[word] = (cells[word] as number) | (isHigh(bit) ? label << LABEL_BITS : label);
    cells[at + slotWord(bit)] = slot;
    return;
  }
}
