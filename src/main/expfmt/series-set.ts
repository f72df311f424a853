/** Which series a page has already, by 64-bit hashes in two halves. ANY THREAD. */

const INITIAL_SLOTS = 256;
/** A page that has many series is soon known to. */
const GROWTH = 4;

export class SeriesSet {
  #slots: Int32Array = new Int32Array(INITIAL_SLOTS * 2);
  #size: number = 0;

  get size(): number {
    return this.#size;
  }

  /** False when the series is there already. */
  add(lo: number, hi: number): boolean {
    if (this.#size * 2 >= this.#slots.length / 2) this.#grow();
    if (!insert(this.#slots, lo, hi | 1)) return false;
    this.#size++;
    return true;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * GROWTH);
    for (let at = 0; at < old.length; at += 2) {
      const hi = old[at + 1] as number;
      if (hi !== 0) insert(this.#slots, old[at] as number, hi);
    }
  }
}

/** `hi` is odd, so that 0 can mean an empty slot. */
function insert(slots: Int32Array, lo: number, hi: number): boolean {
  const mask = slots.length / 2 - 1;
  for (let slot = (lo ^ hi) & mask; ; slot = (slot + 1) & mask) {
    const there = slots[slot * 2 + 1] as number;
    if (there === 0) {
      slots[slot * 2] = lo;
      slots[slot * 2 + 1] = hi;
      return true;
    }
    if (there === hi && slots[slot * 2] === lo) return false;
  }
}
