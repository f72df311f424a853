/**
 * How old events are when the subscriber has them, at a steady rate that leaves the machine mostly idle, and what an event
 * costs there. All publishers have the same subscriber, which takes an event's age from the timestamp in its message.
 */
import type { BenchCase, RunResult } from "../bench-case.ts";
import { atMost, type Goal, multipleOf } from "../goal.ts";
import { type MeasuredRun, measuredRun, usageFigures } from "./measured-run.ts";
import { type FloodOrder, type FloodPublisher, startKvcast } from "./publishers.ts";
import { pythonAbsence, startNodeRival, startPython } from "./rival-publishers.ts";

const COLD_SECONDS = 6;
const WARM_SECONDS = 18;
const QUICK_SHARE = 0.2;
/** Half a minute each. */
const MAX_RUNS = 3;

interface LatencySpec extends Omit<BenchCase, "unit" | "better" | "maxRuns" | "run"> {
  readonly ratePerSecond: number;
  readonly start: (order: FloodOrder) => Promise<FloodPublisher>;
}

function latencyCase({ ratePerSecond, start, ...names }: LatencySpec): BenchCase {
  return {
    ...names,
    unit: "µs",
    better: "less",
    maxRuns: MAX_RUNS,
    async run(context) {
      const share = context.quick ? QUICK_SHARE : 1;
      const warmEvents = Math.round(ratePerSecond * COLD_SECONDS * share);
      const events = warmEvents + Math.round(ratePerSecond * WARM_SECONDS * share);
      const publisher = await start({ blocks: 1, events, ratePerSecond });
      return resultOf(await measuredRun(publisher, { events, warmEvents }, context), ratePerSecond);
    },
  };
}

function resultOf({ report, ...run }: MeasuredRun, ratePerSecond: number): RunResult {
  const { coldAges, warmAges } = report;
  if (coldAges === null || warmAges === null) throw new Error("there are no ages to tell of");
  const reached = (report.timedEvents * 1000) / report.timedMs;
  // Ages at a lower rate than the one in the name of the case would be others.
  if (reached < 0.95 * ratePerSecond) throw new Error(`${Math.round(reached)} events/s, not ${ratePerSecond}`);
  return {
    main: warmAges.p50Micros,
    more: {
      p99: { value: warmAges.p99Micros, unit: "µs" },
      "p99.9": { value: warmAges.p999Micros, unit: "µs" },
      "cold p50": { value: coldAges.p50Micros, unit: "µs" },
      "cold p99": { value: coldAges.p99Micros, unit: "µs" },
      "cold p99.9": { value: coldAges.p999Micros, unit: "µs" },
      ...usageFigures(run),
      ...(run.cpuMicrosPerEvent === null
        ? {}
        : { core: { value: (run.cpuMicrosPerEvent * reached) / 1e4, unit: "% of a core" } }),
    },
  };
}

/** One rate, by all publishers. `python` lets each event come by itself, `python-1ms` those of a millisecond together. */
function latencyCases(name: string, ratePerSecond: number, goals: readonly Goal[]): readonly BenchCase[] {
  const python = `${name}/python`;
  const specs: readonly LatencySpec[] = [
    {
      name,
      rival: python,
      otherRivals: [`${name}/python-1ms`, `${name}/node-simple`],
      compared: ["p99", "CPU"],
      goals,
      ratePerSecond,
      start: (order) => startKvcast(order, "vllm"),
    },
    ...[0, 1].map((tickMs) => ({
      name: tickMs === 0 ? python : `${name}/python-1ms`,
      absence: pythonAbsence,
      ratePerSecond,
      start: (order: FloodOrder) => startPython("august", order, tickMs),
    })),
    { name: `${name}/node-simple`, ratePerSecond, start: (order) => startNodeRival("node-simple", order) },
  ];
  return specs.map(latencyCase);
}

/** Against both ways in which the rival can be paced; the one that suits it better decides. */
const PYTHONS = ["latency-10k/python", "latency-10k/python-1ms"];

export const LATENCY_CASES: readonly BenchCase[] = [
  ...latencyCases("latency-10k", 10_000, [
    atMost(1.5, "p50 ≤ 1.5 × python", multipleOf(PYTHONS)),
    atMost(1, "p99 ≤ python", multipleOf(PYTHONS, "p99")),
    atMost(1, "CPU ≤ python", multipleOf(PYTHONS, "CPU")),
  ]),
  ...latencyCases("latency-1k", 1000, []),
];
