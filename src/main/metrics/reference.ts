/**
 * Writes `docs/metrics.md` from the catalogue. Runs when the documentation is made, and in the test that holds the file to
 * it; the service never calls it.
 */
import {
  ENCODE_ERROR_REASONS,
  EVENT_TYPES,
  REPLAY_OUTCOMES,
  SINK_DROP_REASONS,
  SINK_ERROR_REASONS,
  SNAPSHOT_OUTCOMES,
} from "../../shared/counter-labels.ts";
import { WIRE_FORMATS } from "../../shared/wire-format.ts";
import { LOG_LEVELS } from "../log.ts";
import { FETCH_OUTCOMES } from "../engine-page/page-counters.ts";
import { REFUSALS } from "../expfmt/refusal.ts";
import { DISAGGREGATION_MODES, BACKENDS, MODALITIES } from "../component-metrics/worker-traits.ts";
import { CHECKED_SETTINGS } from "../engine/settings-check.ts";
import { PROBE_OUTCOMES } from "../health/canary-client.ts";
import { CHECK_NAMES } from "../health/health-report.ts";
import { PERF_FAULTS } from "../perf/perf-record.ts";
import { PERF_STATES } from "../perf/perf-status.ts";
import { CATALOGUE, METRIC_PREFIX, type MetricDefinition } from "./catalogue.ts";
import { LEFT_OUT } from "./left-out.ts";
import { fullName, type Stability } from "./metric-definition.ts";
import {
  ALL_INVALID_REASONS,
  ENGINE_KINDS,
  EVENT_AGE_SOURCES,
  FILTER_REASONS,
  INJECT_REASONS,
  POLL_OUTCOMES,
  RECEIVED_TYPES,
  SOURCE_ERROR_REASONS,
} from "./engine-counters.ts";
import { SKIP_REASONS, SOURCE_EVENT_TYPES } from "../consolidate/source-counters.ts";
import { DROP_REASONS, FEED_INPUTS, FEED_SKIPS } from "../router-feed/feed-counters.ts";
import { INPUT_STATES } from "../router-feed/zmq-input.ts";
import { BLOCK_OUTCOMES, LEFT_OUT_REASONS } from "./router-index-families.ts";
import { WIRE_REFUSALS } from "../wire/wire-refusal.ts";
import { RING_DROP_REASONS, WORKER_RESTART_REASONS } from "./pipeline-view.ts";

/** All values that a label may have, or words for values that no list can hold. */
export type LabelValues = readonly string[] | string;

/** Labels that mean the same on every metric. */
const COMMON_LABELS: Readonly<Record<string, LabelValues>> = {
  engine: "the NAME in `--engine NAME=URL`, without one `engine0`, `engine1`, … by place",
  kind: ENGINE_KINDS,
  source: "kind and number of the `--engine-endpoint`: `trtllm0`, `vllm1`, `kvbm2`, …",
  dp_rank:
    "attention-DP rank as the engine counts them, `0` to `63` as far as `--attention-dp-size` goes; `other` for the rest",
  codec: WIRE_FORMATS,
  sink: ["zmq", "nats"],
  endpoint: "the bound ZMQ address, with its real port",
  check: CHECK_NAMES,
  worker: "`publisher`, `encoder0`, `encoder1`, … by `--encoders`, and with `--snapshot` `indexer`",
  handler: "path of the route, `other` for requests that reached none",
  code: "HTTP status",
  level: LOG_LEVELS,
  epoch: "UUID of the run of sequence numbers",
  version: "version of kvcast",
  node: "version of Node",
  model: "`--model`, else what the engine says, else the name of the engine",
  model_name: "the same",
  dynamo_component: "`--component`",
  engine_type: "`trtllm`",
  engine_version: "what the engine says; `unknown` otherwise",
  disaggregation_mode: DISAGGREGATION_MODES,
  backend: BACKENDS,
  modality: MODALITIES,
};

/** Labels whose values depend on the metric. */
const OWN_LABELS: Readonly<Record<string, LabelValues>> = {
  "source_polls_total outcome": POLL_OUTCOMES,
  "router_index_messages_total input": FEED_INPUTS,
  "router_index_refused_messages_total reason": WIRE_REFUSALS,
  "router_index_events_total event_type": ["stored", "removed", "cleared"],
  "router_index_skipped_events_total reason": FEED_SKIPS,
  "router_index_left_out_events_total reason": LEFT_OUT_REASONS,
  "router_index_rank_drops_total reason": DROP_REASONS,
  "router_index_block_operations_total outcome": BLOCK_OUTCOMES,
  "router_index_workers state": INPUT_STATES,
  "event_age_seconds source": EVENT_AGE_SOURCES,
  "engine_setting_mismatch setting": CHECKED_SETTINGS,
  "iteration_stats_polls_total outcome": POLL_OUTCOMES,
  "iteration_stats_errors_total reason": SOURCE_ERROR_REASONS,
  "health_probe_total outcome": PROBE_OUTCOMES,
  "perf_state state": PERF_STATES,
  "perf_polls_total outcome": POLL_OUTCOMES,
  "perf_errors_total reason": SOURCE_ERROR_REASONS,
  "perf_bad_records_total fault": PERF_FAULTS,
  "source_errors_total reason": SOURCE_ERROR_REASONS,
  "source_received_events_total event_type": RECEIVED_TYPES,
  "engine_page_fetches_total outcome": FETCH_OUTCOMES,
  "engine_page_refused_lines_total reason": REFUSALS,
  "filtered_events_total reason": FILTER_REASONS,
  "invalid_events_total reason": ALL_INVALID_REASONS,
  "injected_events_total reason": INJECT_REASONS,
  "consolidator_refused_messages_total reason": WIRE_REFUSALS,
  "consolidator_received_events_total event_type": SOURCE_EVENT_TYPES,
  "consolidator_skipped_events_total reason": SKIP_REASONS,
  "consolidator_block_operations_total operation": ["store", "remove", "clear"],
  "consolidator_published_events_total event_type": EVENT_TYPES,
  "encode_dropped_events_total reason": ["poison"],
  "ring_dropped_events_total reason": RING_DROP_REASONS,
  "encode_errors_total reason": ENCODE_ERROR_REASONS,
  ...Object.fromEntries(
    [
      "pending_events",
      "pending_bytes",
      "inflight_limit_batches",
      "retries_total",
      "reconnects_total",
      "duplicate_acks_total",
      "ack_duration_seconds",
    ].map((name) => [`sink_${name} sink`, ["nats"]]),
  ),
  "worker_heartbeat_timestamp_seconds worker": ["publisher"],
  "sink_sent_events_total event_type": EVENT_TYPES,
  "sink_dropped_events_total reason": SINK_DROP_REASONS,
  "sink_errors_total reason": SINK_ERROR_REASONS,
  "replay_requests_total outcome": REPLAY_OUTCOMES,
  "snapshots_total outcome": SNAPSHOT_OUTCOMES,
  "worker_restarts_total reason": WORKER_RESTART_REASONS,
};

/** Where the last word of a name does not say what is counted. */
const OWN_UNITS: Readonly<Record<string, string>> = {
  source_sequence_gaps_total: "event ids",
  source_last_event_id: "event id",
  engine_page_up: "1 or 0",
  partial_blocks_tracked: "blocks",
  ring_occupied_slots_max: "slots",
  zmq_subscribers: "subscriptions",
  published_sequence: "sequence number",
  replay_buffer_oldest_sequence: "sequence number",
  zmq_subscriber_queue_full_total: "messages",
  main_stalled: "1 or 0",
  ready: "1 or 0",
  health_probe_total: "canaries",
  index_complete: "1 or 0",
  snapshots_open: "snapshots",
  rank_dirty: "1 or 0",
  epoch_info: "always 1",
  engine_info: "always 1",
  engine_setting_mismatch: "1 or 0",
  perf_state: "1 or 0",
  event_age_negative_total: "events",
  request_kv_transfer_seconds: "seconds",
  dynamo_component_kv_publisher_engines_dropped_events_total: "event ids",
  dynamo_component_gpu_cache_usage_percent: "ratio",
  dynamo_component_kv_cache_hit_rate: "ratio",
  trtllm_num_aborted_requests_total: "requests",
  trtllm_request_type_image_total: "requests",
  trtllm_request_type_structured_output_total: "requests",
  trtllm_kv_transfer_success_total: "transfers",
  trtllm_kv_transfer_speed_gb_s: "10^9 bytes a second",
  trtllm_kv_event_buffer_capacity: "events",
  trtllm_kv_event_drain_batch_size: "events",
  trtllm_kv_cache_hit_rate: "ratio",
  trtllm_kv_cache_utilization: "ratio",
  trtllm_num_requests_running: "requests",
  trtllm_num_requests_waiting: "requests",
  trtllm_num_requests_completed_total: "requests",
  trtllm_kv_cache_tokens_per_block: "tokens",
  trtllm_avg_decoded_tokens_per_iter: "tokens",
  trtllm_max_batch_size_static: "requests",
  trtllm_max_batch_size_runtime: "requests",
  trtllm_max_num_tokens_runtime: "tokens",
  trtllm_spec_decode_acceptance_length: "tokens",
  trtllm_spec_decode_draft_overhead: "ratio",
  build_info: "always 1",
};

/** What the values of a label may be; undefined when nobody has written it down. */
export function labelValues(metric: string, label: string): LabelValues | undefined {
  return OWN_LABELS[`${metric} ${label}`] ?? COMMON_LABELS[label];
}

/** The whole page in Markdown. */
export function renderMetricsReference(): string {
  return `${[
    "# Metrics",
    "",
    "<!-- Made by scripts/generate-docs.js from src/main/metrics/catalogue.ts. Do not edit. -->",
    "<!-- prettier-ignore-start -->",
    "",
    "`GET /metrics` on the system port has these, in the Prometheus text format or in OpenMetrics, and Node's own (`process_*`,",
    "`nodejs_*`). The engines' own metrics are there too: [engine-metrics.md](engine-metrics.md). Every value of a label exists from the first scrape on, at 0, so that `rate()` and `increase()` see the",
    "first event too; only what an engine does not give has no series. Token ids, cache salts and hashes are never in a metric.",
    "",
    "A page is one moment: what it says balances, between any two events.",
    "",
    "```text",
    "source_received + injected = source_duplicate + filtered + invalid + ring_dropped + ring_enqueued",
    "ring_enqueued              = ring_dequeued + encode_dropped + what is in the ring",
    "ring_dequeued              = sink_sent + sink_dropped + what is in flight              for each sink",
    "```",
    "",
    "(Each name stands for `kvcast_<name>_events_total`, summed over its labels.)",
    "",
    "In `kvcast consolidate` the first line is another one, because many events become one:",
    "",
    "```text",
    "consolidator_received  = consolidator_skipped + consolidator_applied",
    "consolidator_published = consolidator_waiting (a gauge) + ring_enqueued",
    "```",
    "",
    "Stability: a `stable` metric keeps its name, type, unit and labels, and goes only with a line about it in CHANGELOG.md; a",
    "`reference` metric is named by Dynamo or TensorRT-LLM, and follows them. The same line is written for it.",
    "",
    "Two losses happen where kvcast cannot count events. What an engine dropped before it was read shows as missing event",
    "ids, in `kvcast_source_sequence_gaps_total`. What libzmq drops for a subscriber that is too slow shows as its beginning,",
    "in `kvcast_zmq_subscriber_queue_full_total`; how much it was only that subscriber sees, as a gap in the sequence numbers.",
    ...CATALOGUE.flatMap(({ title, stability, intro, metrics }) => [
      "",
      `## ${title}`,
      "",
      ...(intro === undefined ? [] : [intro, ""]),
      "| Metric | Type | Unit | Labels | Stability | Meaning |",
      "|---|---|---|---|---|---|",
      ...metrics.map((metric) => metricRow(metric, stability ?? "stable")),
    ]),
    "",
    "## What is left out",
    "",
    "Others have metrics of these names. kvcast has not, and this is why.",
    "",
    "| Metric | Why not |",
    "|---|---|",
    ...LEFT_OUT.map(({ names, reason }) => row([names.map((name) => `\`${name}\``).join(", "), reason])),
    "",
    "## Label values",
    "",
    "| Label | On | Values |",
    "|---|---|---|",
    ...Object.entries(COMMON_LABELS).map(([label, values]) => row([`\`${label}\``, "all metrics", shown(values)])),
    ...Object.entries(OWN_LABELS).map(([key, values]) => {
      const [metric = "", label = ""] = key.split(" ");
      return row([`\`${label}\``, `\`${METRIC_PREFIX}${metric}\``, shown(values)]);
    }),
    "",
    "<!-- prettier-ignore-end -->",
  ].join("\n")}\n`;
}

function metricRow(metric: MetricDefinition, stability: Stability): string {
  const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
  const bounds = metric.buckets ?? [];
  const buckets =
    bounds.length === 0 ? "" : ` ${bounds.length} buckets from ${bounds[0] ?? ""} to ${bounds.at(-1) ?? ""}.`;
  return row([`\`${fullName(metric)}\``, metric.type, unitOf(metric.name), labels, stability, metric.help + buckets]);
}

/** A name ends in its unit, or in what it counts, as Prometheus wants it. */
export function unitOf(name: string): string {
  if (name.endsWith("_up")) return "1 or 0";
  if (name.endsWith("_timestamp_seconds")) return "Unix time in seconds";
  const last =
    name
      .replace(/_total$/, "")
      .split("_")
      .at(-1) ?? "";
  return OWN_UNITS[name] ?? last;
}

function shown(values: LabelValues): string {
  return typeof values === "string" ? values : values.map((value) => `\`${value}\``).join(", ");
}

/** A row of a table. `|` would end a cell, even inside backticks. */
function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
