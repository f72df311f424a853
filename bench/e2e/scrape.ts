/**
 * What scraping costs and what it has to wait for: `/metrics` asked again and again in a full flood, and how much older events
 * get when 50 scrapers ask at half of the rate that the machine can do.
 */
import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { atMost, below, figure, multipleOf } from "../goal.ts";
import { percentile } from "../support/spread.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import { ageResult, type MeasuredRun, measuredRun, usageFigures } from "./measured-run.ts";
import { startKvcast } from "./publishers.ts";

const FLOOD_EVENTS = 12_000_000;
const KNEE_EVENTS = 4_000_000;
const QUICK_SHARE = 0.2;
const WARM_SHARE = 0.2;
/** A page is handed out again for 100 ms; asked after that it is made anew. */
const FRESH_MS = 110;
/** Up to this share of the flood scraping goes on; up to the other, the event loop is watched without it. */
const SCRAPED_UNTIL = 0.6;
const LOOP_UNTIL = 0.97;

const SCRAPERS = 50;
const EVERY_MS = 1000;
const PACED_SECONDS = 12;
const MAX_RUNS = 3;

interface Scrape {
  readonly ms: number;
  readonly text: string;
}

/** Reads the whole page over a connection that stays open, as Prometheus does, and leaves it unparsed. */
function scrape(url: string, agent: Agent): Promise<Scrape> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const asking = request(`${url}/metrics`, { agent }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("error", reject);
      response.once("end", () => {
        const ms = performance.now() - startMs;
        if (response.statusCode === 200) resolve({ ms, text: Buffer.concat(parts).toString("utf8") });
        else reject(new Error(`/metrics answers ${response.statusCode}`));
      });
    });
    asking.once("error", reject);
    asking.end();
  });
}

/** A figure of the event loop since the page before, seconds. Each sample has the sampling's own interval in it. */
function loopSeconds(page: string, figureName: "min" | "p99"): number {
  return parseMetrics(page).value(`nodejs_eventloop_lag_${figureName}_seconds`);
}

/** Scrapes of one flood, one after the other. */
class Scraper {
  readonly all: number[] = [];
  /** Times of pages that were made for the scrape, and not for one before it. */
  readonly fresh: number[] = [];
  last: string = "";
  readonly #url: string;
  readonly #agent: Agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string) {
    this.#url = url;
  }

  async take(): Promise<void> {
    const { ms, text } = await scrape(this.#url, this.#agent);
    this.all.push(ms);
    // In a flood no two pages are alike.
    if (text !== this.last) this.fresh.push(ms);
    this.last = text;
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function floodRun(context: RunContext): Promise<RunResult> {
  const events = Math.round(FLOOD_EVENTS * (context.quick ? QUICK_SHARE : 1));
  const warmEvents = Math.round(events * WARM_SHARE);
  const publisher = await startKvcast({ blocks: 1, events }, "vllm");
  const idle = new Scraper(publisher.url);
  const scraper = new Scraper(publisher.url);
  try {
    // While it waits for its subscriber: what a sample is when nothing delays it.
    await setTimeout(FRESH_MS);
    await idle.take();
    const intervalSeconds = loopSeconds(idle.last, "min");
    let received = 0;
    const isBefore = (share: number): boolean => received < share * events;
    const onEvents = (count: number): void => {
      received = count;
    };
    let loopMs = Number.NaN;
    const sizes = { events, warmEvents, onEvents };
    const { report } = await measuredRun(publisher, sizes, context, async (ended) => {
      while (!ended() && isBefore(SCRAPED_UNTIL)) await scraper.take();
      // This page begins the time that the last one tells of.
      await setTimeout(FRESH_MS);
      await scraper.take();
      while (!ended() && isBefore(LOOP_UNTIL)) await setTimeout(FRESH_MS);
      await scraper.take();
      loopMs = (loopSeconds(scraper.last, "p99") - intervalSeconds) * 1000;
    });
    const scrapedMs = (report.timedMs * (SCRAPED_UNTIL - WARM_SHARE)) / (1 - WARM_SHARE);
    return {
      main: percentile(scraper.fresh, 0.99),
      more: {
        p50: { value: percentile(scraper.fresh, 0.5), unit: "ms" },
        "p99 with shared pages": { value: percentile(scraper.all, 0.99), unit: "ms" },
        "loop delay p99": { value: Math.max(0, loopMs), unit: "ms" },
        asked: { value: (scraper.all.length * 1000) / scrapedMs, unit: "scrapes/s" },
        flood: { value: (report.timedEvents * 1000) / report.timedMs, unit: "events/s" },
      },
    };
  } finally {
    idle.close();
    scraper.close();
  }
}

let knee: Promise<number> | null = null;

/** What this machine does at most, events/s; measured once, so that all runs that are compared have the same rate. */
function kneeRate(context: RunContext): Promise<number> {
  knee ??= measureKnee(context);
  knee.catch(() => (knee = null));
  return knee;
}

async function measureKnee(context: RunContext): Promise<number> {
  const events = Math.round(KNEE_EVENTS * (context.quick ? QUICK_SHARE : 1));
  const warmEvents = Math.round(events * WARM_SHARE);
  const { report } = await measuredRun(
    await startKvcast({ blocks: 1, events }, "vllm"),
    { events, warmEvents },
    context,
  );
  return (report.timedEvents * 1000) / report.timedMs;
}

/** So many scrapers, each once a second with a connection of its own, spread over the second. Resolves with their times. */
async function scrapeUntil(ended: () => boolean, url: string, scrapers: number): Promise<number[]> {
  const agents = Array.from({ length: scrapers }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  const times: number[] = [];
  const one = async (agent: Agent, i: number): Promise<void> => {
    await setTimeout((i * EVERY_MS) / scrapers);
    while (!ended()) {
      const { ms } = await scrape(url, agent);
      times.push(ms);
      await setTimeout(Math.max(0, EVERY_MS - ms));
    }
    agent.destroy();
  };
  await Promise.all(agents.map(one));
  return times;
}

async function pacedRun(context: RunContext, scrapers: number): Promise<RunResult> {
  const ratePerSecond = Math.round((await kneeRate(context)) / 2);
  const events = Math.round(ratePerSecond * PACED_SECONDS * (context.quick ? QUICK_SHARE : 1));
  const warmEvents = Math.round(events * WARM_SHARE);
  const publisher = await startKvcast({ blocks: 1, events, ratePerSecond }, "vllm");
  let times: number[] = [];
  const run: MeasuredRun = await measuredRun(publisher, { events, warmEvents }, context, async (ended) => {
    times = await scrapeUntil(ended, publisher.url, scrapers);
  });
  const { timedEvents, timedMs } = run.report;
  const { main, more } = ageResult(run);
  return {
    main,
    more: {
      ...more,
      ...(times.length === 0 ? {} : { "scrape p99": { value: percentile(times, 0.99), unit: "ms" } }),
      rate: { value: (timedEvents * 1000) / timedMs, unit: "events/s" },
      ...usageFigures(run),
    },
  };
}

const PACED = { unit: "µs", better: "less", maxRuns: MAX_RUNS } as const;
const ALONE = "scrape/half-knee-alone";

export const SCRAPE_CASES: readonly BenchCase[] = [
  {
    name: "scrape/flood",
    unit: "ms",
    better: "less",
    maxRuns: MAX_RUNS,
    goals: [below(20, "p99 < 20 ms"), below(10, "loop delay p99 < 10 ms", figure("loop delay p99"))],
    run: floodRun,
  },
  {
    ...PACED,
    name: "scrape/half-knee",
    rival: ALONE,
    compared: ["p50"],
    goals: [atMost(1.2, "p99 ≤ 1.2 × alone", multipleOf([ALONE]))],
    run: (context) => pacedRun(context, SCRAPERS),
  },
  { ...PACED, name: ALONE, run: (context) => pacedRun(context, 0) },
];
