/**
 * A small seeded random generator for made-up traffic and planned faults. MAIN THREAD.
 *
 * Two 32-bit words of state, integer operations only: no BigInt, no allocation, the same sequence on every machine.
 * Good enough to spread load and to decide faults; never for anything secret.
 */

const GOLDEN = 0x9e3779b9;

/** Spreads each input bit over the whole word. One-to-one, and 0 stays 0. Returns a signed 32-bit integer. */
export function scramble(value: number): number {
  let v = value;
  v = Math.imul(v ^ (v >>> 16), 0x6a09e66d);
  v = Math.imul(v ^ (v >>> 13), 0x3c6ef375);
  return v ^ (v >>> 15);
}

export class Random {
  #a: number;
  #b: number;

  /** Any integer of up to 53 bits is a seed of its own. */
  constructor(seed: number) {
    this.#a = scramble((seed | 0) + GOLDEN);
    this.#b = scramble((Math.floor(seed / 2 ** 32) | 0) ^ Math.imul(this.#a, GOLDEN) ^ 0x2545f491);
    // The state 0/0 would stay there for ever.
    if ((this.#a | this.#b) === 0) this.#b = GOLDEN;
    // The first words of neighbouring seeds still look alike.
    for (let i = 0; i < 8; i++) this.next();
  }

  /** The next 32 random bits, as a signed integer. */
  next(): number {
    const a = this.#a;
    const b = this.#b ^ a;
    this.#a = ((a << 26) | (a >>> 6)) ^ b ^ (b << 9);
    this.#b = (b << 13) | (b >>> 19);
    return Math.imul(a, GOLDEN - 2);
  }

  /** A number in 0 ≤ x < 1, in steps of 2^-32. */
  fraction(): number {
    return (this.next() >>> 0) / 2 ** 32;
  }
}
