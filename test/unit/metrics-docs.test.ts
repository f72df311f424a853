/** The page about metrics says what the service exposes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Consolidator } from "../../src/main/consolidate/consolidator.ts";
import { SourceCounters } from "../../src/main/consolidate/source-counters.ts";
import { PageCounters } from "../../src/main/engine-page/page-counters.ts";
import { CATALOGUE } from "../../src/main/metrics/catalogue.ts";
import { LEFT_OUT } from "../../src/main/metrics/left-out.ts";
import { HealthBoard } from "../../src/main/health/health-board.ts";
import { CHECK_NAMES } from "../../src/main/health/health-report.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { fullName } from "../../src/main/metrics/metric-definition.ts";
import { labelValues } from "../../src/main/metrics/label-values.ts";
import { unitOf } from "../../src/main/metrics/metric-units.ts";
import { renderMetricsReference } from "../../src/main/metrics/reference.ts";
import { IndexMetrics, Metrics } from "../../src/main/metrics/registry.ts";
import { readEngineData } from "../support/engine-data.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";
import { RecordingLog } from "../support/recording-log.ts";

const page = readFileSync(path.join(process.cwd(), "docs/metrics.md"), "utf8");
/** An engine has one of each, and a sink one codec: there a scrape shows one of the documented values. */
const ONE_OF_THEM = ["kind", "codec", "source", "backend", "modality", "disaggregation_mode"];
const metrics = CATALOGUE.flatMap((section) => section.metrics);

test("docs/metrics.md is what scripts/generate-docs.js writes", () => {
  assert.equal(page, renderMetricsReference());
});

test("every metric has a row, a unit, and words for each of its labels", () => {
  for (const metric of metrics) {
    const { name, labels } = metric;
    assert.ok(page.includes(`| \`${fullName(metric)}\` |`), name);
    assert.match(unitOf(name), /^[a-zA-Z0-9 ^]+$/, name);
    for (const label of labels) assert.ok(labelValues(name, label) !== undefined, `${label} of ${name}`);
  }
});

test("what is left out is not there, and the page says why", () => {
  const there = new Set(metrics.map(fullName));
  for (const { names, reason } of LEFT_OUT) {
    for (const name of names) {
      assert.ok(!there.has(name), name);
      assert.ok(page.includes(`\`${name}\``), name);
    }
    // Whatever it points to instead is there.
    for (const [, name = ""] of reason.matchAll(/`(kvcast_\w+)`/g)) assert.ok(there.has(name), name);
  }
});

test("label values on the page are those of a scrape, where they are a closed list", async () => {
  const tracker = new Consolidator({
    mode: "dedup",
    identity: "legacy",
    compat: false,
    sources: ["kvbm"],
    maxBlocks: 1,
  });
  const pipeline = new FakePipeline();
  pipeline.natsUse = "events";
  pipeline.gate = { refused: () => 0 };
  const scrape = new Metrics({
    engines: [new EngineCounters("engine0", "http", 2)],
    enginePages: {
      pages: [{ counters: new PageCounters("engine0"), ageSeconds: () => null, page: () => null }],
      refresh: () => Promise.resolve(),
    },
    data: [await readEngineData(2)],
    health: new HealthBoard({ names: CHECK_NAMES, log: new RecordingLog() }),
    consolidator: { tracker, sources: [new SourceCounters("kvbm0", "kvbm")] },
    pipeline,
    version: "0",
    epoch: EPOCH,
    logCounts: { trace: 0, debug: 0, info: 0, warn: 0, error: 0 },
    requests: { entries: () => [] },
    defaults: false,
  });
  const index = new IndexMetrics({
    view: { models: () => [], workers: () => 0, natsUp: () => null },
    version: "0",
    epoch: EPOCH,
    logCounts: {},
    requests: { entries: () => [] },
  });
  const samples = `${await scrape.render()}\n${(await index.page()).body("text").toString()}`;
  let compared = 0;
  for (const metric of metrics) {
    const { type, labels, name } = metric;
    for (const label of labels) {
      const documented = labelValues(name, label);
      if (typeof documented === "string" || documented === undefined) continue;
      const series = `${fullName(metric)}${type === "histogram" ? "_count" : ""}`;
      const found = samples.matchAll(new RegExp(`^${series}\\{(?:[^\\n]*,)?${label}="([^"]*)"`, "gm"));
      const values = new Set(Array.from(found, (match) => match[1] ?? ""));
      // What only who handles requests can see never has a series here, nor has what nobody knows.
      if (values.size === 0 && name.startsWith("trtllm_")) continue;
      assert.ok(values.size > 0, `${label} of ${series}`);
      const expected = ONE_OF_THEM.includes(label) ? documented.filter((value) => values.has(value)) : documented;
      assert.deepEqual([...values].toSorted(), [...expected].toSorted(), `${label} of ${series}`);
      compared++;
    }
  }
  assert.ok(compared > 20, `${compared} labels`);
});
