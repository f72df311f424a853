/**
 * Numbered slots of a few signed words each, in pages: memory that grows without being copied. MAIN THREAD.
 *
 * Slots are numbered from 1; 0 is none. Words are signed because V8 passes a signed number in a register, and an unsigned one
 * beyond 2^31 as a new object.
 */
import { elementAt } from "../../shared/element.ts";

/** Slots of a page, a power of two: small, for every rank has pages of its own, and whoever sends ranks may send all. */
const PAGE_BITS = 10;
const PAGE_MASK: number = (1 << PAGE_BITS) - 1;

export class Slots {
  /** Slots that are taken. */
  live: number = 0;
  readonly #stride: number;
  readonly #pages: Int32Array[] = [];
  /** First of the slots that were given back; word 0 of each is the next one. */
  #free: number = 0;
  #unused: number = 1;

  /** `stride`: words of a slot. */
  constructor(stride: number) {
    this.#stride = stride;
  }

  get memoryBytes(): number {
    return (this.#pages.length * this.#stride * 4) << PAGE_BITS;
  }

  get(slot: number, word: number): number {
    return elementAt(this.#pages, slot >>> PAGE_BITS)[(slot & PAGE_MASK) * this.#stride + word] as number;
  }

  set(slot: number, word: number, value: number): void {
    elementAt(this.#pages, slot >>> PAGE_BITS)[(slot & PAGE_MASK) * this.#stride + word] = value;
  }

  /** A slot that nobody uses, with anything in it. */
  take(): number {
    this.live++;
    const slot = this.#free;
    if (slot !== 0) {
      this.#free = this.get(slot, 0);
      return slot;
    }
    if (this.#unused >>> PAGE_BITS === this.#pages.length) this.#pages.push(new Int32Array(this.#stride << PAGE_BITS));
    return this.#unused++;
  }

  give(slot: number): void {
    this.live--;
    this.set(slot, 0, this.#free);
    this.#free = slot;
  }
}
