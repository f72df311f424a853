/**
 * 64-bit integers without BigInt. MAIN THREAD.
 *
 * A u64 has up to 20 digits. They are gathered as two numbers, of the first 9 and the other 11 digits, each exact in a
 * double, and joined here into two u32 halves with products that stay below 2^53. So a hash costs no allocation and
 * loses no bit.
 */

export const HEAD_DIGITS = 9;
export const MAX_U64_DIGITS = 20;

const TWO_15 = 2 ** 15;
const TWO_17 = 2 ** 17;
const TWO_32 = 2 ** 32;

/** 10^0 … 10^11. */
const POWERS_OF_TEN: Float64Array = Float64Array.from({ length: 12 }, (_, i) => 10 ** i);

/** Two u32 halves, written by whoever read a number or a hash last. */
export class U64Parts {
  lo: number = 0;
  hi: number = 0;

  /** Makes a number of up to nine digits; true because it fits. */
  set(value: number): boolean {
    this.lo = value;
    this.hi = 0;
    return true;
  }

  /**
   * Makes `head · 10^tailDigits + tail`, with head < 10^9, tail < 10^11 and tailDigits 0 … 11.
   * False when that is beyond 2^64 - 1; the halves then mean nothing.
   */
  join(head: number, tail: number, tailDigits: number): boolean {
    const scale = POWERS_OF_TEN[tailDigits] as number;
    // head = upper · 2^15 + lower: both below 2^15, so neither product with the scale (< 2^37) reaches 2^53.
    const upper = Math.floor(head / TWO_15);
    const lower = head - upper * TWO_15;
    const upperProduct = upper * scale;
    // upperProduct · 2^15 = high · 2^32 + (what is left) · 2^15
    const high = Math.floor(upperProduct / TWO_17);
    const rest = (upperProduct - high * TWO_17) * TWO_15 + lower * scale + tail;
    const carry = Math.floor(rest / TWO_32);
    this.lo = rest - carry * TWO_32;
    this.hi = high + carry;
    return this.hi < TWO_32;
  }

  /** Makes the two's complement. False when the number is below -2^63, that is, its magnitude is above 2^63. */
  negate(): boolean {
    if (this.hi > 0x8000_0000 || (this.hi === 0x8000_0000 && this.lo > 0)) return false;
    const hi = this.lo === 0 ? -this.hi : ~this.hi;
    this.lo = -this.lo >>> 0;
    this.hi = hi >>> 0;
    return true;
  }
}
