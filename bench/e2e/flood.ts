/**
 * Floods: as many events as the publisher can send, to a subscriber in another process that receives and counts all of
 * them. A run is valid only if every event arrived, the sequence has no hole, and the publisher's books balance.
 */
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { findPython } from "../support/python.ts";
import { FloodSubscriber } from "../../src/main/flood/subscriber.ts";
import { type FloodOrder, type FloodPublisher, startKvcast } from "./publishers.ts";
import { startNodeRival, startPython } from "./rival-publishers.ts";

/** The first part of each run compiles code and fills caches; it is received and verified but not timed. */
const WARM_SHARE = 0.2;
const QUICK_SHARE = 0.2;

/**
 * With one event a message the publisher outruns any subscriber, and what waits for it grows to the end of the run. Nothing
 * may be dropped here: the rival has no limit either.
 */
const UNLIMITED_QUEUE = ["--zmq-queue-bytes", "64GiB"];

interface FloodSpec extends Omit<BenchCase, "unit" | "run"> {
  readonly blocks: number;
  /** Of a full run; a few seconds. */
  readonly events: number;
  readonly start: (order: FloodOrder) => Promise<FloodPublisher>;
}

function floodCase({ blocks, events: fullEvents, start, ...names }: FloodSpec): BenchCase {
  return {
    ...names,
    unit: "events",
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
  const counter = new FloodSubscriber(
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

/** Why the rival in Python cannot run here; null when it can. */
function pythonAbsence(): string | null {
  const python = findPython();
  return "missing" in python ? python.missing : null;
}

/** How many events each takes, so that a run of any of them is a few seconds. */
interface FloodEvents {
  readonly kvcast: number;
  readonly dynamo?: number;
  readonly python: number;
  readonly pythonJanuary: number;
  readonly nodeSimple: number;
  readonly nodeBatched: number;
}

/** One traffic, by all publishers. */
function floodCases(name: string, blocks: number, events: FloodEvents): readonly BenchCase[] {
  const rivals = { rival: `${name}/python`, otherRivals: [`${name}/node-simple`, `${name}/node-batched`] };
  const cases: FloodSpec[] = [
    { name, ...rivals, blocks, events: events.kvcast, start: (order) => startKvcast(order, "vllm") },
    {
      name: `${name}/python`,
      absence: pythonAbsence,
      blocks,
      events: events.python,
      start: (order) => startPython("august", order),
    },
    {
      name: `${name}/python-2026-01`,
      rival: `${name}/python`,
      absence: pythonAbsence,
      blocks,
      events: events.pythonJanuary,
      start: (order) => startPython("january", order),
    },
    ...(["node-simple", "node-batched"] as const).map((rival) => ({
      name: `${name}/${rival}`,
      rival: `${name}/python`,
      blocks,
      events: rival === "node-simple" ? events.nodeSimple : events.nodeBatched,
      start: (order: FloodOrder) => startNodeRival(rival, order),
    })),
  ];
  if (events.dynamo !== undefined) {
    cases.splice(1, 0, {
      name: `${name}/dynamo`,
      ...rivals,
      blocks,
      events: events.dynamo,
      start: (order) => startKvcast(order, "dynamo", UNLIMITED_QUEUE),
    });
  }
  return cases.map(floodCase);
}

export const FLOOD_CASES: readonly BenchCase[] = [
  ...floodCases("flood-1", 1, {
    kvcast: 6_000_000,
    dynamo: 400_000,
    python: 250_000,
    pythonJanuary: 80_000,
    nodeSimple: 200_000,
    nodeBatched: 500_000,
  }),
  ...floodCases("flood-8", 8, {
    kvcast: 1_500_000,
    python: 70_000,
    pythonJanuary: 18_000,
    nodeSimple: 60_000,
    nodeBatched: 100_000,
  }),
];
