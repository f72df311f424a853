/**
 * How the cells of a counter block are given out: each field of a table is the index of what it names. BOTH SIDES.
 *
 *   class SomeCells extends CellTable {
 *     readonly sent: number = this.cell();                              one cell
 *     readonly dropped: number = this.column(DROP_REASONS.length);      one per label value, in the order of the list
 *     readonly duration: HistogramCells = this.histogram(BUCKETS);      one per bucket (not cumulative), +Inf, then the sum
 *   }
 *
 * Fields are initialised in the order in which they stand, so they follow each other in the block. A table is made once per
 * thread when its module is loaded; the threads of one process have the same code and so the same indexes. Blocks live in
 * memory only: a table may change from one version to the next.
 */

/** A histogram in a block: `width` cells from `first` on belong to it. */
export interface HistogramCells {
  readonly first: number;
  /** Upper bounds, lowest first, without +Inf. */
  readonly bounds: readonly number[];
  readonly width: number;
}

export class CellTable {
  #size: number = 0;

  /** Cells given out, which is what `CounterBlock.allocate` wants. */
  get size(): number {
    return this.#size;
  }

  protected cell(): number {
    return this.column(1);
  }

  /** Index of the first of `width` cells in a row. */
  protected column(width: number): number {
    const first = this.#size;
    this.#size += width;
    return first;
  }

  protected histogram(bounds: readonly number[]): HistogramCells {
    const width = bounds.length + 2;
    return { first: this.column(width), bounds, width };
  }
}
