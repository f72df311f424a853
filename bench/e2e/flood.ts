/**
 * Floods: as many events as the publisher can send, to a subscriber in another process that receives and counts all of
 * them. A run is valid only if every event arrived, the sequence has no hole, and the publisher's books balance.
 */
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { Counter } from "./counter.ts";
import { type FloodOrder, type FloodPublisher, startKvcast, startNodeSimple } from "./publishers.ts";

/** The first part of each run compiles code and fills caches; it is received and verified but not timed. */
const WARM_SHARE = 0.2;
const QUICK_SHARE = 0.2;

/**
 * With one event a message the publisher outruns any subscriber, and what waits for it grows to the end of the run. Nothing
 * may be dropped here: the rival has no limit either.
 */
const UNLIMITED_QUEUE = ["--zmq-queue-bytes", "64GiB"];

interface FloodSpec {
  readonly name: string;
  readonly rival?: string;
  readonly blocks: number;
  /** Of a full run; a few seconds. */
  readonly events: number;
  readonly start: (order: FloodOrder) => Promise<FloodPublisher>;
}

function floodCase({ name, rival, blocks, events: fullEvents, start }: FloodSpec): BenchCase {
  return {
    name,
    unit: "events",
    ...(rival === undefined ? {} : { rival }),
    async run(context) {
      const events = Math.round(fullEvents * (context.quick ? QUICK_SHARE : 1));
      const publisher = await start({ blocks, events });
      try {
        const result = await measure(publisher, events, context);
        await publisher.stop();
        return result;
      } finally {
        publisher.kill();
      }
    },
  };
}

async function measure(publisher: FloodPublisher, events: number, context: RunContext): Promise<RunResult> {
  const warmEvents = Math.round(events * WARM_SHARE);
  const counter = new Counter(
    { endpoint: publisher.endpoint, blockSizeTokens: TOKENS_A_BLOCK, warmEvents, events },
    (figures) => context.progress(`${Math.floor((100 * figures.events) / events)} %`),
  );
  try {
    await counter.warm();
    const before = await publisher.usage();
    const report = await counter.done();
    const after = await publisher.settle(report);
    const timedSent = after.sentEvents - before.sentEvents;
    return {
      perSecond: (report.timedEvents * 1000) / report.timedMs,
      coldPerSecond: (report.events * 1000) / report.totalMs,
      bytesPerSecond: (report.bytes * 1000) / report.totalMs,
      // A short run may have sent all of it before the subscriber was warm.
      ...(timedSent > 0 ? { cpuMicrosPerEvent: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / timedSent } : {}),
      ...(after.peakRssBytes === null ? {} : { peakRssBytes: after.peakRssBytes }),
      lagMs: Math.max(0, report.lastReceivedMs - after.lastSentMs),
    };
  } finally {
    counter.stop();
  }
}

export const FLOOD_CASES: readonly BenchCase[] = [
  {
    name: "flood-1",
    rival: "flood-1/node-simple",
    blocks: 1,
    events: 6_000_000,
    start: (order: FloodOrder) => startKvcast(order, "vllm"),
  },
  {
    name: "flood-1/dynamo",
    rival: "flood-1/node-simple",
    blocks: 1,
    events: 400_000,
    start: (order: FloodOrder) => startKvcast(order, "dynamo", UNLIMITED_QUEUE),
  },
  { name: "flood-1/node-simple", blocks: 1, events: 200_000, start: startNodeSimple },
  {
    name: "flood-8",
    rival: "flood-8/node-simple",
    blocks: 8,
    events: 1_500_000,
    start: (order: FloodOrder) => startKvcast(order, "vllm"),
  },
  { name: "flood-8/node-simple", blocks: 8, events: 60_000, start: startNodeSimple },
].map(floodCase);
