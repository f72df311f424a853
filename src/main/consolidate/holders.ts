/**
 * What each source holds in one rank, newest first, and what it no longer holds but has yet to be taken out. MAIN THREAD.
 *
 *   source ──► hold ⇄ hold ⇄ …        doomed ──► hold ⇄ hold ⇄ …   one list for each clear
 *
 * A clear takes no time: the list of its source becomes one of the doomed, and the source's number of clears goes up. That
 * number is part of what a hold's owner is, so from then on the source does not find what it held before.
 */
import { CLEARS_MASK, CLEARS_SHIFT, HOLD, sourceOf } from "./block-layout.ts";
import type { Slots } from "./slots.ts";

export class Holders {
  readonly #holds: Slots;
  /** By source: newest hold, number of holds, number of clears. */
  readonly #firstOf: Int32Array;
  readonly #countOf: Int32Array;
  readonly #clearsOf: Int32Array;
  /** First of each doomed list. */
  readonly #doomed: number[] = [];
  #doomedCount: number = 0;

  /** `holds`: slots as HOLD says. */
  constructor(holds: Slots, sources: number) {
    this.#holds = holds;
    this.#firstOf = new Int32Array(sources);
    this.#countOf = new Int32Array(sources);
    this.#clearsOf = new Int32Array(sources);
  }

  /** The word of an owner, as its holds have it since the last clear. */
  now(owner: number): number {
    return owner | ((this.#clearsOf[sourceOf(owner)] as number) << CLEARS_SHIFT);
  }

  add(hold: number, owner: number): void {
    const holds = this.#holds;
    const source = sourceOf(owner);
    const older = this.#firstOf[source] as number;
    holds.set(hold, HOLD.owner, this.now(owner));
    holds.set(hold, HOLD.holderNext, older);
    holds.set(hold, HOLD.holderPrevious, 0);
    if (older !== 0) holds.set(older, HOLD.holderPrevious, hold);
    this.#firstOf[source] = hold;
    this.#countOf[source] = (this.#countOf[source] as number) + 1;
  }

  remove(hold: number): void {
    const holds = this.#holds;
    const next = holds.get(hold, HOLD.holderNext);
    const previous = holds.get(hold, HOLD.holderPrevious);
    if (next !== 0) holds.set(next, HOLD.holderPrevious, previous);
    if (previous !== 0) holds.set(previous, HOLD.holderNext, next);
    if (this.isDoomed(hold)) {
      this.#doomedCount--;
      if (previous === 0) this.#replaceDoomed(hold, next);
      return;
    }
    const source = sourceOf(holds.get(hold, HOLD.owner));
    this.#countOf[source] = (this.#countOf[source] as number) - 1;
    if (previous === 0) this.#firstOf[source] = next;
  }

  /** The source holds nothing any more; what it held is to be removed, one after the other: `nextDoomed`. */
  doom(source: number): void {
    const first = this.#firstOf[source] as number;
    if (first === 0) return;
    this.#doomed.push(first);
    this.#doomedCount += this.#countOf[source] as number;
    this.#firstOf[source] = 0;
    this.#countOf[source] = 0;
    this.#clearsOf[source] = ((this.#clearsOf[source] as number) + 1) & CLEARS_MASK;
  }

  /** Of the oldest clear the newest hold, so that children go before their parents; 0 = none. */
  nextDoomed(): number {
    return this.#doomed[0] ?? 0;
  }

  get hasDoomed(): boolean {
    return this.#doomedCount > 0;
  }

  isDoomed(hold: number): boolean {
    const owner = this.#holds.get(hold, HOLD.owner);
    return owner >>> CLEARS_SHIFT !== this.#clearsOf[sourceOf(owner)];
  }

  /** Whether other sources hold anything. */
  hasOthers(source: number): boolean {
    return this.#holds.live - this.#doomedCount > (this.#countOf[source] as number);
  }

  #replaceDoomed(first: number, next: number): void {
    const list = this.#doomed.indexOf(first);
    if (next === 0) this.#doomed.splice(list, 1);
    else this.#doomed[list] = next;
  }
}
