/**
 * A histogram of the main thread: plain numbers, read at scrape time.
 * `counts[i]` holds observations <= `bounds[i]`, not cumulative; the last cell is +Inf.
 */
export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum: number = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Takes a value, so many times. */
  observe(value: number, times: number = 1): void {
    const bounds = this.bounds;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    this.counts[i] = (this.counts[i] as number) + times;
    this.sum += value * times;
  }
}
