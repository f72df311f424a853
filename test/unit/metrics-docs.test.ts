/** The page about metrics says what the service exposes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { Consolidator } from "../../src/main/consolidate/consolidator.ts";
import { SourceCounters } from "../../src/main/consolidate/source-counters.ts";
import { PageCounters } from "../../src/main/engine-page/page-counters.ts";
import { CATALOGUE, METRIC_PREFIX } from "../../src/main/metrics/catalogue.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { labelValues, renderMetricsReference, unitOf } from "../../src/main/metrics/reference.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";

const page = readFileSync(path.join(process.cwd(), "docs/metrics.md"), "utf8");
const metrics = CATALOGUE.flatMap((section) => section.metrics);

test("docs/metrics.md is what scripts/generate-docs.js writes", () => {
  assert.equal(page, renderMetricsReference());
});

test("every metric has a row, a unit, and words for each of its labels", () => {
  for (const { name, labels } of metrics) {
    assert.ok(page.includes(`| \`${METRIC_PREFIX}${name}\` |`), name);
    assert.match(unitOf(name), /^[a-zA-Z0-9 ]+$/, name);
    for (const label of labels) assert.ok(labelValues(name, label) !== undefined, `${label} of ${name}`);
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
  pipeline.nats = true;
  const scrape = new Metrics({
    engines: [new EngineCounters("engine0", "http", 2)],
    enginePages: {
      pages: [{ counters: new PageCounters("engine0"), ageSeconds: () => null, page: () => null }],
      refresh: () => Promise.resolve(),
    },
    consolidator: { tracker, sources: [new SourceCounters("kvbm0", "kvbm")] },
    pipeline,
    version: "0",
    epoch: EPOCH,
    logCounts: { trace: 0, debug: 0, info: 0, warn: 0, error: 0 },
    requests: { entries: () => [] },
    defaults: false,
  });
  const samples = await scrape.render();
  let compared = 0;
  for (const { name, type, labels } of metrics) {
    for (const label of labels) {
      const documented = labelValues(name, label);
      if (typeof documented === "string" || documented === undefined) continue;
      const series = `${METRIC_PREFIX}${name}${type === "histogram" ? "_count" : ""}`;
      const found = samples.matchAll(new RegExp(`^${series}\\{(?:[^\\n]*,)?${label}="([^"]*)"`, "gm"));
      const values = new Set(Array.from(found, (match) => match[1] ?? ""));
      assert.ok(values.size > 0, `${label} of ${series}`);
      // An engine has one kind and a sink one codec: there a scrape shows one of the documented values.
      const expected = ["kind", "codec"].includes(label) ? documented.filter((value) => values.has(value)) : documented;
      assert.deepEqual([...values].toSorted(), [...expected].toSorted(), `${label} of ${series}`);
      compared++;
    }
  }
  assert.ok(compared > 20, `${compared} labels`);
});
