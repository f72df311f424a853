/**
 * A set of u64 hashes, each given as two halves of 32 bits. MAIN THREAD.
 *
 * A JavaScript Set would need a BigInt or a string for each member; this one allocates only when it grows. Open
 * addressing with linear probing, at most half full; a removal shifts the followers back, so that there are no
 * tombstones and a set that lives through millions of additions and removals does not slow down.
 *
 *   slots   lo₀ hi₀ | lo₁ hi₁ | …      capacity is a power of two; 0,0 marks a free slot
 *
 * Halves are *signed* 32-bit integers (`half | 0`). V8 keeps those in registers across calls; an unsigned half of 2^31
 * and more would be put into a new object at each call.
 *
 * The member 0 is kept in a flag, since its bits mark a free slot. The slot of a hash depends on a random seed: whoever
 * chooses hashes cannot choose collisions.
 */

const SEED_LO = Math.floor(Math.random() * 0x1_0000_0000);
const SEED_HI = Math.floor(Math.random() * 0x1_0000_0000);

export class HashSet {
  /** Number of members. */
  size: number = 0;
  #slots: Int32Array;
  #mask: number;
  #hasZero: boolean = false;

  /** `capacity`: slots to begin with, a power of two. Each takes eight bytes. */
  constructor(capacity: number) {
    this.#slots = new Int32Array(capacity * 2);
    this.#mask = capacity - 1;
  }

  /** Slots that are allocated, used or not. */
  get capacity(): number {
    return this.#mask + 1;
  }

  has(lo: number, hi: number): boolean {
    if ((lo | hi) === 0) return this.#hasZero;
    const at = this.#find(lo, hi) * 2;
    return ((this.#slots[at] as number) | (this.#slots[at + 1] as number)) !== 0;
  }

  /** True when it was not a member before. */
  add(lo: number, hi: number): boolean {
    if ((lo | hi) === 0) {
      if (this.#hasZero) return false;
      this.#hasZero = true;
      this.size++;
      return true;
    }
    let at = this.#find(lo, hi) * 2;
    if (((this.#slots[at] as number) | (this.#slots[at + 1] as number)) !== 0) return false;
    if ((this.size + 1) * 2 > this.capacity) {
      this.#grow();
      at = this.#find(lo, hi) * 2;
    }
    this.#slots[at] = lo;
    this.#slots[at + 1] = hi;
    this.size++;
    return true;
  }

  /** True when it was a member. */
  delete(lo: number, hi: number): boolean {
    if ((lo | hi) === 0) {
      if (!this.#hasZero) return false;
      this.#hasZero = false;
      this.size--;
      return true;
    }
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = this.#find(lo, hi);
    if (((slots[hole * 2] as number) | (slots[hole * 2 + 1] as number)) === 0) return false;
    for (let i = (hole + 1) & mask; ; i = (i + 1) & mask) {
      const otherLo = slots[i * 2] as number;
      const otherHi = slots[i * 2 + 1] as number;
      if ((otherLo | otherHi) === 0) break;
      // A follower may move into the hole unless its own probe begins behind the hole.
      const probed = (i - this.#home(otherLo, otherHi)) & mask;
      if (probed < ((i - hole) & mask)) continue;
      slots[hole * 2] = otherLo;
      slots[hole * 2 + 1] = otherHi;
      hole = i;
    }
    slots[hole * 2] = 0;
    slots[hole * 2 + 1] = 0;
    this.size--;
    return true;
  }

  #home(lo: number, hi: number): number {
    let h = Math.imul(lo ^ SEED_LO, 0x9e3779b1) ^ Math.imul((hi + SEED_HI) | 0, 0x85ebca77);
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    return (h ^ (h >>> 13)) & this.#mask;
  }

  /** The slot of the hash, or the free slot where its probe ends. */
  #find(lo: number, hi: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    let i = this.#home(lo, hi);
    for (;;) {
      const slotLo = slots[i * 2] as number;
      const slotHi = slots[i * 2 + 1] as number;
      if ((slotLo === lo && slotHi === hi) || (slotLo | slotHi) === 0) return i;
      i = (i + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let at = 0; at < old.length; at += 2) {
      const lo = old[at] as number;
      const hi = old[at + 1] as number;
      if ((lo | hi) === 0) continue;
      const to = this.#find(lo, hi) * 2;
      this.#slots[to] = lo;
      this.#slots[to + 1] = hi;
    }
  }
}
