/**
 * What must hold of a service that runs for a long time, judged by its metrics pages alone, so that any service whose page
 * can be read can be watched: this one under a bench, or a real one. Pure: pages in, failures out.
 *
 * On each page the books balance, no counter has fallen, every engine event id was received or is counted as missing, and
 * no thread died. Over all pages events keep coming, and memory and open files do not grow once it is warm.
 */
import { assertBooks } from "../../test/support/books.ts";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { spreadOf } from "../support/spread.ts";

/** Growth of the resident memory, last third against first third, that is taken for a leak. */
const MAX_RSS_GROWTH = 0.1;
/** Open files may differ by connections that are under way. */
const MAX_FD_GROWTH = 2;
/** Fewer samples after the warm-up say nothing about growth. */
const MIN_SAMPLES = 9;
/** Time without a single event, although the engine makes some. */
const STALL_SECONDS = 30;

export interface SoakOptions {
  /** Growth is looked for after this: until then compilers and buffers settle. */
  readonly warmUpSeconds: number;
  /** Whether the engine's ids begin at 0 and never start over, so that each of them must be accounted for. */
  readonly allIds: boolean;
}

interface Sample {
  readonly seconds: number;
  readonly rssBytes: number;
  readonly fds: number;
}

export interface SoakGrowth {
  /** Last third by first third of the samples after the warm-up, less 1. */
  readonly rss: number;
  /** Of a straight line through them, bytes an hour. */
  readonly rssBytesPerHour: number;
  readonly fds: number;
}

export class SoakChecks {
  /** What was wrong, one line each; the same fault is told once. */
  readonly failures: Set<string> = new Set();
  readonly #options: SoakOptions;
  readonly #warm: Sample[] = [];
  #last: MetricsPage | null = null;
  #received: number = 0;
  #receivedSeconds: number = 0;
  #pages: number = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
  }

  /** Pages judged so far. */
  get pages(): number {
    return this.#pages;
  }

  /** Judges one page, `seconds` after the start. */
  add(seconds: number, page: MetricsPage): void {
    this.#pages++;
    this.#check("the books balance", () => assertBooks(page, false));
    this.#check("no counter falls", () => this.#assertRising(page));
    if (this.#options.allIds) this.#check("every event id is accounted for", () => assertAllIds(page));
    this.#check("no thread dies", () => {
      const restarts = page.sum("kvcast_worker_restarts_total");
      if (restarts > 0) throw new Error(`${restarts} restarts`);
    });
    this.#check("events keep coming", () => this.#assertProgress(seconds, page));
    if (seconds >= this.#options.warmUpSeconds) {
      this.#warm.push({
        seconds,
        rssBytes: page.value("process_resident_memory_bytes"),
        fds: page.value("process_open_fds"),
      });
    }
    this.#last = page;
  }

  /** Judges the whole. null: too few samples after the warm-up to say anything about growth. */
  finish(): SoakGrowth | null {
    const samples = this.#warm;
    if (samples.length < MIN_SAMPLES) return null;
    const third = Math.floor(samples.length / 3);
    const medians = (figure: "rssBytes" | "fds"): readonly [first: number, last: number] => [
      spreadOf(samples.slice(0, third).map((sample) => sample[figure])).median,
      spreadOf(samples.slice(-third).map((sample) => sample[figure])).median,
    ];
    const [firstRss, lastRss] = medians("rssBytes");
    const [firstFds, lastFds] = medians("fds");
    const growth = { rss: lastRss / firstRss - 1, rssBytesPerHour: slope(samples) * 3600, fds: lastFds - firstFds };
    if (growth.rss > MAX_RSS_GROWTH) {
      this.failures.add(`memory grows: ${percent(growth.rss)} over the run, ${percent(MAX_RSS_GROWTH)} is allowed`);
    }
    if (growth.fds > MAX_FD_GROWTH) this.failures.add(`open files grow: from ${firstFds} to ${lastFds}`);
    return growth;
  }

  #check(rule: string, judge: () => void): void {
    try {
      judge();
    } catch (error) {
      const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
      if (![...this.failures].some((known) => known.startsWith(`${rule}: `))) this.failures.add(`${rule}: ${reason}`);
    }
  }

  #assertRising(page: MetricsPage): void {
    const before = this.#last;
    if (before === null) return;
    for (const [series, value] of before.samples) {
      const name = /^[^{]*/.exec(series)?.[0] ?? "";
      if (page.types.get(name) !== "counter") continue;
      const now = page.samples.get(series);
      if (now === undefined || now < value) throw new Error(`${series} went from ${value} to ${now ?? "nothing"}`);
    }
  }

  #assertProgress(seconds: number, page: MetricsPage): void {
    const received = page.sum("kvcast_source_received_events_total");
    if (received > this.#received) {
      this.#received = received;
      this.#receivedSeconds = seconds;
    } else if (seconds - this.#receivedSeconds >= STALL_SECONDS) {
      throw new Error(`none for ${Math.round(seconds - this.#receivedSeconds)} s after ${received}`);
    }
  }
}

/** An id of a rank was received or is missing; the highest one says how many there are. */
function assertAllIds(page: MetricsPage): void {
  let ids = 0;
  for (const [series, value] of page.samples) {
    if (series.startsWith("kvcast_source_last_event_id{")) ids += value + 1;
  }
  const received = page.sum("kvcast_source_received_events_total");
  const missing = page.sum("kvcast_source_sequence_gaps_total");
  if (ids !== received + missing) throw new Error(`${ids} ids, but ${received} received and ${missing} missing`);
}

/** Bytes a second of the straight line that is nearest to all samples. */
function slope(samples: readonly Sample[]): number {
  const mean = (figure: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + figure(sample), 0) / samples.length;
  const seconds = mean((sample) => sample.seconds);
  const bytes = mean((sample) => sample.rssBytes);
  const covariance = mean((sample) => (sample.seconds - seconds) * (sample.rssBytes - bytes));
  return covariance / mean((sample) => (sample.seconds - seconds) ** 2);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
