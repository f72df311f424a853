/**
 * What happened between two moments: rates and percentiles, from totals that are kept for a minute. MAIN THREAD.
 */
import type { Buckets, Totals } from "./totals.ts";

/** Rates are over the last second or two, percentiles over ten, losses over a minute. */
const RATE_MS = 1000;
export const PERCENTILE_MS = 10_000;
export const LATELY_MS = 60_000;
/** Timers come late now and then. */
const SLACK_MS = 50;

/** One totals a second, for a minute. */
export class TotalsWindow {
  readonly #kept: Totals[] = [];

  add(totals: Totals): void {
    this.#kept.push(totals);
    while ((this.#kept[1]?.atMs ?? Infinity) <= totals.atMs - LATELY_MS) this.#kept.shift();
  }

  /** The newest that is at least so old; where there is none, the oldest there is; null: nothing is kept. */
  #before(nowMs: number, ageMs: number): Totals | null {
    const until = nowMs - ageMs + SLACK_MS;
    return this.#kept.findLast(({ atMs }) => atMs <= until) ?? this.#kept[0] ?? null;
  }

  /** What grew since then, up to `now`. */
  growth(now: Totals): Growth {
    return new Growth(now, {
      rate: this.#before(now.atMs, RATE_MS) ?? now,
      percentile: this.#before(now.atMs, PERCENTILE_MS) ?? now,
      lately: this.#before(now.atMs, LATELY_MS) ?? now,
    });
  }
}

interface Earlier {
  readonly rate: Totals;
  readonly percentile: Totals;
  readonly lately: Totals;
}

export class Growth {
  readonly now: Totals;
  readonly #earlier: Earlier;

  constructor(now: Totals, earlier: Earlier) {
    this.now = now;
    this.#earlier = earlier;
  }

  /** Of a total, a second. */
  rate(of: (totals: Totals) => number): number {
    const { rate } = this.#earlier;
    const ms = this.now.atMs - rate.atMs;
    return ms <= 0 ? 0 : Math.max(0, rounded(((of(this.now) - of(rate)) * 1000) / ms, 1));
  }

  /** Of a total, within the last minute. */
  lately(of: (totals: Totals) => number): number {
    return of(this.now) - of(this.#earlier.lately);
  }

  /** Of a histogram, seconds; null when nothing was observed. */
  quantile(q: number, bounds: readonly number[], of: (totals: Totals) => Buckets | undefined): number | null {
    const after = of(this.now);
    const before = of(this.#earlier.percentile);
    if (after === undefined) return null;
    const value = quantileOf(q, bounds, (i) => (after[i] ?? 0) - (before?.[i] ?? 0));
    return value === null ? null : rounded(value, 7);
  }
}

/** Digits that nobody reads cost bytes in every snapshot. */
function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

/** As Prometheus does it: evenly spread within a bucket; beyond the last bound, that bound. */
export function quantileOf(q: number, bounds: readonly number[], count: (bucket: number) => number): number | null {
  let all = 0;
  for (let i = 0; i <= bounds.length; i++) all += count(i);
  if (all <= 0) return null;
  let below = 0;
  for (const [i, bound] of bounds.entries()) {
    const here = count(i);
    if (here > 0 && below + here >= q * all) {
      const from = bounds[i - 1] ?? 0;
      return from + (bound - from) * ((q * all - below) / here);
    }
    below += here;
  }
  return bounds.at(-1) ?? null;
}
