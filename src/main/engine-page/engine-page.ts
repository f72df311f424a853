/**
 * The Prometheus page of one engine, as a scrape of ours finds it. MAIN THREAD.
 *
 *   refresh() ─► fresh enough? ─► one fetch for all who ask ─► pieces of 16 KiB, a turn of the event loop each ─► page
 *
 * It is fetched when someone scrapes, and at most once a second. A scrape waits for it only so long; then the page before is
 * served once more, with its age beside it, until it is too old for that. After a fetch that failed scrapes hardly wait at all
 * until one has succeeded again: an engine that hangs must not slow down each scrape.
 *
 * Nothing but metrics depends on the page, so no failure of it is an event.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf } from "../../shared/errors.ts";
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { type Drain, DrainClient, type Resource } from "../engine/drain-client.ts";
import { type ExpositionPage, PageParser, type PageOptions } from "../expfmt/page-parser.ts";
import { REFUSALS } from "../expfmt/refusal.ts";
import type { LineLogger } from "../log.ts";
import { within } from "../within.ts";
import { type FetchOutcome, PageCounters } from "./page-counters.ts";

const PAGE: Resource = { path: "prometheus/metrics", methods: ["GET"] };
/** How long a page is fresh. */
const FRESH_MS = 1000;
/** An engine that has no page is asked again after this time: it may come back with other settings. */
const ABSENT_MS = 30_000;
/** What a scrape waits for an engine that failed the last time. */
const IMPATIENT_MS = 50;
/** Read in one turn of the event loop: some hundred microseconds. Events wait no longer than that. */
const SLICE_BYTES: number = 16 * 1024;

export interface EnginePageOptions {
  readonly config: HttpEngineConfig;
  /** Most that a scrape waits, and that a fetch takes. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** A page that is older is served no more. */
  readonly maxAgeMs: number;
  /** Asked anew for each page that is read. */
  readonly parsing: () => PageOptions;
  readonly log: LineLogger;
  /** Seams for tests. */
  readonly drain?: Drain;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export class EnginePage {
  readonly counters: PageCounters;
  readonly #options: EnginePageOptions;
  readonly #client: Drain;
  readonly #now: () => number;
  #page: ExpositionPage | null = null;
  #pageMs: number = 0;
  #fetch: Promise<void> | null = null;
  /** No fetch before. */
  #nextMs: number = Number.NEGATIVE_INFINITY;
  #outcome: FetchOutcome | null = null;
  #refusedTold: boolean = false;
  #stopped: boolean = false;

  constructor(options: EnginePageOptions) {
    const { config, timeoutMs, maxBytes } = options;
    this.#options = options;
    this.counters = new PageCounters(config.name);
    this.#client =
      options.drain ?? new DrainClient({ ...config, timeoutMs, maxResponseBytes: maxBytes }, { resource: PAGE });
    this.#now = options.now ?? ((): number => performance.now());
  }

  /** Waits for a fresh page, but never longer than is reasonable. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#stopped) return;
    if (this.#fetch === null) {
      if (this.#now() < this.#nextMs) return;
      this.#fetch = this.#read()
        .catch((error: unknown) => this.#failed(error))
        .finally(() => (this.#fetch = null));
    }
    const isWell = this.#outcome === null || this.#outcome === "ok" || this.#outcome === "not_found";
    await within(this.#fetch, isWell ? this.#options.timeoutMs : IMPATIENT_MS);
  }

  /** The last page that was read, unless it is too old; null: there is none. */
  page(): ExpositionPage | null {
    return this.#age() <= this.#options.maxAgeMs ? this.#page : null;
  }

  /** Age of that page; null when there is none. */
  ageSeconds(): number | null {
    return this.page() === null ? null : this.#age() / 1000;
  }

  /** The credentials from the next request on. */
  renew(credentials: EngineCredentials): void {
    this.#client.renew(credentials);
  }

  stop(): void {
    this.#stopped = true;
    this.#client.abort();
    this.#client.close();
  }

  #age(): number {
    return this.#now() - this.#pageMs;
  }

  async #read(): Promise<void> {
    const startMs = this.#now();
    const parser = new PageParser(this.#options.parsing());
    let parseMs = 0;
    const { error } = await this.#client.drain(async (chunk) => {
      for (let at = 0; at < chunk.length && !this.#stopped; at += SLICE_BYTES) {
        const sliceMs = performance.now();
        parser.push(chunk.subarray(at, at + SLICE_BYTES));
        parseMs += performance.now() - sliceMs;
        await nextTurn();
      }
      return !this.#stopped;
    });
    if (this.#stopped) return;
    const { counters } = this;
    counters.fetchSeconds = (this.#now() - startMs) / 1000;
    if (error !== null) {
      this.#ended(error.status === 404 ? "not_found" : error.reason);
      return;
    }
    const page = parser.end();
    if (!page.isWhole) {
      this.#ended("truncated");
      return;
    }
    this.#page = page;
    this.#pageMs = this.#now();
    counters.bytes = page.bytes;
    counters.series = page.series;
    counters.parseSeconds = parseMs / 1000;
    for (const reason of REFUSALS) counters.refused[reason] += page.refused[reason];
    this.#ended("ok");
    this.#tellRefused(page);
  }

  /** A bug of ours; scrapes go on without the page. */
  #failed(error: unknown): void {
    this.#options.log.error("reading the engine's metrics page failed", { error: messageOf(error) });
    this.#ended("decode");
  }

  #ended(outcome: FetchOutcome): void {
    const { counters } = this;
    counters.fetches[outcome]++;
    counters.up = outcome === "ok" ? 1 : 0;
    this.#nextMs = this.#now() + (outcome === "not_found" ? ABSENT_MS : FRESH_MS);
    if (outcome === "not_found") this.#page = null;
    if (outcome !== this.#outcome) this.#tellOutcome(outcome);
    this.#outcome = outcome;
  }

  #tellOutcome(outcome: FetchOutcome): void {
    const { log } = this.#options;
    if (outcome === "ok") log.info("the engine's metrics page is read", { bytes: this.counters.bytes });
    else if (outcome === "not_found") {
      log.info("the engine has no metrics page; return_perf_metrics: true in its configuration turns it on");
    } else log.warn("the engine's metrics page cannot be read", { reason: outcome });
  }

  /** Once: what is refused of one page is refused of the next one too, as a rule. */
  #tellRefused({ refused }: ExpositionPage): void {
    const reasons = REFUSALS.filter((reason) => refused[reason] > 0);
    if (this.#refusedTold || reasons.length === 0) return;
    this.#refusedTold = true;
    const lines = Object.fromEntries(reasons.map((reason) => [reason, refused[reason]]));
    this.#options.log.warn("lines of the engine's metrics page are refused", lines);
  }
}
