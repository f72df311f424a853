/**
 * One run of one publisher: a subscriber in a process of its own receives all of it, the publisher's CPU time is taken over
 * the part behind the warm-up, and its accounts are compared with what arrived. Every end to end case is such a run.
 */
import type { Figure, RunContext, RunResult } from "../bench-case.ts";
import type { AgeFigures } from "../../src/main/flood/age-histogram.ts";
import { FloodSubscriber } from "../../src/main/flood/subscriber.ts";
import type { SubscriberReport } from "../../src/main/flood/subscriber-process.ts";
import { TOKENS_A_BLOCK } from "../support/made-up-events.ts";
import type { FloodPublisher } from "./publishers.ts";

const MIB = 2 ** 20;

export interface RunSizes {
  readonly events: number;
  /** The first part of each run compiles code and fills caches; it is received and verified but not timed. */
  readonly warmEvents: number;
  /** Tokens in each block. Default: 32. */
  readonly tokens?: number;
  /** Told some times a second how many events the subscriber has. */
  readonly onEvents?: (count: number) => void;
}

export interface MeasuredRun {
  readonly report: SubscriberReport;
  /** Of the publisher, all its threads, for each event of the timed part; null when none was left to be sent by then. */
  readonly cpuMicrosPerEvent: number | null;
  /** The same from before the first event on. */
  readonly wholeCpuSeconds: number;
  readonly peakRssBytes: number | null;
  /** From the publisher's last send to the subscriber's last receive. */
  readonly lagMs: number;
}

/** What else goes on while it is timed; `ended` becomes true with the last event. */
export type Meanwhile = (ended: () => boolean) => Promise<void>;

/** Ends the publisher in any case. Throws when the run is not valid. */
export async function measuredRun(
  publisher: FloodPublisher,
  sizes: RunSizes,
  context: RunContext,
  meanwhile: Meanwhile = async () => {},
): Promise<MeasuredRun> {
  try {
    const run = await measure(publisher, sizes, context, meanwhile);
    await publisher.stop();
    return run;
  } finally {
    publisher.kill();
  }
}

async function measure(
  publisher: FloodPublisher,
  { events, warmEvents, tokens = TOKENS_A_BLOCK, onEvents }: RunSizes,
  context: RunContext,
  meanwhile: Meanwhile,
): Promise<MeasuredRun> {
  const idle = await publisher.usage();
  const counter = new FloodSubscriber(
    { endpoint: publisher.endpoint, blockSizeTokens: tokens, warmEvents, events },
    (figures) => {
      context.progress(`${Math.floor((100 * figures.events) / events)} %`);
      onEvents?.(figures.events);
    },
  );
  let ended = false;
  try {
    await counter.warm();
    const before = await publisher.usage();
    const [report] = await Promise.all([counter.done().finally(() => (ended = true)), meanwhile(() => ended)]);
    const after = await publisher.settle(report);
    const timedSent = after.sentEvents - before.sentEvents;
    return {
      report,
      // A short run may have sent all of it before the subscriber was warm.
      cpuMicrosPerEvent: timedSent > 0 ? ((after.cpuSeconds - before.cpuSeconds) * 1e6) / timedSent : null,
      wholeCpuSeconds: after.cpuSeconds - idle.cpuSeconds,
      peakRssBytes: after.peakRssBytes,
      lagMs: Math.max(0, report.lastReceivedMs - after.lastSentMs),
    };
  } finally {
    counter.stop();
  }
}

/** Ages of the events behind the warm-up. Throws when none is known. */
export function agesOf({ report }: Pick<MeasuredRun, "report">): AgeFigures {
  if (report.warmAges === null) throw new Error("there are no ages to tell of");
  return report.warmAges;
}

/** The slowest hundredth as a run's main figure, in µs, with the median and the slowest thousandth. */
export function ageResult(run: Pick<MeasuredRun, "report">): RunResult {
  const { p50Micros, p99Micros, p999Micros } = agesOf(run);
  return {
    main: p99Micros,
    more: { p50: { value: p50Micros, unit: "µs" }, "p99.9": { value: p999Micros, unit: "µs" } },
  };
}

/** CPU time and memory of the publisher, as far as they are known. */
export function usageFigures({
  cpuMicrosPerEvent,
  peakRssBytes,
}: Pick<MeasuredRun, "cpuMicrosPerEvent" | "peakRssBytes">): Readonly<Record<string, Figure>> {
  return {
    ...(cpuMicrosPerEvent === null ? {} : { CPU: { value: cpuMicrosPerEvent, unit: "µs/event" } }),
    ...(peakRssBytes === null ? {} : { peak: { value: peakRssBytes / MIB, unit: "MiB" } }),
  };
}
