/** Several runs of one figure, as the three numbers that are shown of them. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of an even number of runs the median is the mean of the two in the middle. Throws when there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted[middle - (sorted.length % 2 === 0 ? 1 : 0)];
  const min = sorted[0];
  const max = sorted.at(-1);
  if (upper === undefined || lower === undefined || min === undefined || max === undefined) {
    throw new Error("no runs, no spread");
  }
  return { median: (lower + upper) / 2, min, max };
}

/** The value below or at which that share of the values lies; the nearest one that occurred. Throws when there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error("no values, no percentile");
  return value;
}
