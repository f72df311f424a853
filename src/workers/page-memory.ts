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

export const PAGE_BYTES = 1024;
/** Pages that are allocated together: memory that the system hands out untouched. */
const SLAB_PAGES = 256;

export class PageMemory {
  readonly #slabs: Buffer[] = [];
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
    const first = this.#slabs.length * SLAB_PAGES;
    this.#slabs.push(Buffer.from(new SharedArrayBuffer(SLAB_PAGES * PAGE_BYTES)));
    for (let next = first + SLAB_PAGES - 1; next > first; next--) this.#free.push(next);
    return first;
  }

  give(pages: readonly number[]): void {
    for (const page of pages) this.#free.push(page);
  }

  /** Puts all of `source` into the page from byte `at` on. */
  write(page: number, at: number, source: Uint8Array): void {
    const start = startOf(page) + at;
    // Not `set`: see `payload-copy.ts`.
    this.#slabOf(page).fill(source, start, start + source.length);
  }

  setByte(page: number, at: number, value: number): void {
    this.#slabOf(page)[startOf(page) + at] = value;
  }

  /** The first `length` bytes of the page, as they are until somebody writes. */
  view(page: number, length: number): Uint8Array {
    const start = startOf(page);
    return this.#slabOf(page).subarray(start, start + length);
  }

  #slabOf(page: number): Buffer {
    return this.#slabs[Math.floor(page / SLAB_PAGES)] as Buffer;
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
    let from = 0;
    while (from < source.length) {
      const at = this.#length % PAGE_BYTES;
      if (at === 0) this.#pages.push(this.#memory.take());
      const count = Math.min(PAGE_BYTES - at, source.length - from);
      this.#memory.write(this.#pages.at(-1) as number, at, source.subarray(from, from + count));
      this.#length += count;
      from += count;
    }
  }

  /** Big-endian, as a DataView writes it; all of it must lie within the length. */
  setUint16(at: number, value: number): void {
    this.#set(at, value, 2);
  }

  setUint32(at: number, value: number): void {
    this.#set(at, value, 4);
  }

  /** A number below 2^53 as a uint64. */
  setUint64(at: number, value: number): void {
    this.#set(at, value, 8);
  }

  /** All of it in one piece, for a client that holds it until it has packed it: for a moment. */
  copyOut(): Buffer {
    const copy = roomFor(this.#length);
    for (const [i, page] of this.#pages.entries()) {
      const at = i * PAGE_BYTES;
      const count = Math.min(PAGE_BYTES, this.#length - at);
      copy.fill(this.#memory.view(page, count), at, at + count);
    }
    return copy;
  }

  /** Gives the pages back; it is empty then. */
  release(): void {
    this.#memory.give(this.#pages);
    this.#pages = [];
    this.#length = 0;
  }

  #set(at: number, value: number, bytes: number): void {
    let rest = value;
    for (let i = at + bytes - 1; i >= at; i--) {
      this.#memory.setByte(this.#pages[Math.floor(i / PAGE_BYTES)] as number, i % PAGE_BYTES, rest % 256);
      rest = Math.floor(rest / 256);
    }
  }
}

/** Where a page begins in its slab. */
function startOf(page: number): number {
  return (page % SLAB_PAGES) * PAGE_BYTES;
}
