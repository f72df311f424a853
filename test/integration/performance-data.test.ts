/**
 * What `serve` reads of real processes beside their events: the report, the page, the command; and that an engine which gives
 * nothing is told apart from one that has done nothing.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ADDITIONAL_METRICS } from "../../src/main/component-metrics/definitions.ts";
import type { MetricsPage } from "../../src/main/flood/metrics-text.ts";
import { MODEL_NAME } from "../../src/main/sim/engine-view.ts";
import { PRIMARY_BLOCKS } from "../../src/main/sim/pretended-cache.ts";
import type { PerfReport } from "../../src/main/perf/perf-report.ts";
import { scrape } from "../support/books.ts";
import { end, startKvcast } from "../support/cli-process.ts";
import { eventually } from "../support/fault/deadline.ts";
import { type Kvcast, serve, type ServeFacts, sim } from "../support/processes.ts";
import { perfEntry } from "../support/perf-rows.ts";
import { row } from "../support/load-rows.ts";
import { scriptedEngine } from "../support/scripted-engine.ts";

const PATIENCE_MS = 30_000;
const MODEL = { model_name: MODEL_NAME, disaggregation_mode: "decode", engine_type: "trtllm" };

type Service = Kvcast & { readonly facts: ServeFacts };

async function report(service: Service, query: string = ""): Promise<PerfReport> {
  const response = await fetch(`${service.facts.url}/v1/perf/requests${query}`);
  assert.equal(response.status, 200);
  return (await response.json()) as PerfReport;
}

/** Waits until the page has what is asked for. */
function page(service: Service, what: string, holds: (page: MetricsPage) => boolean): Promise<MetricsPage> {
  return eventually(what, PATIENCE_MS, async () => {
    const got = await scrape(service.facts.url ?? "");
    return holds(got) ? got : null;
  });
}

function stateOf(got: MetricsPage, engine: string): string | undefined {
  return ["off", "unsupported", "waiting", "not_enabled", "reading", "failing"].find(
    (state) =>
      got.has("kvcast_perf_state", { engine, state }) && got.value("kvcast_perf_state", { engine, state }) === 1,
  );
}

async function perf(t: TestContext, ...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = startKvcast(["perf", ...args]);
  t.after(() => child.kill("SIGKILL"));
  return end(child);
}

test("a decode server's requests: where their time went, beside what its cache did", async (t) => {
  const engine = await sim(t, "--rate 2000 --perf-metrics decode");
  const service = await serve(t, `--engine ${engine.url}`);
  // A slow request lasts for 6.8 s; the cache is known since the service came.
  const got = await eventually("a request whose whole time is known", PATIENCE_MS, async () => {
    const answer = await report(service, "?sort=finished&limit=200");
    return answer.requests.some(({ cache, seconds }) => cache?.covered === 1 && seconds.queue === 2) ? answer : null;
  });
  assert.equal(got.engines["engine0"]?.state, "reading");
  assert.ok((got.engines["engine0"]?.clock_error_s ?? 1) < 0.5, "the clock of the engine is known");

  const slow = got.requests.find(({ cache, seconds }) => cache?.covered === 1 && seconds.queue === 2);
  assert.deepEqual(slow?.seconds, {
    queue: 2,
    transfer: 0.04,
    prefill: 0.96,
    decode: 3.8,
    ttft: 3,
    itl: 0.011912,
    e2e: 6.8,
  });
  assert.deepEqual([slow.longest, slow.blocks?.reuse, slow.transfer?.bytes], ["decode", 0, 52_428_800]);
  assert.deepEqual(slow.speculation, { acceptance: 0.4, accepted_tokens: 120, draft_tokens: 300 });
  assert.ok(Math.abs((slow.arrived_at ?? 0) - slow.read_at) < 12, "it arrived not long before its record came");
  const { cache } = slow;
  assert.ok(cache !== null && cache.events_per_s > 1000 && cache.events_per_s < 4000, JSON.stringify(cache));
  assert.ok(cache.stored_blocks_per_s > 0 && cache.removed_blocks_per_s > 0 && cache.usage !== null);

  const ordered = await report(service, "?sort=queue&limit=2&phase=decode");
  assert.deepEqual(
    ordered.requests.map(({ seconds }) => seconds.queue),
    [2, 2],
  );
  const refused = await fetch(`${service.facts.url}/v1/perf/requests?sort=slowest`);
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /"message":"sort takes one of e2e, /);

  const rank = { model: MODEL_NAME, dynamo_component: "backend", dp_rank: "0" };
  const metrics = await page(
    service,
    "statistics and transfers",
    (now) => now.has("trtllm_kv_transfer_success_total", MODEL) && now.has("dynamo_component_total_blocks", rank),
  );
  assert.equal(metrics.value("dynamo_component_total_blocks", rank), PRIMARY_BLOCKS);
  const usage = metrics.value("dynamo_component_gpu_cache_usage_percent", rank);
  assert.ok(usage > 0 && usage < 1, `${usage}`);
  const requests = metrics.value("kvcast_perf_requests_total", { engine: "engine0" });
  assert.equal(metrics.value("trtllm_kv_transfer_success_total", MODEL), requests);
  assert.equal(metrics.value("kvcast_request_queue_seconds_count", { engine: "engine0" }), requests);
  assert.equal(metrics.value("trtllm_kv_event_buffer_capacity", MODEL), 65_536);
  assert.ok(metrics.value("trtllm_kv_event_drain_batch_size_count", MODEL) > 0);
  assert.equal(metrics.has("trtllm_kv_event_id_gap_events_total", MODEL), false, "none is missing");
  assert.equal(metrics.has("trtllm_num_requests_running", {}), false, "the engine has a page of its own");
  assert.ok(ADDITIONAL_METRICS.every(({ name, type }) => metrics.types.get(name) === type));
  const age = { engine: "engine0", source: "previous_drain" };
  assert.ok(metrics.value("kvcast_event_age_seconds_count", age) > 0);
  const setting = { engine: "engine0", setting: "tokens_per_block" };
  assert.equal(metrics.value("kvcast_engine_setting_mismatch", setting), 0);

  const address = service.facts.url ?? "";
  const shown = await perf(t, address, "--limit", "3", "--sort", "queue");
  assert.equal(shown.code, 0, shown.err);
  assert.match(shown.out, /^queue +\d+ +4\.0 ms/m);
  assert.match(shown.out, /^\d+ +6\.80 s +2\.00 s +40\.0 ms +960 ms +3\.80 s +11\.9 ms +q+p+d+ +0% of \d+/m);
  const json = await perf(t, address.replace("http://", ""), "--json", "--limit", "1");
  assert.equal((JSON.parse(json.out) as PerfReport).requests.length, 1);
  const wrong = await perf(t, address, "--engine", "nobody");
  assert.deepEqual([wrong.code, wrong.out], [78, ""]);
  assert.match(wrong.err, /engine takes the name of an engine; there are engine0/);
});

test("an engine that keeps nothing says so, with the setting that is missing, and never 0", async (t) => {
  const records = new Set<string>();
  const engine = await scriptedEngine(t, (response, _n, { url = "" }) => {
    records.add(url);
    // Requests finish, and there is no record of them.
    if (url === "/metrics") response.end(JSON.stringify([row({ numCompletedRequests: 1, kvCacheStats: null })]));
    else if (url === "/kv_cache_events" || url === "/perf_metrics") response.end("[]");
    else response.writeHead(404).end();
  });
  const quiet = await sim(t, "--rate 1 --perf-metrics off --iteration-stats off --prometheus off");
  const service = await serve(
    t,
    `--engine silent=${engine.url.href} --engine quiet=${quiet.url} --engine built=synthetic:?rate=10`,
  );
  const got = await page(
    service,
    "that requests go without a record",
    (now) => stateOf(now, "silent") === "not_enabled",
  );
  assert.deepEqual(
    ["silent", "quiet", "built"].map((name) => stateOf(got, name)),
    ["not_enabled", "waiting", "unsupported"],
  );
  assert.equal(got.has("kvcast_request_queue_seconds_count", { engine: "silent" }), false);
  const ofCache = /^dynamo_component_(total_blocks|gpu_cache_usage_percent|kv_cache_hit_rate)/;
  assert.deepEqual(
    [...got.samples.keys()].filter((name) => ofCache.test(name)),
    [],
  );
  // What kvcast sees for itself it need not be told.
  const component = { dynamo_component: "backend" };
  assert.ok(got.value("dynamo_component_uptime_seconds", component) > 0);
  const dropped = "dynamo_component_kv_publisher_engines_dropped_events_total";
  assert.equal(got.value(dropped, { ...component, engine: "silent" }), 0);
  // No page of its own, so its metrics are made of the statistics.
  const labels = { model_name: "silent", engine_type: "trtllm", engine: "silent" };
  assert.ok(got.value("trtllm_num_requests_completed_total", labels) > 0);
  assert.equal(got.has("trtllm_kv_cache_hit_rate", labels), false, "it does not tell");
  assert.ok(records.has("/steady_clock_offset"));

  const { code, out, err } = await perf(t, service.facts.url ?? "");
  assert.deepEqual([code, out], [0, "no requests match\n"]);
  assert.match(err, /engine silent: not_enabled: .*return_perf_metrics: true and perf_metrics_max_requests: 1000/);
  assert.match(err, /engine quiet: waiting: /);
  assert.match(err, /engine built: unsupported: /);
});

test("an engine that lies about its requests costs their records and nothing else", async (t) => {
  const engine = await scriptedEngine(t, (response, _n, { url = "", method = "" }) => {
    if (url === "/perf_metrics") {
      const bad = [
        null,
        {},
        perfEntry({ times: { arrival_time: -1 } }),
        perfEntry({ times: { first_scheduled_time: 2000 } }),
      ];
      response.end(`${JSON.stringify([...bad, perfEntry({ entry: { request_id: 9 } })]).slice(0, -1)},{"request_id"`);
    } else if (url === "/kv_cache_events") response.end("[]");
    else if (url === "/steady_clock_offset") response.end('{"receive_ts":5,"transmit_ts":1}');
    else if (url === "/server_info") {
      response.end(
        '{"kv_cache_config":{"tokens_per_block":64},"kv_cache_event_hash_algo":"md5","disaggregation_mode":[]}',
      );
    } else if (url === "/version") response.end('{"version":"1.3.0"}');
    else if (url === "/v1/models") response.end(`{"data":[{"id":"${"x".repeat(5000)}"}]}`);
    else response.writeHead(method === "POST" ? 500 : 404).end();
  });
  const service = await serve(t, `--engine ${engine.url.href}`);
  const labels = { engine: "engine0" };
  const got = await page(
    service,
    "records and settings",
    (now) =>
      now.value("kvcast_perf_requests_total", labels) >= 2 &&
      now.has("kvcast_engine_setting_mismatch", { ...labels, setting: "hash_algorithm" }),
  );
  const fault = (name: string): number => got.value("kvcast_perf_bad_records_total", { ...labels, fault: name });
  assert.deepEqual([fault("not_object") > 0, fault("request_id") > 0, fault("time") > 0], [true, true, true]);
  assert.ok(got.value("kvcast_perf_errors_total", { ...labels, reason: "decode" }) > 0);
  assert.ok(got.value("kvcast_perf_out_of_order_requests_total", labels) > 0);
  for (const setting of ["tokens_per_block", "hash_algorithm"]) {
    assert.equal(got.value("kvcast_engine_setting_mismatch", { ...labels, setting }), 1, setting);
  }
  assert.equal(got.has("kvcast_perf_clock_error_seconds", labels), false, "a clock that runs backwards is none");
  const { requests } = await report(service, "?limit=1");
  assert.deepEqual([requests[0]?.cache, requests[0]?.arrived_at], [null, null]);
  assert.equal(service.text().match(/have another size than --kv-block-size/g)?.length, 1, "said once");
  assert.ok(engine.requests.every(({ url, method }) => url !== "/steady_clock_offset" || method === "GET"));
});

test("kvcast perf says what is wrong when there is nobody to ask, or somebody else", async (t) => {
  const other = await scriptedEngine(t, (response, n) => {
    if (n === 0) response.end("{}");
    else if (n === 1) response.writeHead(404).end();
    else response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
  });
  for (const [url, says] of [
    [other.url.href, /it does not answer as kvcast serve does/],
    [other.url.href, /has no performance data: an older kvcast, or no kvcast serve/],
    [other.url.href, /answers with HTTP status 302/],
    ["http://127.0.0.1:1", /cannot be reached; is kvcast serve running/],
  ] as const) {
    const { code, out, err } = await perf(t, url);
    assert.deepEqual([code, out], [69, ""]);
    assert.match(err, says);
  }
});
