/**
 * The consolidator, from wire to wire: a publisher in a process of its own, `kvcast consolidate`, and a subscriber that verifies
 * the sequence. So many blocks are live all the time; each operation stores one or removes one.
 *
 * Main figure: operations that one core does in a second, that is operations by CPU seconds of all threads of the service, for
 * publisher and subscriber need a core too. That it is not a figure of idle waiting shows in the rate beside it.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { atLeast, multipleOf } from "../goal.ts";
import { nextMessage } from "../support/child-message.ts";
import { KvcastProcess } from "../../src/main/flood/kvcast-process.ts";
import { FloodSubscriber } from "../../src/main/flood/subscriber.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { EVENTS_A_BATCH, type FeedOrder } from "./consolidate-order.ts";

const FEED = fileURLToPath(new URL("./consolidate-feed.js", import.meta.url));
const MIB = 2 ** 20;
const OPERATIONS = 3_000_000;
const QUICK_SHARE = 0.2;
const GOAL = 300_000;
const MAX_GROWTH = 4;

function batches(events: number): number {
  return Math.round(events / EVENTS_A_BATCH) * EVENTS_A_BATCH;
}

async function run(live: number, context: RunContext): Promise<RunResult> {
  const order: FeedOrder = {
    live: batches(live),
    operations: 2 * batches((OPERATIONS * (context.quick ? QUICK_SHARE : 1)) / 2),
  };
  const feed = fork(FEED, [JSON.stringify(order)]);
  try {
    const { endpoint } = (await nextMessage(feed, "the feed")) as { readonly endpoint: string };
    const service = await KvcastProcess.consolidate([
      "--engine-endpoint",
      `vllm=${endpoint}`,
      "--wait-subscribers",
      "1",
      "--max-blocks",
      String(order.live + EVENTS_A_BATCH * 4),
    ]);
    try {
      return await measure(service, order, context);
    } finally {
      service.kill();
    }
  } finally {
    feed.kill();
  }
}

async function measure(service: KvcastProcess, order: FeedOrder, context: RunContext): Promise<RunResult> {
  // Code is compiled by then, and tables have grown.
  const warmEvents = order.live + Math.floor(order.operations / 10);
  const events = order.live + order.operations;
  const subscriber = new FloodSubscriber(
    { endpoint: service.zmqEndpoint, blockSizeTokens: TOKENS_A_BLOCK, warmEvents, events },
    (figures) => context.progress(`${Math.floor((100 * figures.events) / events)} %`),
  );
  try {
    await subscriber.warm();
    const before = await service.metrics();
    const report = await subscriber.done();
    const after = await service.metrics();
    const cpuSeconds = after.value("process_cpu_seconds_total") - before.value("process_cpu_seconds_total");
    const published = (page: typeof after): number => page.sum("kvcast_consolidator_published_events_total");
    const operations = published(after) - published(before);
    if (after.value("kvcast_consolidator_live_blocks") !== order.live)
      throw new Error("other blocks are live than should be");
    if (published(after) !== events) throw new Error(`${published(after)} events were published of ${events}`);
    const memory = after.value("kvcast_consolidator_memory_bytes");
    return {
      main: operations / cpuSeconds,
      more: {
        rate: { value: (report.timedEvents * 1000) / report.timedMs, unit: "events/s" },
        CPU: { value: (cpuSeconds * 1e6) / operations, unit: "µs/event" },
        tables: { value: memory / MIB, unit: "MiB" },
        peak: { value: (service.peakRssBytes() ?? Number.NaN) / MIB, unit: "MiB" },
      },
    };
  } finally {
    subscriber.stop();
  }
}

const CASE = { unit: "events/s", maxRuns: 3 } as const;
const SMALL = "consolidate/1k-live";
const GROWTH = atLeast(1 / MAX_GROWTH, "at most 4 × the time of 1k", multipleOf([SMALL]));

export const CONSOLIDATE_CASES: readonly BenchCase[] = [
  { ...CASE, name: SMALL, run: (context) => run(1000, context) },
  {
    ...CASE,
    maxRuns: 1,
    name: "consolidate/10k-live",
    rival: SMALL,
    goals: [GROWTH],
    run: (context) => run(10_000, context),
  },
  {
    ...CASE,
    maxRuns: 1,
    name: "consolidate/100k-live",
    rival: SMALL,
    goals: [GROWTH],
    run: (context) => run(100_000, context),
  },
  {
    ...CASE,
    name: "consolidate/1M-live",
    rival: SMALL,
    goals: [atLeast(GOAL, "≥ 300 k operations a core second"), GROWTH],
    run: (context) => run(1_000_000, context),
  },
  {
    ...CASE,
    maxRuns: 1,
    name: "consolidate/10M-live",
    rival: SMALL,
    goals: [GROWTH],
    run: (context) => run(context.quick ? 2_000_000 : 10_000_000, context),
  },
];
