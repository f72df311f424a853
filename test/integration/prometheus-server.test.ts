/** A real Prometheus scrapes a real service, and its API returns each family. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { freePort } from "../../bench/support/free-port.ts";
import { eventually } from "../support/fault/deadline.ts";
import { serve, sim } from "../support/processes.ts";
import { readStrictly } from "../support/strict-page.ts";
import { requireTool } from "../support/tools.ts";

const LIMIT_MS = 30_000;

interface Target {
  readonly health: string;
  readonly lastError: string;
}

/** Starts a server that scrapes `host` each second; resolves with the URL of its API. */
async function startPrometheus(t: TestContext, program: string, host: string): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-prometheus-"));
  const file = path.join(folder, "prometheus.yml");
  const job = { job_name: "kvcast", static_configs: [{ targets: [host] }] };
  writeFileSync(
    file,
    JSON.stringify({ global: { scrape_interval: "1s", scrape_timeout: "1s" }, scrape_configs: [job] }),
  );
  const port = await freePort();
  const server = spawn(
    program,
    [`--config.file=${file}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`],
    { stdio: "ignore" },
  );
  t.after(() => {
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return `http://127.0.0.1:${port}/api/v1`;
}

/** The data of an answer; null while there is none. */
async function ask(api: string, what: string): Promise<unknown> {
  try {
    const response = await fetch(`${api}/${what}`);
    if (!response.ok) return null;
    return ((await response.json()) as { readonly data: unknown }).data;
  } catch {
    return null;
  }
}

test("Prometheus finds the target healthy, and has each family with samples", async (t) => {
  const program = requireTool(t, "prometheus");
  if (program === null) return;
  const [a, b] = [await sim(t, "--rate 500"), await sim(t, "--rate 500 --fault lies")];
  const service = await serve(t, `--engine a=${a.url} --engine b=${b.url}`);
  const api = await startPrometheus(t, program, new URL(service.facts.url).host);
  // Not the first scrape: on a busy machine that one may be too late for the server's second.
  await eventually("a scrape in time", LIMIT_MS, async () => {
    const data = (await ask(api, "targets")) as { activeTargets: readonly Target[] } | null;
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
    const names = (await ask(api, "label/__name__/values")) as readonly string[] | null;
    const missing = wanted.filter((name) => names?.includes(name) !== true);
    return missing.length === 0 ? true : null;
  });
});
