/**
 * What values each label of each metric may have: closed lists, or words where no list can be. MAIN THREAD; a table for the
 * documentation and for the tests that hold the metrics page to it.
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
import { REFUSAL_REASONS } from "../curve/refusals.ts";
import { CHECKED_SETTINGS } from "../engine/settings-check.ts";
import { PROBE_OUTCOMES } from "../health/canary-client.ts";
import { CHECK_NAMES } from "../health/health-report.ts";
import { PERF_FAULTS } from "../perf/perf-record.ts";
import { PERF_STATES } from "../perf/perf-status.ts";
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
export const COMMON_LABELS: Readonly<Record<string, LabelValues>> = {
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

/** Labels whose values depend on the metric: `METRIC LABEL`, the metric without its prefix. */
export const OWN_LABELS: Readonly<Record<string, LabelValues>> = {
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
  "zmq_refused_handshakes_total socket": ["live", "replay"],
  "zmq_refused_handshakes_total reason": REFUSAL_REASONS,
  "replay_requests_total outcome": REPLAY_OUTCOMES,
  "snapshots_total outcome": SNAPSHOT_OUTCOMES,
  "worker_restarts_total reason": WORKER_RESTART_REASONS,
};

/** What the values of a label may be; undefined when nobody has written it down. */
export function labelValues(metric: string, label: string): LabelValues | undefined {
  return OWN_LABELS[`${metric} ${label}`] ?? COMMON_LABELS[label];
}
