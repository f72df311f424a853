/** How many series the metrics page of an engine has: whatever the engine says, it is the same number. */
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import type { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";

export async function seriesOf(engine: EngineCounters): Promise<number> {
  const metrics = new Metrics({
    engines: [engine],
    pipeline: new FakePipeline(),
    version: "0",
    epoch: EPOCH,
    logCounts: { trace: 0, debug: 0, info: 0, warn: 0, error: 0 },
    requests: { entries: () => [] },
    defaults: false,
  });
  const text = await metrics.render();
  parseMetrics(text);
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
}

export function sum(counts: Readonly<Record<string, number>>): number {
  let all = 0;
  for (const name in counts) all += counts[name] ?? Number.NaN;
  return all;
}
