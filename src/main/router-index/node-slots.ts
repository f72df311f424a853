/**
 * Numbered slots for the nodes of a tree, in pages: memory that grows without being copied. MAIN THREAD.
 *
 *   node   tokens hash lo hi | parent | a child | first hold | bits
 *
 * Nodes are numbered from 1; 0 is none. Whoever needs several words of a node asks once for its page and its place in there.
 */
import { elementAt } from "../../shared/element.ts";

export const NODE = { lo: 0, hi: 1, parent: 2, child: 3, firstHold: 4, bits: 5, words: 6 } as const;

const PAGE_BITS = 11;
const PAGE_MASK: number = (1 << PAGE_BITS) - 1;

export class NodeSlots {
  /** Slots that are taken. */
  live: number = 0;
  readonly #pages: Int32Array[] = [];
  /** First of the slots that were given back; word 0 of each is the next one. */
  #free: number = 0;
  #unused: number = 1;

  get memoryBytes(): number {
    // Not `<<`, which turns negative at 2 GiB.
    return this.#pages.length * NODE.words * 4 * 2 ** PAGE_BITS;
  }

  page(node: number): Int32Array {
    return elementAt(this.#pages, node >>> PAGE_BITS);
  }

  get(node: number, word: number): number {
    return elementAt(this.#pages, node >>> PAGE_BITS)[placeOf(node) + word] as number;
  }

  set(node: number, word: number, value: number): void {
    elementAt(this.#pages, node >>> PAGE_BITS)[placeOf(node) + word] = value;
  }

  /** A slot that nobody uses, with anything in it. */
  take(): number {
    this.live++;
    const node = this.#free;
    if (node !== 0) {
      this.#free = this.get(node, NODE.lo);
      return node;
    }
    if (this.#unused >>> PAGE_BITS === this.#pages.length) this.#pages.push(new Int32Array(NODE.words << PAGE_BITS));
    return this.#unused++;
  }

  /** What else is in it than the first word stays until it is taken again. */
  give(node: number): void {
    this.live--;
    this.set(node, NODE.lo, this.#free);
    this.#free = node;
  }
}

/** Where a node begins in its page. */
export function placeOf(node: number): number {
  return (node & PAGE_MASK) * NODE.words;
}
