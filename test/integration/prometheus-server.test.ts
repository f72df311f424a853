/** A real Prometheus scrapes a real service, and its API returns each family. */
import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "../support/fault/deadline.ts";
import { serve, sim } from "../support/processes.ts";
import { askPrometheus, startPrometheus, type Target } from "../support/prometheus.ts";
import { readStrictly } from "../support/strict-page.ts";
import { requireTool } from "../support/tools.ts";

const LIMIT_MS = 30_000;

test("Prometheus finds the target healthy, and has each family with samples", async (t) => {
  const program = requireTool(t, "prometheus");
  if (program === null) return;
  const [a, b] = [await sim(t, "--rate 500"), await sim(t, "--rate 500 --fault lies")];
  const service = await serve(t, `--engine a=${a.url} --engine b=${b.url}`);
  const api = await startPrometheus(t, program, [
    { job_name: "kvcast", static_configs: [{ targets: [new URL(service.facts.url).host] }] },
  ]);
  // Not the first scrape: on a busy machine that one may be too late for the server's second.
  await eventually("a scrape in time", LIMIT_MS, async () => {
    const data = (await askPrometheus(api, "targets")) as { activeTargets: readonly Target[] } | null;
    const first = data?.activeTargets[0];
    return first?.health === "up" && first.lastError === "" ? true : null;
  });
  const page = readStrictly(Buffer.from(await (await fetch(`${service.facts.url}/metrics`)).arrayBuffer()));
  const wanted = [...page.values()].flatMap(({ samples }) =>
    Array.from(samples.keys(), (key) => key.slice(0, key.indexOf("{"))),
  );
  assert.ok(wanted.some((name) => name.startsWith("trtllm_")) && wanted.some((name) => name.startsWith("kvcast_")));
  // A family may have got its first sample after the first scrape.
  await eventually("all names", LIMIT_MS, async () => {
    const names = (await askPrometheus(api, "label/__name__/values")) as readonly string[] | null;
    const missing = wanted.filter((name) => names?.includes(name) !== true);
    return missing.length === 0 ? true : null;
  });
});
