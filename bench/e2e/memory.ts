/**
 * Whether memory depends on how much has passed through: resident memory over a flood of 10⁸ events, and how it stands to
 * the bound that the service prints at start.
 */
import type { BenchCase } from "../bench-case.ts";
import { below, figure } from "../goal.ts";
import { procAbsence, rssBytes } from "../support/proc.ts";
import { spreadOf } from "../support/spread.ts";
import { WatchedService } from "../support/watched-service.ts";
import { measuredRun } from "./measured-run.ts";
import { publisherOf, serviceOptions } from "./publishers.ts";

const EVENTS = 1e8;
const QUICK_EVENTS = 1e7;
/** Heap and buffers find their size in it. */
const WARM_SHARE = 0.2;
const MIB = 2 ** 20;
/** First and last part of the samples after the warm-up, of which the medians are compared. */
const COMPARED_SHARE = 0.2;

export const MEMORY_CASE: BenchCase = {
  name: "memory",
  unit: "%",
  better: "less",
  maxRuns: 1,
  absence: procAbsence,
  goals: [below(5, "growth < 5 %"), below(1, "peak < bound", figure("peak by bound"))],
  async run(context) {
    const events = context.quick ? QUICK_EVENTS : EVENTS;
    const service = await WatchedService.serve(serviceOptions({ blocks: 1, events }));
    const samples: number[] = [];
    const warmEvents = Math.round(events * WARM_SHARE);
    const onEvents = (count: number): void => {
      if (count > warmEvents) samples.push(rssBytes(service.pid));
    };
    const sizes = { events, warmEvents, onEvents };
    const { report, peakRssBytes } = await measuredRun(publisherOf(service, events), sizes, context);
    const [first, last] = endsOf(samples);
    const peak = peakRssBytes ?? Number.NaN;
    return {
      main: (last / first - 1) * 100,
      more: {
        "after warm-up": { value: first / MIB, unit: "MiB" },
        "at the end": { value: last / MIB, unit: "MiB" },
        peak: { value: peak / MIB, unit: "MiB" },
        bound: { value: service.memoryBoundBytes / MIB, unit: "MiB" },
        "peak by bound": { value: peak / service.memoryBoundBytes, unit: "×" },
        rate: { value: (report.timedEvents * 1000) / report.timedMs, unit: "events/s" },
      },
    };
  },
};

/** Medians of the first and of the last samples: single ones depend on when the heap was last cleaned up. */
function endsOf(samples: readonly number[]): readonly [first: number, last: number] {
  const count = Math.floor(samples.length * COMPARED_SHARE);
  if (count < 3) throw new Error(`${samples.length} samples of memory say nothing about growth`);
  return [spreadOf(samples.slice(0, count)).median, spreadOf(samples.slice(-count)).median];
}
