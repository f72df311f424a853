/**
 * How many blocks of a stored event go to the event plane. ENCODER and PUBLISHER THREADS; pure.
 *
 * The tree that a router keeps has no place for a block that is its own ancestor: an event that names a hash twice, its
 * parent's included, is refused as a whole. Blocks without all their tokens end the list. Encoder and gate must judge
 * alike, so both ask here.
 */
import { RECORD_FLAG, RECORD_WORD } from "../shared/record.ts";
import { KeyMix } from "../shared/key-mix.ts";

/** Up to so many hashes are compared each with each. */
const PAIRWISE = 16;
/** The table is kept for later events up to that size. */
const KEPT_PLACES = 1 << 16;

export class StoreCheck {
  readonly #blockSize: number;
  /** Hashes come from outside: what they cannot foresee decides where they go. */
  readonly #mix: KeyMix = new KeyMix();
  /** By place: the word at which a hash lies, and the round in which it was put there. */
  #words: Uint32Array = new Uint32Array(64);
  #rounds: Uint32Array = new Uint32Array(64);
  #round: number = 0;

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  /** Blocks that go out, from the first on, of the stored event whose record starts at `r`; 0 if it is refused. */
  keptBlocks(records: Uint32Array, r: number): number {
    const blocks = records[r + RECORD_WORD.blocks] as number;
    const tokens = records[r + RECORD_WORD.tokens] as number;
    const kept = tokens >= blocks * this.#blockSize ? blocks : Math.floor(tokens / this.#blockSize);
    return this.#repeats(records, r, kept) ? 0 : kept;
  }

  #repeats(records: Uint32Array, r: number, kept: number): boolean {
    const first = r + RECORD_WORD.header;
    const end = first + 2 * kept;
    if (((records[r + RECORD_WORD.kind] as number) & RECORD_FLAG.parent) !== 0) {
      const lo = records[r + RECORD_WORD.parentLo] as number;
      const hi = records[r + RECORD_WORD.parentHi] as number;
      for (let h = first; h < end; h += 2) if (records[h] === lo && records[h + 1] === hi) return true;
    }
    if (kept > PAIRWISE) return this.#repeatsInTable(records, first, end);
    for (let h = first + 2; h < end; h += 2) {
      const lo = records[h] as number;
      const hi = records[h + 1] as number;
      for (let other = first; other < h; other += 2) {
        if (records[other] === lo && records[other + 1] === hi) return true;
      }
    }
    return false;
  }

  #repeatsInTable(records: Uint32Array, first: number, end: number): boolean {
    const mask = this.#prepare(end - first) - 1;
    const words = this.#words;
    const rounds = this.#rounds;
    for (let h = first; h < end; h += 2) {
      const lo = records[h] as number;
      const hi = records[h + 1] as number;
      let place = this.#mix.place(0, lo, hi, mask);
      for (; rounds[place] === this.#round; place = (place + 1) & mask) {
        const other = words[place] as number;
        if (records[other] === lo && records[other + 1] === hi) return true;
      }
      words[place] = h;
      rounds[place] = this.#round;
    }
    return false;
  }

  /** An empty table of at least so many places; returns how many there are, a power of two. */
  #prepare(places: number): number {
    if (places > this.#words.length || this.#words.length > KEPT_PLACES) {
      const size = 2 ** Math.ceil(Math.log2(places));
      this.#words = new Uint32Array(size);
      this.#rounds = new Uint32Array(size);
      this.#round = 0;
    }
    this.#round = (this.#round + 1) >>> 0;
    if (this.#round === 0) {
      this.#rounds.fill(0);
      this.#round = 1;
    }
    return this.#words.length;
  }
}
