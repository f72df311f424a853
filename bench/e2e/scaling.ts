/**
 * Whether cost stays in proportion to what is moved: CPU time of the service for each byte of payload, in floods of events
 * of different sizes, from more ranks, and of different lengths. One case is one row of such floods.
 *
 * Two figures judge a row, both at most 1.5: `spread`, the dearest byte by the cheapest one of the row, and `growth`, by how
 * much a byte gets dearer from one point to any later one. What an event costs whatever its size makes bytes of small events
 * dear, and what is spent once (compiling) those of short floods: both raise the spread alone. A term that grows with size,
 * ranks or history raises the growth.
 */
import type { BenchCase, Figure, RunContext, Unit } from "../bench-case.ts";
import { atMost, figure } from "../goal.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import { measuredRun } from "./measured-run.ts";
import { startKvcast } from "./publishers.ts";

/** Payload of one flood. */
const BYTES = 4e8;
const QUICK_SHARE = 0.1;
const WARM_SHARE = 0.3;
const MAX_RUNS = 3;
/** Rough size of an event, to choose how many make up a flood. */
const EVENT_BYTES = 90;
const HASH_BYTES = 9;
const TOKEN_BYTES = 3.5;

const LIMIT = 1.5;

interface Shape {
  readonly blocks: number;
  readonly tokens: number;
  readonly ranks: number;
}

interface Point {
  readonly label: string;
  readonly shape: Shape;
  /** Of a full run. Default: as many as make up a fixed number of bytes. */
  readonly events?: number;
}

interface Cost {
  readonly nanosPerByte: number;
  readonly nanosPerEvent: number;
}

const USUAL: Shape = { blocks: 1, tokens: TOKENS_A_BLOCK, ranks: 1 };

function eventsOf({ blocks, tokens }: Shape): number {
  return Math.round(BYTES / (EVENT_BYTES + blocks * (HASH_BYTES + tokens * TOKEN_BYTES)));
}

/** Of the part behind the warm-up; of a flood of a given length all of it, start included. */
async function costOf({ shape, events: given }: Point, context: RunContext): Promise<Cost> {
  const events = Math.round((given ?? eventsOf(shape)) * (context.quick ? QUICK_SHARE : 1));
  const sizes = { events, warmEvents: Math.round(events * WARM_SHARE), tokens: shape.tokens };
  const publisher = await startKvcast({ ...shape, events }, "vllm");
  const { report, cpuMicrosPerEvent, wholeCpuSeconds } = await measuredRun(publisher, sizes, context);
  const wholeNanos = (wholeCpuSeconds * 1e9) / report.events;
  const nanosPerEvent = given !== undefined || cpuMicrosPerEvent === null ? wholeNanos : cpuMicrosPerEvent * 1000;
  return { nanosPerEvent, nanosPerByte: (nanosPerEvent * report.events) / report.bytes };
}

/** By how much a later figure exceeds an earlier one, at most; below 1 when each is smaller than all before it. */
export function growthOf(costs: readonly number[]): number {
  let growth = 0;
  let least = Infinity;
  for (const cost of costs) {
    growth = Math.max(growth, cost / least);
    least = Math.min(least, cost);
  }
  return growth;
}

function scalingCase(name: string, points: readonly Point[]): BenchCase {
  return {
    name: `scaling/${name}`,
    unit: "×",
    better: "less",
    maxRuns: MAX_RUNS,
    goals: [atMost(LIMIT, "spread ≤ 1.5"), atMost(LIMIT, "growth ≤ 1.5", figure("growth"))],
    async run(context) {
      const costs: Cost[] = [];
      for (const point of points) {
        const { progress } = context;
        costs.push(await costOf(point, { ...context, progress: (text) => progress(`${point.label}, ${text}`) }));
      }
      const bytes = costs.map(({ nanosPerByte }) => nanosPerByte);
      const shown = (unit: Unit, value: (cost: Cost) => number, suffix: string): readonly [string, Figure][] =>
        costs.map((cost, i) => [`${points[i]?.label ?? ""}${suffix}`, { value: value(cost), unit }]);
      return {
        main: Math.max(...bytes) / Math.min(...bytes),
        more: {
          growth: { value: growthOf(bytes), unit: "×" },
          ...Object.fromEntries(shown("ns/B", ({ nanosPerByte }) => nanosPerByte, "")),
          ...Object.fromEntries(shown("ns/event", ({ nanosPerEvent }) => nanosPerEvent, " (event)")),
        },
      };
    },
  };
}

function row(values: readonly number[], what: keyof Shape): readonly Point[] {
  return values.map((value) => ({
    label: value === 1 ? `1 ${what.slice(0, -1)}` : `${value} ${what}`,
    shape: { ...USUAL, [what]: value },
  }));
}

export const SCALING_CASES: readonly BenchCase[] = [
  scalingCase("blocks", row([1, 2, 4, 8], "blocks")),
  scalingCase("tokens", row([16, 64, 256, 1024, 4096], "tokens")),
  scalingCase("ranks", row([1, 2, 4, 8], "ranks")),
  scalingCase(
    "events",
    [4, 5, 6, 7].map((power) => ({ label: `10^${power} events`, shape: USUAL, events: 10 ** power })),
  ),
];
