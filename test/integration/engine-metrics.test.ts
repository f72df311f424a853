/** The metrics of engines on the page of a real service. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { eventually } from "../support/fault/deadline.ts";
import { serve, sim } from "../support/processes.ts";
import { readStrictly } from "../support/strict-page.ts";
import { requireTool } from "../support/tools.ts";

async function scrape(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const response = await fetch(`${url}/metrics`, { headers });
  assert.equal(response.status, 200);
  return response;
}

async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

function fetches(page: ReturnType<typeof readStrictly>, engine: string, outcome: string): number {
  const key = `kvcast_engine_page_fetches_total{engine="${engine}",outcome="${outcome}"}`;
  return Number(page.get("kvcast_engine_page_fetches_total")?.samples.get(key));
}

test("two engines on one page: families once, an engine label each, in every form, and promtool agrees", async (t) => {
  const [a, b] = [await sim(t, "--rate 500"), await sim(t, "--rate 500")];
  const service = await serve(t, `--engine a=${a.url} --engine b=${b.url} --engine-metrics-label zone=z`);
  const plain = await scrape(service.facts.url, { "accept-encoding": "identity" });
  assert.equal(plain.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(plain.headers.get("vary"), "Accept, Accept-Encoding");
  const text = await bytesOf(plain);
  const families = readStrictly(text);
  const latency = families.get("trtllm_e2e_request_latency_seconds");
  assert.equal(latency?.type, "histogram");
  for (const engine of ["a", "b"]) {
    assert.ok([...(latency?.samples.keys() ?? [])].some((key) => key.includes(`engine="${engine}"`)));
    assert.equal(families.get("kvcast_engine_page_up")?.samples.get(`kvcast_engine_page_up{engine="${engine}"}`), "1");
  }
  for (const key of latency?.samples.keys() ?? []) assert.ok(key.includes('zone="z"'), key);
  const open = await scrape(service.facts.url, {
    accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
  });
  assert.equal(open.headers.get("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
  // fetch asks for gzip, and undoes it.
  assert.equal(open.headers.get("content-encoding"), "gzip");
  assert.ok(readStrictly(await bytesOf(open), "openmetrics").has("trtllm_prompt_tokens"));
  const promtool = requireTool(t, "promtool");
  if (promtool === null) return;
  const { status, stdout, stderr } = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});

test("an engine whose page hangs costs a scrape its patience once, and then next to nothing", async (t) => {
  const engine = await sim(t, "--rate 500 --fault hang:/prometheus/metrics");
  const service = await serve(t, `--engine ${engine.url} --engine-metrics-timeout 0.3`);
  const first = readStrictly(await bytesOf(await scrape(service.facts.url)));
  assert.equal(first.get("kvcast_engine_page_age_seconds")?.samples.size, 0);
  await service.log(
    (record) => record.msg === "the engine's metrics page cannot be read" && record["reason"] === "timeout",
  );
  // A page is handed out again for a tenth of a second.
  const second = await eventually("a page that tells of it", 10_000, async () => {
    const now = readStrictly(await bytesOf(await scrape(service.facts.url)));
    return fetches(now, "engine0", "timeout") >= 1 ? now : null;
  });
  assert.equal(second.get("kvcast_engine_page_up")?.samples.get('kvcast_engine_page_up{engine="engine0"}'), "0");
});

test("an engine that lies has its bad lines refused by reason, one that sends ten megabytes its page", async (t) => {
  const liar = await sim(t, "--rate 500 --fault lies");
  const huge = await sim(t, "--rate 500 --fault bloat");
  // So that a name of ours is refused as such.
  const service = await serve(t, `--engine liar=${liar.url} --engine huge=${huge.url} --engine-metrics-include *`);
  const page = await eventually("both pages", 30_000, async () => {
    const now = readStrictly(await bytesOf(await scrape(service.facts.url)));
    return fetches(now, "liar", "ok") > 0 && fetches(now, "huge", "oversize") > 0 ? now : null;
  });
  // One scrape reads both, unless the machine is so busy that it gave up waiting.
  const pages = fetches(page, "liar", "ok");
  const refused = page.get("kvcast_engine_page_refused_lines_total")?.samples;
  for (const [reason, lines] of Object.entries({
    duplicate_series: 1,
    type_conflict: 1,
    too_many_labels: 1,
    too_long: 1,
    syntax: 2,
    labels: 1,
    own_name: 1,
    utf8: 1,
  })) {
    const key = `kvcast_engine_page_refused_lines_total{engine="liar",reason="${reason}"}`;
    assert.equal(refused?.get(key), String(lines * pages), reason);
  }
  assert.equal(page.get("trtllm_lies")?.samples.size, 1);
  assert.equal(page.has("trtllm_bloat"), false);
});
