/**
 * What an engine's cache did, second by second, for the last ten minutes. MAIN THREAD.
 *
 * Once a second the totals that are counted anyway are read and their growth is put into a ring: nothing is done for an event.
 * So it can be said later what the cache did while a slow request waited.
 *
 *   ring of 600 seconds, one row each: events, blocks stored and removed, missing ids, share of the cache in use
 */

/** Totals since the start, and how full the cache is now. */
export interface CacheTotals {
  /** Events received, of all types. */
  readonly events: number;
  /** Blocks. */
  readonly stored: number;
  /** Blocks. */
  readonly removed: number;
  /** Event ids, or messages, that never came. */
  readonly missing: number;
  /** 0 to 1; null where the engine does not say. */
  readonly usage: number | null;
}

/** What happened in a span of time, each a second. */
export interface CacheRates {
  readonly events: number;
  readonly stored: number;
  readonly removed: number;
  /** In all, not a second: a single one matters. */
  readonly missing: number;
  /** Highest share in use; null where it is not known. */
  readonly usage: number | null;
  /** Share of the span that the ring still has, 0 to 1. */
  readonly covered: number;
}

export const ACTIVITY_SECONDS = 600;

interface Sample {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly events: number;
  readonly stored: number;
  readonly removed: number;
  readonly missing: number;
  readonly usage: number | null;
}

export class CacheActivity {
  readonly #samples: Sample[] = [];
  #next: number = 0;
  #last: { readonly atMs: number; readonly totals: CacheTotals } | null = null;

  /** Takes the totals at a moment, in monotonic milliseconds. */
  sample(totals: CacheTotals, nowMs: number): void {
    const last = this.#last;
    this.#last = { atMs: nowMs, totals };
    if (last === null || nowMs <= last.atMs) return;
    this.#samples[this.#next] = {
      fromMs: last.atMs,
      untilMs: nowMs,
      events: totals.events - last.totals.events,
      stored: totals.stored - last.totals.stored,
      removed: totals.removed - last.totals.removed,
      missing: totals.missing - last.totals.missing,
      usage: totals.usage,
    };
    this.#next = (this.#next + 1) % ACTIVITY_SECONDS;
  }

  /** Of the seconds that the span touches; null when the ring has none of them. */
  between(fromMs: number, untilMs: number): CacheRates | null {
    const sum = { ms: 0, events: 0, stored: 0, removed: 0, missing: 0, coveredMs: 0 };
    let usage: number | null = null;
    for (const sample of this.#samples) {
      if (sample.untilMs <= fromMs || sample.fromMs > untilMs) continue;
      sum.ms += sample.untilMs - sample.fromMs;
      sum.coveredMs += Math.min(sample.untilMs, untilMs) - Math.max(sample.fromMs, fromMs);
      sum.events += sample.events;
      sum.stored += sample.stored;
      sum.removed += sample.removed;
      sum.missing += sample.missing;
      if (sample.usage !== null) usage = Math.max(usage ?? 0, sample.usage);
    }
    if (sum.ms === 0) return null;
    const perSecond = (count: number): number => (count * 1000) / sum.ms;
    return {
      events: perSecond(sum.events),
      stored: perSecond(sum.stored),
      removed: perSecond(sum.removed),
      missing: sum.missing,
      usage,
      covered: untilMs > fromMs ? Math.min(1, sum.coveredMs / (untilMs - fromMs)) : 1,
    };
  }

  /** Of all that the ring has; null when it has nothing. What is usual here. */
  overall(): CacheRates | null {
    const rates = this.between(-Infinity, Infinity);
    return rates === null ? null : { ...rates, covered: 1 };
  }
}
