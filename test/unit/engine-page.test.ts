/** The page of one engine between scrapes: when it is fetched, how long it is shown, and what becomes of bad ones. */
import assert from "node:assert/strict";
import test from "node:test";
import { Secret } from "../../src/shared/secret.ts";
import type { HttpEngineConfig } from "../../src/main/config/config.ts";
import type { Drain, DrainOutcome } from "../../src/main/engine/drain-client.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { pageLabels } from "../../src/main/engine-page/page-labels.ts";
import { DrainError } from "../../src/main/engine/drain-error.ts";
import { EnginePage } from "../../src/main/engine-page/engine-page.ts";
import { currentName } from "../../src/main/engine-page/older-names.ts";
import { PageCounters } from "../../src/main/engine-page/page-counters.ts";
import { EngineBlocks } from "../../src/main/metrics/engine-block.ts";
import { MetricsPage } from "../../src/main/metrics/metrics-page.ts";
import { Gate } from "../support/gate.ts";
import { parsePage, refusedOf } from "../support/page-view.ts";
import { RecordingLog } from "../support/recording-log.ts";
import { readStrictly } from "../support/strict-page.ts";

const CONFIG: HttpEngineConfig = {
  kind: "http",
  name: "engine0",
  url: new URL("http://127.0.0.1:1"),
  timeoutMs: 1000,
  maxResponseBytes: 1,
  headers: new Secret({}),
  ca: undefined,
  clientCert: undefined,
  clientKey: undefined,
};

/** Answers one fetch: a text, an error, or a gate that opens to either. */
type Answer = string | DrainError | Gate<string>;

function setUp(answers: readonly Answer[]): {
  page: EnginePage;
  log: RecordingLog;
  clock: { ms: number };
  fetches: () => number;
} {
  const clock = { ms: 0 };
  const log = new RecordingLog();
  let fetches = 0;
  const drain: Drain = {
    answering: false,
    async drain(onChunk): Promise<DrainOutcome> {
      const answer = answers[fetches++] ?? "";
      const said = answer instanceof Gate ? await answer.opened : answer;
      if (said instanceof DrainError) return { error: said, cut: false, elapsedMs: 1 };
      await onChunk(Buffer.from(said));
      return { error: null, cut: false, elapsedMs: 1 };
    },
    abort() {},
    renew() {},
    close() {},
  };
  const settings = { timeoutMs: 1000, maxBytes: 1000, maxAgeMs: 60_000, parsing: () => ({}) };
  const page = new EnginePage({ config: CONFIG, ...settings, log, drain, now: () => clock.ms });
  return { page, log, clock, fetches: () => fetches };
}

test("a page is fetched once a second at most, however often and by however many it is asked for", async () => {
  const { page, clock, fetches } = setUp(["x 1\n", "x 2\n"]);
  await Promise.all([page.refresh(), page.refresh(), page.refresh()]);
  clock.ms = 999;
  await page.refresh();
  assert.equal(fetches(), 1);
  assert.equal(page.ageSeconds(), 0.999);
  clock.ms = 1000;
  await page.refresh();
  assert.equal(fetches(), 2);
  assert.deepEqual([page.ageSeconds(), page.counters.fetches.ok, page.counters.series, page.counters.up], [0, 2, 1, 1]);
});

test("after a failure the page before is shown until it is too old, and nobody waits for the engine", async () => {
  const late = new Gate<string>();
  const { page, log, clock, fetches } = setUp(["x 1\n", new DrainError("timeout", "late"), late]);
  await page.refresh();
  clock.ms = 5000;
  await page.refresh();
  assert.deepEqual([page.ageSeconds(), page.counters.up, page.counters.fetches.timeout], [5, 0, 1]);
  clock.ms = 60_000;
  // Resolves although the engine has not answered.
  await page.refresh();
  assert.equal(fetches(), 3);
  assert.ok(page.page() !== null);
  clock.ms = 60_001;
  assert.equal(page.page(), null);
  assert.equal(page.ageSeconds(), null);
  late.open("x 2\n");
  await page.refresh();
  assert.equal(page.ageSeconds(), 0);
  assert.deepEqual(
    log.lines.map(({ level, fields }) => [level, fields["reason"]]),
    [
      ["info", undefined],
      ["warn", "timeout"],
      ["info", undefined],
    ],
  );
});

test("an engine without a page is asked seldom, and what it had before is shown no more", async () => {
  const { page, clock, fetches } = setUp(["x 1\n", new DrainError("http_status", "HTTP status 404", { status: 404 })]);
  await page.refresh();
  clock.ms = 2000;
  await page.refresh();
  assert.equal(page.page(), null);
  clock.ms = 31_999;
  await page.refresh();
  assert.equal(fetches(), 2);
  clock.ms = 32_000;
  await page.refresh();
  assert.equal(fetches(), 3);
  assert.equal(page.counters.fetches.not_found, 1);
});

test("a page that was cut off is refused as a whole, bad lines of another one are counted and told once", async () => {
  const { page, log, clock } = setUp(["x 1\n", "x 2\ny 1", "x 3\nx 4\nx{\n", "x 3\nx 4\n"]);
  for (clock.ms = 0; clock.ms < 4000; clock.ms += 1000) await page.refresh();
  assert.equal(page.counters.fetches.truncated, 1);
  assert.deepEqual(refusedOf(page.counters.refused), { syntax: 1, duplicate_series: 2 });
  assert.equal(log.of("warn").filter(({ fields }) => "duplicate_series" in fields).length, 1);
});

test("older names get their prefix, samples of histograms too; other names stay", () => {
  assert.equal(currentName("request_success_total"), "trtllm_request_success_total");
  assert.equal(currentName("e2e_request_latency_seconds_bucket"), "trtllm_e2e_request_latency_seconds_bucket");
  for (const name of ["trtllm_kv_cache_hit_rate", "python_info", "process_cpu_seconds_total", "x_bucket", "_sum"]) {
    assert.equal(currentName(name), name);
  }
});

test("a family that is ours too goes into ours, without the series that we have", async () => {
  const counters = new PageCounters("engine0");
  const engine = parsePage('# TYPE p gauge\np 9\np{pid="1"} 2\n# TYPE q gauge\nq 1\n# TYPE t gauge\nt 1\n');
  const blocks = new EngineBlocks(
    [{ counters, ageSeconds: () => 0, page: () => engine }],
    [
      { name: "p", type: "gauge" },
      { name: "q", type: "counter" },
    ],
  );
  const own = "# HELP p P\n# TYPE p gauge\np 1\n\n# HELP q Q\n# TYPE q counter\n";
  const page = new MetricsPage(own, blocks.current());
  assert.equal(
    page.body("text").toString(),
    '# HELP p P\n# TYPE p gauge\np 1\np{pid="1"} 2\n# HELP q Q\n# TYPE q counter\n# TYPE t gauge\nt 1\n',
  );
  assert.equal(readStrictly(page.body("openmetrics"), "openmetrics").get("p")?.samples.size, 2);
  assert.equal(page.body("text"), page.body("text"));
  assert.equal(page.gzipped("text"), page.gzipped("text"));
  // Told once for each page, not at each scrape.
  assert.equal(blocks.current(), blocks.current());
  assert.equal(counters.refused.type_conflict, 1);
});

async function labelsOf(flags: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>> {
  const given = { engine: "a=http://127.0.0.1:1", "engine-metrics-label": "model=mine", ...flags };
  const { config } = await loadServeConfig(
    new Map(Object.entries(given).map(([name, value]) => [name, value.split(" ")])),
    {},
  );
  assert.ok(config.engineMetrics !== null);
  return pageLabels("a", config, config.engineMetrics);
}

test("labels that follow from the service go before those that were given by hand", async () => {
  assert.deepEqual(await labelsOf({}), { model: "mine" });
  assert.deepEqual(await labelsOf({ model: "m" }), { model: "mine" }, "nobody knows where the worker stands");
  assert.deepEqual(await labelsOf({ engine: "a=http://127.0.0.1:1 b=http://127.0.0.1:2" }), {
    engine: "a",
    model: "mine",
  });
  const place = {
    dynamo_namespace: "dynamo",
    dynamo_component: "backend",
    dynamo_endpoint: "generate",
    worker_id: "1e240",
  };
  const nats = { sink: "nats", "worker-id": "123456" };
  assert.deepEqual(await labelsOf(nats), { ...place, model: "mine" });
  assert.deepEqual(await labelsOf({ ...nats, model: "m" }), { ...place, model: "m", model_name: "m" });
});
