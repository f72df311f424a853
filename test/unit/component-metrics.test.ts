/** The metrics that Dynamo's component has: names, labels, buckets, and when a series appears. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { ADDITIONAL_METRICS, DRAIN_BATCH_BUCKETS } from "../../src/main/component-metrics/definitions.ts";
import { pythonFloat } from "../../src/main/component-metrics/exposition.ts";
import {
  AdditionalMetricsCollector,
  attentionDpSizeOf,
  Backend,
  backendOf,
  DisaggregationMode,
  disaggregationModeOf,
  isImageRequest,
  isStructuredOutput,
  LLMBackendMetrics,
  Modality,
  modalityOf,
} from "../../src/main/lib.ts";

const golden = JSON.parse(
  readFileSync(path.join(process.cwd(), "test/fixtures/dynamo/golden_component_gauges.json"), "utf8"),
) as { readonly before_any_set: string; readonly after_set: string };

function collector(): AdditionalMetricsCollector {
  return new AdditionalMetricsCollector({ modelName: "m", disaggregationMode: DisaggregationMode.DECODE });
}

/** Lines of samples, without the labels that all of them have. */
function samples(metrics: AdditionalMetricsCollector): string[] {
  const common = 'disaggregation_mode="decode",engine_type="trtllm",';
  return metrics
    .exposition()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(common, "").replace('{model_name="m"}', "").replace(',model_name="m"', ""));
}

test("the gauges are printed as the reference prints them, before and after they are set", () => {
  const gauges = new LLMBackendMetrics({ model: "Qwen/Qwen3-0.6B" });
  assert.equal(gauges.exposition(), golden.before_any_set);
  gauges.setTotalBlocks("0", 1000);
  gauges.setGpuCacheUsage(0, 0.25);
  gauges.setModelLoadTime(12.5);
  assert.equal(gauges.exposition(), golden.after_set);
});

test("nothing has a series before it has happened, and every metric has its head", () => {
  const text = collector().exposition();
  assert.equal(text.split("\n").filter((line) => line.startsWith("# TYPE ")).length, ADDITIONAL_METRICS.length);
  assert.deepEqual(samples(collector()), []);
  assert.deepEqual(
    ADDITIONAL_METRICS.map(({ name }) => name),
    [
      "trtllm_num_aborted_requests_total",
      "trtllm_request_type_image_total",
      "trtllm_request_type_structured_output_total",
      "trtllm_kv_transfer_success_total",
      "trtllm_kv_transfer_latency_seconds",
      "trtllm_kv_transfer_bytes",
      "trtllm_kv_transfer_speed_gb_s",
      "trtllm_kv_event_buffer_capacity",
      "trtllm_kv_event_drain_batch_size",
      "trtllm_kv_event_id_gap_events_total",
    ],
  );
});

test("each counter and gauge appears with its first record", () => {
  const metrics = collector();
  metrics.recordAbortedRequest();
  metrics.recordImageRequest();
  metrics.recordImageRequest();
  metrics.recordStructuredOutputRequest();
  metrics.setKvEventBufferCapacity(100_000);
  metrics.recordKvEventIdGap(0);
  assert.deepEqual(samples(metrics), [
    "trtllm_num_aborted_requests_total 1.0",
    "trtllm_request_type_image_total 2.0",
    "trtllm_request_type_structured_output_total 1.0",
    "trtllm_kv_event_buffer_capacity 100000.0",
  ]);
  metrics.recordKvEventIdGap(7);
  assert.equal(samples(metrics).at(-1), "trtllm_kv_event_id_gap_events_total 7.0");
});

test("a transfer of 50 ms and 10^9 bytes", () => {
  const metrics = collector();
  assert.equal(metrics.recordKvTransfer({ start: 1, end: 1.05, bytes: 1e9 }), true);
  const lines = samples(metrics);
  assert.ok(lines.includes("trtllm_kv_transfer_success_total 1.0"));
  assert.ok(lines.includes("trtllm_kv_transfer_latency_seconds_count 1.0"));
  // 1.05 - 1 is a little more than 0.05 in doubles.
  assert.ok(lines.includes('trtllm_kv_transfer_latency_seconds_bucket{le="0.05"} 0.0'));
  assert.ok(lines.includes('trtllm_kv_transfer_latency_seconds_bucket{le="0.1"} 1.0'));
  assert.ok(lines.includes('trtllm_kv_transfer_bytes_bucket{le="1e+09"} 1.0'));
  assert.ok(lines.includes('trtllm_kv_transfer_speed_gb_s_bucket{le="10.0"} 0.0'));
  assert.ok(lines.includes('trtllm_kv_transfer_speed_gb_s_bucket{le="25.0"} 1.0'));
});

test("a transfer without bytes has no speed; one that was not measured is none", () => {
  const metrics = collector();
  assert.equal(metrics.recordKvTransfer({ start: 1, end: 2 }), true);
  assert.equal(samples(metrics).filter((line) => /_bytes|_speed/.test(line)).length, 0);
  for (const [start, end] of [
    [0, 1],
    [1, 0],
    [2, 1],
    [1, 1],
    [null, undefined],
    [-1, 1],
    [Number.NaN, 1],
  ]) {
    const none = collector();
    assert.equal(none.recordKvTransfer({ start: start ?? null, end: end ?? null, bytes: 5 }), false);
    assert.deepEqual(samples(none), []);
  }
});

test("drains are counted by size, in powers of two up to 131072", () => {
  assert.deepEqual([DRAIN_BATCH_BUCKETS.length, DRAIN_BATCH_BUCKETS.at(-1)], [18, 131_072]);
  const metrics = collector();
  for (const events of [64, 512, 128]) metrics.recordKvEventDrain(events);
  const lines = samples(metrics);
  assert.ok(lines.includes("trtllm_kv_event_drain_batch_size_count 3.0"));
  assert.ok(lines.includes('trtllm_kv_event_drain_batch_size_bucket{le="128.0"} 2.0'));
});

test("which requests have images, and which have structured output", () => {
  assert.deepEqual(
    [
      {},
      { multi_modal_data: null },
      { multi_modal_data: {} },
      { multi_modal_embeddings: [] },
      { _epd_processed_prompt: "" },
    ].map((request) => isImageRequest(request)),
    [false, false, true, true, true],
  );
  for (const grammar of ["json", "regex", "grammar", "json_object", "structural_tag"]) {
    assert.equal(isStructuredOutput({ [grammar]: "" }), true, grammar);
    assert.equal(isStructuredOutput({ [grammar]: null }), false, grammar);
  }
  assert.deepEqual(
    [null, undefined, {}, { choice: [] }, { choice: ["a"] }].map((guided) => isStructuredOutput(guided)),
    [false, false, false, false, true],
  );
});

test("kinds of workers by value and alias", () => {
  assert.deepEqual(
    ["agg", "pd", "prefill_and_decode", "prefill", "decode", "encode", "AGG", "toString", ""].map(disaggregationModeOf),
    ["prefill_and_decode", "prefill_and_decode", "prefill_and_decode", "prefill", "decode", "encode", null, null, null],
  );
  assert.deepEqual(Object.values(DisaggregationMode), ["prefill_and_decode", "prefill", "decode", "encode"]);
  assert.deepEqual(Object.values(Modality).map(modalityOf), [
    "text",
    "multimodal",
    "video_diffusion",
    "image_diffusion",
  ]);
  assert.deepEqual([...Object.values(Backend), "tensorrt"].map(backendOf), ["pytorch", "_autodeploy", null]);
  assert.equal(modalityOf("audio"), null);
});

test("attention-DP ranks: one without an engine, and one without attention data parallelism", () => {
  assert.deepEqual(
    [
      attentionDpSizeOf(null),
      attentionDpSizeOf({ enableAttentionDp: false, tensorParallelSize: 8 }),
      attentionDpSizeOf({ enableAttentionDp: true, tensorParallelSize: 8 }),
    ],
    [1, 1, 8],
  );
});

test("numbers have the digits that Python gives them", () => {
  for (const [value, text] of [
    [3, "3.0"],
    [0.1 + 0.2, "0.30000000000000004"],
    [1e6, "1e+06"],
    [1_234_567, "1.234567e+06"],
    [123_456_789_012, "1.23456789012e+11"],
    [999_999, "999999.0"],
    [1e21, "1e+21"],
    [1e-5, "1e-05"],
    [0.0001, "0.0001"],
    [-1e6, "-1000000.0"],
    [0, "0.0"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [Number.NaN, "NaN"],
  ] as const) {
    assert.equal(pythonFloat(value), text);
  }
});
