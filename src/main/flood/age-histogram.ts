/**
 * How old events were, in fixed memory however many there are: buckets whose width grows with the value, so that each figure
 * is right to one part in 64. Pure.
 */

/** Microseconds. A figure is the upper end of its bucket: never better than what was seen. */
export interface AgeFigures {
  readonly events: number;
  readonly p50Micros: number;
  readonly p90Micros: number;
  readonly p99Micros: number;
  readonly p999Micros: number;
  readonly maxMicros: number;
}

/** Buckets in each doubling of the value; below that many microseconds a bucket is one microsecond. */
const PER_DOUBLING = 64;
/** 2^40 microseconds are 12 days. */
const DOUBLINGS = 35;

export class AgeHistogram {
  readonly #counts: Float64Array = new Float64Array(PER_DOUBLING * DOUBLINGS);
  #events: number = 0;
  #maxMicros: number = 0;

  /** Notes that so many events were that old. A negative age (two clocks) counts as none. */
  add(micros: number, events: number): void {
    const age = Math.max(0, Math.floor(micros));
    const bucket = bucketOf(age);
    this.#counts[bucket] = (this.#counts[bucket] as number) + events;
    this.#events += events;
    if (age > this.#maxMicros) this.#maxMicros = age;
  }

  /** Null before the first. */
  figures(): AgeFigures | null {
    if (this.#events === 0) return null;
    const at = (share: number): number => this.#percentile(share);
    return {
      events: this.#events,
      p50Micros: at(0.5),
      p90Micros: at(0.9),
      p99Micros: at(0.99),
      p999Micros: at(0.999),
      maxMicros: this.#maxMicros,
    };
  }

  #percentile(share: number): number {
    let left = Math.ceil(share * this.#events);
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket] as number;
      if (left <= 0) return Math.min(endOf(bucket), this.#maxMicros);
    }
    return this.#maxMicros;
  }
}

/**
 * Rows of 64 buckets: row 0 has those of 1 µs for 0 … 63, row n those of 2^(n-1) µs, for 64 × 2^(n-1) and what follows up to its
 * double.
 */
function bucketOf(age: number): number {
  if (age < PER_DOUBLING) return age;
  const row = Math.min(DOUBLINGS - 1, Math.floor(Math.log2(age / PER_DOUBLING)) + 1);
  const width = 2 ** (row - 1);
  return row * PER_DOUBLING + Math.min(PER_DOUBLING - 1, Math.floor(age / width) - PER_DOUBLING);
}

/** The largest whole number of microseconds in the bucket. */
function endOf(bucket: number): number {
  const row = Math.floor(bucket / PER_DOUBLING);
  if (row === 0) return bucket;
  const width = 2 ** (row - 1);
  return (PER_DOUBLING + (bucket % PER_DOUBLING) + 1) * width - 1;
}
