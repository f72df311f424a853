/** A page with everything that engines give beside their events, checked by Prometheus' own tool. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { RequestCounts } from "../../src/main/http/request-counts.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { readEngineData } from "../support/engine-data.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";
import { requireTool } from "../support/tools.ts";

/** Named so by Dynamo; boards know them. */
const KNOWN = /^trtllm_kv_transfer_speed_gb_s /;

test("promtool minds nothing but the names that are not ours", async (t) => {
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  const data = await readEngineData(2);
  const metrics = new Metrics({
    engines: [data.counters],
    data: [data],
    pipeline: new FakePipeline(),
    version: "0",
    epoch: EPOCH,
    logCounts: { trace: 0, debug: 0, info: 0, warn: 0, error: 0 },
    requests: new RequestCounts(),
  });
  const page = await metrics.render();
  assert.ok(page.includes("trtllm_kv_transfer_speed_gb_s_count{"));
  assert.ok(page.includes("kvcast_request_queue_seconds_count{"));
  const { stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: page, encoding: "utf8" });
  const lines = (stdout + stderr).split("\n").filter((line) => line !== "" && !KNOWN.test(line));
  assert.deepEqual(lines, []);
});
