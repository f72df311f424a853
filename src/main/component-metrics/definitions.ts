/**
 * The metrics that Dynamo's TensorRT-LLM component has under names of its own: names, labels, buckets. MAIN THREAD; data.
 *
 * Boards and alerts know them by these names, so they are kept as they are, also where Prometheus would want another one:
 * `gpu_cache_usage_percent` is a ratio, `kv_transfer_speed_gb_s` abbreviates its unit.
 */
import type { MetricDefinition, MetricType } from "../metrics/metric-definition.ts";

/** A definition whose name is whole. */
export interface ComponentDefinition extends MetricDefinition {
  readonly prefix: "";
}

function define(
  name: string,
  type: MetricType,
  labels: readonly string[],
  help: string,
  buckets?: readonly number[],
): ComponentDefinition {
  return { prefix: "", name, type, labels, help, ...(buckets === undefined ? {} : { buckets }) };
}

const RANK_LABELS = ["model", "dynamo_component", "dp_rank"];
const ADDITIONAL_LABELS = ["model_name", "disaggregation_mode", "engine_type"];

/** Seconds. */
export const TRANSFER_LATENCY_BUCKETS: readonly number[] = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** Bytes. */
export const TRANSFER_BYTES_BUCKETS: readonly number[] = [1e5, 5e5, 1e6, 5e6, 1e7, 5e7, 1e8, 5e8, 1e9, 5e9];
/** 10^9 bytes a second. */
export const TRANSFER_SPEED_BUCKETS: readonly number[] = [0.1, 0.5, 1, 5, 10, 25, 50, 100, 250, 500];
/** Events: the powers of two up to 131072. */
export const DRAIN_BATCH_BUCKETS: readonly number[] = Array.from({ length: 18 }, (_, i) => 2 ** i);

/** Gauges of the engine's cache, by rank. */
export const BACKEND_METRICS: readonly ComponentDefinition[] = [
  define(
    "dynamo_component_total_blocks",
    "gauge",
    RANK_LABELS,
    "Total number of KV cache blocks available on the worker.",
  ),
  define(
    "dynamo_component_gpu_cache_usage_percent",
    "gauge",
    RANK_LABELS,
    "GPU cache usage as a percentage (0.0-1.0).",
  ),
  define(
    "dynamo_component_kv_cache_hit_rate",
    "gauge",
    RANK_LABELS,
    "Prefix cache hit rate (0.0-1.0). Portable across engines.",
  ),
  define(
    "dynamo_component_model_load_time_seconds",
    "gauge",
    ["model", "dynamo_component"],
    "Model load time in seconds.",
  ),
];

/** What Dynamo's runtime tells of a worker beside that. */
export const WORKER_METRICS: readonly ComponentDefinition[] = [
  define("dynamo_component_uptime_seconds", "gauge", ["dynamo_component"], "Time since the process started."),
  define(
    "dynamo_component_kv_publisher_engines_dropped_events_total",
    "counter",
    ["dynamo_component"],
    "Missing event ids of the engine: events that it dropped before they were read. None of an engine read over ZMQ, whose " +
      "messages have numbers and its events none.",
  ),
];

/** What TensorRT-LLM's own metrics leave out. */
export const ADDITIONAL_METRICS: readonly ComponentDefinition[] = [
  define("trtllm_num_aborted_requests_total", "counter", ADDITIONAL_LABELS, "Requests that were cancelled."),
  define("trtllm_request_type_image_total", "counter", ADDITIONAL_LABELS, "Requests with images or their embeddings."),
  define(
    "trtllm_request_type_structured_output_total",
    "counter",
    ADDITIONAL_LABELS,
    "Requests whose output has to follow a grammar, a schema or a choice.",
  ),
  define(
    "trtllm_kv_transfer_success_total",
    "counter",
    ADDITIONAL_LABELS,
    "Caches that arrived from a prefill server, as the receiving side measured them.",
  ),
  define(
    "trtllm_kv_transfer_latency_seconds",
    "histogram",
    ADDITIONAL_LABELS,
    "Time that the cache of a request took from its prefill server.",
    TRANSFER_LATENCY_BUCKETS,
  ),
  define(
    "trtllm_kv_transfer_bytes",
    "histogram",
    ADDITIONAL_LABELS,
    "Bytes of cache that came from a prefill server, of a request.",
    TRANSFER_BYTES_BUCKETS,
  ),
  define(
    "trtllm_kv_transfer_speed_gb_s",
    "histogram",
    ADDITIONAL_LABELS,
    "Speed of such a transfer, in 10^9 bytes a second.",
    TRANSFER_SPEED_BUCKETS,
  ),
  define(
    "trtllm_kv_event_buffer_capacity",
    "gauge",
    ADDITIONAL_LABELS,
    "Events that the engine holds until they are fetched; beyond it the oldest are lost.",
  ),
  define(
    "trtllm_kv_event_drain_batch_size",
    "histogram",
    ADDITIONAL_LABELS,
    "Events in an answer of the engine that had any.",
    DRAIN_BATCH_BUCKETS,
  ),
  define(
    "trtllm_kv_event_id_gap_events_total",
    "counter",
    ADDITIONAL_LABELS,
    "Missing event ids of the engine; no series before the first.",
  ),
];
