/**
 * What a service costs that has nothing to do: CPU time of all its threads over a time in which nothing comes. What it costs
 * at 1,000 and 10,000 events/s is in the latency cases.
 */
import { setTimeout } from "node:timers/promises";
import { Subscriber } from "zeromq";
import type { BenchCase, RunContext, RunResult } from "../bench-case.ts";
import { atMost } from "../goal.ts";
import { cpuSeconds, procAbsence, rssBytes } from "../support/proc.ts";
import { WatchedService } from "../support/watched-service.ts";
import { KvcastProcess } from "../../src/main/flood/kvcast-process.ts";

/** After the start: compiled code, finished collections. */
const SETTLE_MS = 3000;
const MEASURED_MS = 20_000;
const QUICK_MEASURED_MS = 10_000;
const MAX_RUNS = 3;
/** The longest pause between two polls of an idle engine, which it must have come down to. */
const IDLE_FLOOR_SECONDS = 0.1;
const LOOK_MS = 100;
const MAX_LOOKS = 100;
const MIB = 2 ** 20;

async function measure(service: WatchedService, { quick, progress }: RunContext): Promise<RunResult> {
  // Who is idle has subscribers all the same.
  const subscriber = new Subscriber({ linger: 0 });
  try {
    subscriber.connect(service.zmqEndpoint);
    subscriber.subscribe();
    progress("settling");
    await setTimeout(SETTLE_MS);
    const pollsBefore = (await service.metrics()).sum("kvcast_source_polls_total");
    progress("measuring");
    const startMs = performance.now();
    const before = cpuSeconds(service.pid);
    await setTimeout(quick ? QUICK_MEASURED_MS : MEASURED_MS);
    const used = cpuSeconds(service.pid) - before;
    const seconds = (performance.now() - startMs) / 1000;
    const page = await service.metrics();
    if (page.sum("kvcast_sink_sent_events_total") > 0) throw new Error("it was not idle: something was published");
    const polls = page.sum("kvcast_source_polls_total") - pollsBefore;
    return {
      main: (used / seconds) * 100,
      more: {
        ...(polls === 0 ? {} : { polls: { value: polls / seconds, unit: "polls/s" } }),
        memory: { value: rssBytes(service.pid) / MIB, unit: "MiB" },
      },
    };
  } finally {
    subscriber.close();
  }
}

async function withService(
  args: readonly string[],
  work: (service: WatchedService) => Promise<RunResult>,
): Promise<RunResult> {
  const service = await WatchedService.serve([...args, "--clear-on-start", "off"]);
  try {
    const result = await work(service);
    await service.stop();
    return result;
  } finally {
    service.kill();
  }
}

/** Until the pauses between polls have grown as long as they get. */
async function reachFloor(service: WatchedService): Promise<void> {
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    if ((await service.metrics()).sum("kvcast_source_poll_backoff_seconds") >= IDLE_FLOOR_SECONDS) return;
    await setTimeout(LOOK_MS);
  }
  throw new Error("an idle engine is polled as often as a busy one");
}

const COMMON = { unit: "% of a core", better: "less", maxRuns: MAX_RUNS, absence: procAbsence } as const;

export const IDLE_CASES: readonly BenchCase[] = [
  {
    ...COMMON,
    name: "idle/synthetic",
    goals: [atMost(1, "≤ 1 %")],
    run: (context) => withService(["--engine", "synthetic:?events=0"], (service) => measure(service, context)),
  },
  {
    ...COMMON,
    name: "idle/http",
    goals: [atMost(3, "≤ 3 %")],
    async run(context) {
      const engine = await KvcastProcess.sim(["--events", "0"]);
      try {
        return await withService(["--engine", engine.url], async (service) => {
          await reachFloor(service);
          return measure(service, context);
        });
      } finally {
        engine.kill();
      }
    },
  },
];
