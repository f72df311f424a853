/**
 * Floods: as many events as the publisher can send, to a subscriber in another process that receives and counts all of
 * them. A run is valid only if every event arrived, the sequence has no hole, and the publisher's books balance.
 */
import type { BenchCase, RunResult } from "../bench-case.ts";
import { atLeast, type Goal, multipleOf } from "../goal.ts";
import { type MeasuredRun, measuredRun, usageFigures } from "./measured-run.ts";
import { type FloodOrder, type FloodPublisher, startKvcast } from "./publishers.ts";
import { pythonAbsence, startNodeRival, startPython } from "./rival-publishers.ts";

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
    unit: "events/s",
    async run(context) {
      const events = Math.round(fullEvents * (context.quick ? QUICK_SHARE : 1));
      const sizes = { events, warmEvents: Math.round(events * WARM_SHARE) };
      return resultOf(await measuredRun(await start({ blocks, events }), sizes, context));
    },
  };
}

function resultOf({ report, ...run }: MeasuredRun): RunResult {
  return {
    main: (report.timedEvents * 1000) / report.timedMs,
    more: {
      ...usageFigures(run),
      payload: { value: (report.bytes * 1000) / report.totalMs, unit: "B/s" },
      cold: { value: (report.events * 1000) / report.totalMs, unit: "events/s" },
      lag: { value: run.lagMs, unit: "ms" },
    },
  };
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
function floodCases(name: string, blocks: number, events: FloodEvents, goals: readonly Goal[]): readonly BenchCase[] {
  const rivals = { rival: `${name}/python`, otherRivals: [`${name}/node-simple`, `${name}/node-batched`] };
  const cases: FloodSpec[] = [
    { name, ...rivals, goals, blocks, events: events.kvcast, start: (order) => startKvcast(order, "vllm") },
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
  ...floodCases(
    "flood-1",
    1,
    {
      kvcast: 6_000_000,
      dynamo: 400_000,
      python: 250_000,
      pythonJanuary: 80_000,
      nodeSimple: 200_000,
      nodeBatched: 500_000,
    },
    [atLeast(1_000_000, "≥ 1 M"), atLeast(25, "≥ 25 × python", multipleOf(["flood-1/python"]))],
  ),
  ...floodCases(
    "flood-8",
    8,
    {
      kvcast: 1_500_000,
      python: 70_000,
      pythonJanuary: 18_000,
      nodeSimple: 60_000,
      nodeBatched: 100_000,
    },
    [atLeast(20, "≥ 20 × python", multipleOf(["flood-8/python"]))],
  ),
];
