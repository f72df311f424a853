/** The page of a running service, checked by Prometheus' own tool. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { serve, sim } from "../support/processes.ts";
import { requireTool } from "../support/tools.ts";

test("promtool finds nothing to say about a live page", async (t) => {
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  const engine = await sim(t, "--rate 2000 --ranks 2 --fault gap:1%");
  const service = await serve(t, `--engine ${engine.url} --attention-dp-size 2`);
  await service.log((record) => record.msg === "flow" && Number(record["published_total"]) > 2);
  const response = await fetch(`${service.facts.url}/metrics`);
  const page = await response.text();
  for (const name of ["sink_sent_events_total", "rank_dirty", "epoch_info", "injected_events_total"]) {
    assert.ok(page.includes(`kvcast_${name}`), name);
  }
  const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: page, encoding: "utf8" });
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});
