/**
 * Memory for what waits for a NATS server: pages that are used again as soon as a message is done with. PUBLISHER THREAD; pure.
 *
 * While a server is away, megabytes wait for it. In buffers of their own V8 would count them as they come, copy their handles out of
 * the nursery, and collect the whole heap on their account: milliseconds in which no ZMQ message leaves. Shared memory it does not
 * count, nor does it see what becomes of a page. Pages are small, so that a message grows without being copied.
 *
 * There are as many as were ever needed at a time, which the limit of the queue bounds.
 */
import { roomFor } from "./payload-copy.ts";
import { elementAt } from "../shared/element.ts";

const PAGE_BITS = 10;
export const PAGE_BYTES: number = 1 << PAGE_BITS;
const PAGE_MASK: number = PAGE_BYTES - 1;
/** Pages that are allocated together: memory that the system hands out untouched. */
const SLAB_PAGES = 256;

interface Slab {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export class PageMemory {
  readonly #slabs: Slab[] = [];
  /** The next one to be taken is the last. */
  readonly #free: number[] = [];

  /** Of all pages, free ones too. */
  get bytes(): number {
    return this.#slabs.length * SLAB_PAGES * PAGE_BYTES;
  }

  get freePages(): number {
    return this.#free.length;
  }

  /** Number of a page that is the caller's from now on; what is in it is left over from others. */
  take(): number {
    const page = this.#free.pop();
    if (page !== undefined) return page;
    const memory = new SharedArrayBuffer(SLAB_PAGES * PAGE_BYTES);
    const first = SLAB_PAGES * this.#slabs.length;
    this.#slabs.push({ bytes: Buffer.from(memory), view: new DataView(memory) });
    for (let next = first + SLAB_PAGES - 1; next > first; next--) this.#free.push(next);
    return first;
  }

  /** Takes pages back, the last one first: those that lie together are taken together again. */
  give(pages: readonly number[]): void {
    for (let i = pages.length - 1; i >= 0; i--) this.#free.push(pages[i] as number);
  }

  slabOf(page: number): Slab {
    return elementAt(this.#slabs, Math.floor(page / SLAB_PAGES));
  }
}

/** Bytes, one behind the other, that grow at the end. */
export class PagedBytes {
  readonly #memory: PageMemory;
  #pages: number[] = [];
  #length: number = 0;

  /** Begins with a copy of `bytes`. */
  constructor(memory: PageMemory, bytes: Uint8Array) {
    this.#memory = memory;
    this.append(bytes);
  }

  get length(): number {
    return this.#length;
  }

  /** Bytes of its pages. */
  get heldBytes(): number {
    return this.#pages.length * PAGE_BYTES;
  }

  /** Bytes of pages that it would need besides, to be so long. */
  growthTo(length: number): number {
    return Math.max(0, Math.ceil(length / PAGE_BYTES) * PAGE_BYTES - this.heldBytes);
  }

  append(source: Uint8Array): void {
    const from = this.#length;
    const to = from + source.length;
    while (this.heldBytes < to) this.#pages.push(this.#memory.take());
    this.#length = to;
    for (let at = from; at < to;) {
      const end = this.#runEnd(at, to);
      const start = this.#startOf(at);
      // Not `set`: see `payload-copy.ts`.
      this.#slabAt(at).bytes.fill(source.subarray(at - from, end - from), start, start + end - at);
      at = end;
    }
  }

  /** Big-endian, as a DataView writes it; all of it must lie within the length. */
  setUint16(at: number, value: number): void {
    if ((at & PAGE_MASK) <= PAGE_BYTES - 2) this.#slabAt(at).view.setUint16(this.#startOf(at), value);
    else this.#set(at, value, 2);
  }

  setUint32(at: number, value: number): void {
    if ((at & PAGE_MASK) <= PAGE_BYTES - 4) this.#slabAt(at).view.setUint32(this.#startOf(at), value);
    else this.#set(at, value, 4);
  }

  /** A number below 2^53 as a uint64. */
  setUint64(at: number, value: number): void {
    this.setUint32(at, Math.floor(value / 0x1_0000_0000));
    this.setUint32(at + 4, value % 0x1_0000_0000);
  }

  /** All of it in one piece, for a client that holds it until it has packed it: for a moment. */
  copyOut(): Buffer {
    const copy = roomFor(this.#length);
    for (let at = 0; at < this.#length;) {
      const end = this.#runEnd(at, this.#length);
      const start = this.#startOf(at);
      copy.fill(this.#slabAt(at).bytes.subarray(start, start + end - at), at, end);
      at = end;
    }
    return copy;
  }

  /** Gives the pages back; it is empty then. */
  release(): void {
    this.#memory.give(this.#pages);
    this.#pages = [];
    this.#length = 0;
  }

  /** End of the bytes from `at` on, up to `to`, that lie together: those of pages that follow each other in a slab. */
  #runEnd(at: number, to: number): number {
    let i = at >>> PAGE_BITS;
    while ((i + 1) << PAGE_BITS < to) {
      const next = this.#pages[i + 1] as number;
      if (next !== (this.#pages[i] as number) + 1 || next % SLAB_PAGES === 0) break;
      i++;
    }
    return Math.min((i + 1) << PAGE_BITS, to);
  }

  #slabAt(at: number): Slab {
    return this.#memory.slabOf(this.#pages[at >>> PAGE_BITS] as number);
  }

  /** Where byte `at` lies in its slab. */
  #startOf(at: number): number {
    const page = this.#pages[at >>> PAGE_BITS] as number;
    return ((page % SLAB_PAGES) << PAGE_BITS) + (at & PAGE_MASK);
  }

  /** A number that may lie over the border of two pages. */
  #set(at: number, value: number, bytes: number): void {
    let rest = value;
    for (let i = at + bytes - 1; i >= at; i--) {
      this.#slabAt(i).bytes[this.#startOf(i)] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }
}
