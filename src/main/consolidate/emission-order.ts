/**
 * In which order a lot of waiting events goes out. MAIN THREAD.
 *
 * Of neighbours of one kind the stored ones go by ascending position, the removed ones by descending, so that a parent is stored
 * before its children and removed after them; otherwise who came first goes first. A cleared event is passed by none.
 */
import { PUBLISHED_KIND } from "../normalise/published-event.ts";
import { kindOf, WORD } from "./emission-record.ts";

export class EmissionOrder {
  /** Where the records of the lot begin, in the order in which they go; `#next` goes next. */
  #order: Uint32Array = new Uint32Array(0);
  #next: number = 0;
  #count: number = 0;
  #end: number = 0;

  get memoryBytes(): number {
    return this.#order.byteLength;
  }

  /** Whether all of the lot has gone. */
  get isThrough(): boolean {
    return this.#next === this.#count;
  }

  /** The record that goes next. */
  get next(): number {
    return this.#order[this.#next] as number;
  }

  /** Where the lot ends among the records. */
  get end(): number {
    return this.#end;
  }

  /** `next` has gone. Returns whether it was the last of the lot. */
  advance(): boolean {
    this.#next++;
    return this.isThrough;
  }

  /** All records are now so many words further in front. */
  shift(words: number): void {
    for (let i = this.#next; i < this.#count; i++) this.#order[i] = (this.#order[i] as number) - words;
    this.#end -= words;
  }

  /** There are no records. Memory of more than so many words is let go. */
  reset(keptWords: number): void {
    if (this.#order.length > keptWords) this.#order = new Uint32Array(0);
  }

  /** Makes a lot of the next `count` records, which begin at `head`. */
  arrange(words: Uint32Array, head: number, count: number): void {
    if (count > this.#order.length) this.#order = new Uint32Array(Math.max(2 * this.#order.length, count));
    const order = this.#order;
    let run = 0;
    let isSorted = true;
    let at = head;
    let before = 0;
    for (let i = 0; i < count; i++) {
      const kind = kindOf(words, at);
      if (i > 0 && kind === kindOf(words, before)) {
        const step = (words[at + WORD.position] as number) - (words[before + WORD.position] as number);
        if (kind === PUBLISHED_KIND.stored ? step < 0 : step > 0) isSorted = false;
      } else {
        if (!isSorted) this.#sort(words, run, i);
        run = i;
        isSorted = true;
      }
      order[i] = at;
      before = at;
      at += words[at] as number;
    }
    if (!isSorted) this.#sort(words, run, count);
    this.#next = 0;
    this.#count = count;
    this.#end = at;
  }

  /** The sort is stable, as that of all arrays is. */
  #sort(words: Uint32Array, from: number, to: number): void {
    const first = this.#order[from] as number;
    const direction = kindOf(words, first) === PUBLISHED_KIND.stored ? 1 : -1;
    const position = (at: number): number => words[at + WORD.position] as number;
    this.#order.subarray(from, to).sort((a, b) => direction * (position(a) - position(b)));
  }
}
