/** TensorRT-LLM's metrics out of rows of iteration statistics. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { DERIVED_METRICS, DerivedMetrics } from "../../src/main/component-metrics/derived-metrics.ts";
import { iterationStatOf } from "../../src/main/load/iteration-stat.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import { stat } from "../support/load-rows.ts";

function fixture(name: string): string {
  return readFileSync(path.join(process.cwd(), "test/fixtures/trtllm", name), "utf8");
}

/** What has a value, without the prefix. */
function values(metrics: DerivedMetrics): Record<string, number> {
  const found: Record<string, number> = {};
  for (const family of metrics.families({})) {
    if (!("series" in family)) throw new Error(family.name);
    const value = family.series()[0]?.read() ?? null;
    if (value !== null) found[family.name.replace("trtllm_", "")] = value;
  }
  return found;
}

test("each name, with its type, is one that the engine itself has", () => {
  const page = parseMetrics(fixture("trtllm_prometheus_metrics.txt"));
  for (const { name, type } of DERIVED_METRICS) assert.equal(page.types.get(name), type, name);
});

test("the engine's own rows: the last one counts, and what is a step adds up", () => {
  const metrics = new DerivedMetrics(1);
  for (const row of JSON.parse(fixture("trtllm_iteration_stats.json")) as unknown[]) {
    const made = iterationStatOf(row);
    if (made !== null) metrics.note(made);
  }
  const got = values(metrics);
  assert.deepEqual(
    [got["kv_cache_max_blocks"], got["kv_cache_free_blocks"], got["kv_cache_used_blocks"], got["kv_cache_hit_rate"]],
    [101_256, 90_112, 11_144, 0.263],
  );
  assert.deepEqual(
    [got["num_requests_running"], got["num_requests_waiting"], got["num_requests_completed_total"]],
    [128, 17, 3],
  );
  assert.deepEqual([got["iteration_latency_seconds"], got["spec_decode_acceptance_length"]], [0.0184, 2.31]);
  assert.deepEqual([got["kv_cache_reused_blocks_total"], got["kv_cache_missed_blocks_total"]], [107_779, 302_118]);
  assert.equal(Object.keys(got).length, DERIVED_METRICS.length, "the second row has everything");
});

test("what was never given has no value, be it 0 elsewhere", () => {
  const metrics = new DerivedMetrics(2);
  assert.deepEqual(values(metrics), {});
  metrics.note(stat({ numActiveRequests: 0, kvCacheStats: null, inflightBatchingStats: null, iterLatencyMS: null }));
  assert.deepEqual(values(metrics), { num_requests_running: 0 });
});

test("ranks add up, of shares the highest counts, and a total that falls is an engine that began anew", () => {
  const metrics = new DerivedMetrics(2);
  const note = (rank: number, active: number, hitRate: number, reusedBlocks: number): void =>
    metrics.note(
      stat({
        attentionDpRank: rank,
        numActiveRequests: active,
        kvCacheStats: { cacheHitRate: hitRate, reusedBlocks, usedNumBlocks: rank, maxNumBlocks: 4 },
      }),
    );
  note(0, 3, 0.5, 100);
  note(1, 4, 0.2, 10);
  note(0, 5, 0.4, 120);
  note(0, 1, 0.1, 7);
  note(2, 9, 0.9, 9);
  const got = values(metrics);
  assert.deepEqual(
    [got["num_requests_running"], got["kv_cache_hit_rate"], got["kv_cache_utilization"]],
    [5, 0.2, 0.25],
  );
  assert.equal(got["kv_cache_reused_blocks_total"], 137);
});

test("a figure that cannot be is absent", () => {
  const metrics = new DerivedMetrics(1);
  metrics.note(stat({ numActiveRequests: -1, numQueuedRequests: "3", gpuMemUsage: Infinity }));
  const got = values(metrics);
  assert.deepEqual(
    [got["num_requests_running"], got["num_requests_waiting"], got["gpu_memory_usage_bytes"]],
    [undefined, undefined, undefined],
  );
});
