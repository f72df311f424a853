/**
 * Counters that worker threads keep in shared memory and the main thread reads at scrape time. BOTH SIDES.
 *
 * One block per thread, one writer per block: plain adds, no locks. A block has two banks. The version word says which one
 * is visible (its lowest bit); an update is made in the other one and becomes visible in one step. So a reader has all
 * cells as they were at one moment, which lets the books balance on every scrape, and a thread that is killed inside an
 * update leaves none of it behind, which lets its successor know exactly what has been counted.
 *
 *   block   [version i32 | padding to 128 bytes][bank 0: cell 0 f64, cell 1 f64, …][bank 1]
 *
 * Which cell means what stands in the tables: `publisher-cells.ts`, `encoder-cells.ts`, `index-cells.ts`.
 */
import type { HistogramCells } from "./counter-table.ts";
import { LayoutError } from "./errors.ts";

const HEADER_BYTES = 128;
/** Tries before a reader gives up; a copy takes well under a microsecond, a writer updates every 100 at most. */
const MAX_SNAPSHOT_TRIES = 1000;

/** One thread's counters. The owning thread writes, every thread may take snapshots. */
export class CounterBlock {
  readonly buffer: SharedArrayBuffer;
  readonly #version: Int32Array<SharedArrayBuffer>;
  readonly #banks: readonly [Float64Array<SharedArrayBuffer>, Float64Array<SharedArrayBuffer>];
  /** The bank that the owner writes into: the visible one, or the other one inside an update. */
  #cells: Float64Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    if (buffer.byteLength <= HEADER_BYTES || (buffer.byteLength - HEADER_BYTES) % 16 !== 0) {
      throw new LayoutError(
        `a counter block of ${buffer.byteLength} bytes is not ${HEADER_BYTES} bytes and two banks of whole cells`,
      );
    }
    this.buffer = buffer;
    this.#version = new Int32Array(buffer, 0, 1);
    const size = (buffer.byteLength - HEADER_BYTES) / 16;
    this.#banks = [
      new Float64Array(buffer, HEADER_BYTES, size),
      new Float64Array(buffer, HEADER_BYTES + size * 8, size),
    ];
    this.#cells = this.#visible();
  }

  /** A zeroed block for `size` cells. */
  static allocate(size: number): CounterBlock {
    return new CounterBlock(new SharedArrayBuffer(HEADER_BYTES + size * 16));
  }

  #bank(version: number): Float64Array<SharedArrayBuffer> {
    return this.#banks[(version & 1) === 0 ? 0 : 1];
  }

  #visible(): Float64Array<SharedArrayBuffer> {
    return this.#bank(Atomics.load(this.#version, 0));
  }

  /**
   * Opens an update; what is added until `end()` becomes visible as one, or not at all if the thread dies before. Owner
   * only; not nested.
   */
  begin(): void {
    const version = Atomics.load(this.#version, 0);
    const hidden = this.#bank(version + 1);
    hidden.set(this.#bank(version));
    this.#cells = hidden;
  }

  end(): void {
    Atomics.add(this.#version, 0, 1);
  }

  /** Owner only. */
  add(index: number, amount: number): void {
    this.#cells[index] = (this.#cells[index] as number) + amount;
  }

  /** Owner only. */
  set(index: number, value: number): void {
    this.#cells[index] = value;
  }

  /** Owner only. */
  observe(histogramCells: HistogramCells, value: number): void {
    const { bounds, first } = histogramCells;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    this.add(first + i, 1);
    this.add(first + bounds.length + 1, value);
  }

  /**
   * Makes this view the owner's, after the thread that owned the block has ended: an update that it left open never was.
   */
  recover(): void {
    this.#cells = this.#visible();
  }

  /** One cell as it is now: for single figures only. */
  read(index: number): number {
    return this.#visible()[index] as number;
  }

  /**
   * Copies all cells as they were at one moment into `into`, which must have their number. Any thread.
   * False: the owner completed updates during every try, which takes a reader whose core is taken away again and again;
   * the copy may then be torn. Try again later.
   */
  snapshot(into: Float64Array): boolean {
    for (let i = 0; i < MAX_SNAPSHOT_TRIES; i++) {
      const before = Atomics.load(this.#version, 0);
      into.set(this.#bank(before));
      if (Atomics.load(this.#version, 0) === before) return true;
    }
    return false;
  }
}
