/**
 * What people who look on cost: a flood with sixteen live pages open, and the same without any. The pages are streams that are
 * read and thrown away; what a browser does with them it does elsewhere.
 */
import { Agent, request } from "node:http";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { atLeast, multipleOf } from "../goal.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import { measuredRun, usageFigures } from "./measured-run.ts";
import { startKvcast } from "./publishers.ts";

const EVENTS = 8_000_000;
const QUICK_SHARE = 0.2;
const WARM_SHARE = 0.2;
const PAGES = 16;

interface Streams {
  readonly bytes: () => number;
  close(): void;
}

/** Resolves when all of them have begun. */
async function openStreams(url: string, count: number): Promise<Streams> {
  let bytes = 0;
  const agent = new Agent({ maxSockets: Infinity });
  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const asking = request(`${url}/v1/live/stream`, { agent }, (response) => {
        response.on("data", (part: Buffer) => (bytes += part.length));
        // It is broken off at the end.
        response.once("error", () => {});
        if (response.statusCode === 200) resolve();
        else reject(new Error(`the live stream answers ${response.statusCode}`));
      });
      asking.once("error", reject);
      asking.end();
    });
  await Promise.all(Array.from({ length: count }, open));
  return { bytes: () => bytes, close: () => agent.destroy() };
}

async function floodRun(context: RunContext, pages: number): Promise<RunResult> {
  const events = Math.round(EVENTS * (context.quick ? QUICK_SHARE : 1));
  const publisher = await startKvcast({ blocks: 1, events }, "vllm");
  // Before the first event: a page that is opened is another matter than one that is open.
  const streams = await openStreams(publisher.url, pages);
  let skipped = 0;
  try {
    const run = await measuredRun(
      publisher,
      { events, warmEvents: Math.round(events * WARM_SHARE) },
      context,
      async () => {
        const response = await fetch(`${publisher.url}/metrics`);
        const metrics = parseMetrics(await response.text());
        if (metrics.value("kvcast_sse_clients") !== pages) throw new Error("a page was closed");
        skipped = metrics.value("kvcast_sse_dropped_messages_total");
      },
    );
    const { timedEvents, timedMs } = run.report;
    return {
      main: (timedEvents * 1000) / timedMs,
      more: {
        ...usageFigures(run),
        ...(pages === 0
          ? {}
          : {
              "a page": {
                value: streams.bytes() / pages / (run.report.timedMs / (1 - WARM_SHARE) / 1000),
                unit: "B/s",
              },
              skipped: { value: skipped, unit: "" },
            }),
      },
    };
  } finally {
    streams.close();
  }
}

const ALONE = "live/flood-no-page";

export const LIVE_CASES: readonly BenchCase[] = [
  {
    name: "live/flood-16-pages",
    unit: "events/s",
    rival: ALONE,
    goals: [atLeast(0.99, "≥ 0.99 × no page", multipleOf([ALONE]))],
    run: (context) => floodRun(context, PAGES),
  },
  { name: ALONE, unit: "events/s", run: (context) => floodRun(context, 0) },
];
