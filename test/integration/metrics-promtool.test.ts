import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { ENCODER_CELLS } from "../../src/shared/encoder-cells.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { RequestCounts } from "../../src/main/http/request-counts.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";
import { requireTool } from "../support/tools.ts";

/** Something in every cell, so that no number hides behind a zero. */
function fullPage(endpoint: string | null): Promise<string> {
  const engine = new EngineCounters("engine0", "http", 4);
  engine.up = 1;
  engine.polls.items = 3;
  engine.pollDuration.observe(0.0123);
  engine.missingIds.fill(2);
  engine.lastEventId.fill(1e15);
  engine.lastEventTimestampSeconds = Date.now() / 1000;
  const pipeline = new FakePipeline();
  pipeline.endpoint = endpoint;
  pipeline.ringWait.observe(1e-7);
  for (let cell = 0; cell < PUBLISHER_CELLS.size; cell++) pipeline.publisher.set(cell, cell + 0.5);
  for (const block of pipeline.encoders) {
    for (let cell = 0; cell < ENCODER_CELLS.size; cell++) block.set(cell, cell * 1e-9);
  }
  const requests = new RequestCounts();
  requests.addRoute("/metrics");
  requests.count("/metrics", 200);
  const metrics = new Metrics({
    engines: [engine, new EngineCounters("engine1", "synthetic", 1)],
    pipeline,
    version: "0.1.0",
    epoch: EPOCH,
    logCounts: { trace: 0, debug: 0, info: 12, warn: 1, error: 0 },
    requests,
  });
  return metrics.render();
}

for (const endpoint of ["tcp://127.0.0.1:20081", null]) {
  void test(`promtool finds nothing to say about the page (endpoint ${endpoint})`, async (t) => {
    const promtool = requireTool(t, "promtool");
    if (promtool === null) return;
    const check = spawnSync(promtool, ["check", "metrics"], { input: await fullPage(endpoint), encoding: "utf8" });
    assert.equal(check.stderr + check.stdout, "");
    assert.equal(check.status, 0);
  });
}
