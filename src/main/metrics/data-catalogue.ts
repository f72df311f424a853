/** The metrics of what is read of engines beside their events. MAIN THREAD; data. */
import { ADDITIONAL_METRICS, BACKEND_METRICS, WORKER_METRICS } from "../component-metrics/definitions.ts";
import { DERIVED_METRICS } from "../component-metrics/derived-metrics.ts";
import { RATIO_BUCKETS, REQUEST_BUCKETS, TOKEN_BUCKETS, WAIT_BUCKETS } from "../perf/perf-histograms.ts";
import { type CatalogueSection, counter, gauge, histogram } from "./metric-definition.ts";

export const ENGINE_DATA: CatalogueSection = {
  title: "Engine data",
  metrics: [
    gauge(
      "engine_info",
      ["engine", "model", "engine_version", "backend", "modality", "disaggregation_mode"],
      "Always 1; the labels say what kind of worker the engine is. No series before that is known.",
    ),
    gauge(
      "engine_setting_mismatch",
      ["engine", "setting"],
      "1 where what the engine says of itself contradicts what kvcast is configured for, 0 where it agrees; no series " +
        "while it does not say. With another block size no router ever finds a prefix.",
    ),
    gauge("iteration_stats_up", ["engine"], "1 while the last read of the engine's iteration statistics succeeded."),
    counter("iteration_stats_polls_total", ["engine", "outcome"], "Reads of the iteration statistics by outcome."),
    counter(
      "iteration_stats_errors_total",
      ["engine", "reason"],
      "Reads of the iteration statistics that failed, by reason.",
    ),
    counter("iteration_stats_rows_total", ["engine"], "Rows of iteration statistics that were used."),
    counter(
      "iteration_stats_bad_rows_total",
      ["engine"],
      "Rows that were left out: malformed, or of a rank outside the configured size.",
    ),
    gauge(
      "perf_state",
      ["engine", "state"],
      "1 for the state of the engine's performance data: not_enabled means that it keeps no records of requests; " +
        "waiting, that none has come and it is not known whether one will.",
    ),
    counter("perf_polls_total", ["engine", "outcome"], "Reads of the records of requests by outcome."),
    counter("perf_errors_total", ["engine", "reason"], "Reads of the records of requests that failed, by reason."),
    counter("perf_requests_total", ["engine"], "Finished requests whose record was read."),
    counter("perf_bad_records_total", ["engine", "fault"], "Records of requests that were left out, by what is wrong."),
    counter(
      "perf_out_of_order_requests_total",
      ["engine"],
      "Requests of which some moments contradict each other; the times between those are left out.",
    ),
    gauge(
      "perf_clock_error_seconds",
      ["engine"],
      "How wrong the engine's times may be on the clock of kvcast; no series while its clock is not known.",
    ),
    histogram(
      "request_queue_seconds",
      ["engine"],
      WAIT_BUCKETS,
      "Time of finished requests from arrival to being scheduled, without a KV transfer; as all request_ metrics from the " +
        "engine's records, and without a series before the first.",
    ),
    histogram(
      "request_prefill_seconds",
      ["engine"],
      WAIT_BUCKETS,
      "Time from being scheduled to the first token, without a KV transfer.",
    ),
    histogram("request_kv_transfer_seconds", ["engine"], WAIT_BUCKETS, "Time in which a request's cache came over."),
    histogram("request_first_token_seconds", ["engine"], WAIT_BUCKETS, "Time from arrival to the first token."),
    histogram(
      "request_inter_token_seconds",
      ["engine"],
      TOKEN_BUCKETS,
      "Mean time between two tokens of a request, by the engine's iterations.",
    ),
    histogram("request_decode_seconds", ["engine"], REQUEST_BUCKETS, "Time from the first token to the last."),
    histogram("request_duration_seconds", ["engine"], REQUEST_BUCKETS, "Time from arrival to the last token."),
    histogram(
      "request_block_reuse_ratio",
      ["engine"],
      RATIO_BUCKETS,
      "Share of a request's looked-up cache blocks that were found.",
    ),
    histogram(
      "request_draft_acceptance_ratio",
      ["engine"],
      RATIO_BUCKETS,
      "Share of a request's drafted tokens that were accepted.",
    ),
  ],
};

export const COMPONENT: CatalogueSection = {
  title: "Component",
  stability: "reference",
  intro:
    "Names and labels are those of Dynamo's TensorRT-LLM component. A series appears when there is something to count; with " +
    "several engines each has the label `engine` on top. What only who handles requests can see (`aborted`, `request_type`) " +
    "never appears here.",
  metrics: [...BACKEND_METRICS, ...WORKER_METRICS, ...ADDITIONAL_METRICS],
};

export const DERIVED: CatalogueSection = {
  title: "TensorRT-LLM, derived",
  stability: "reference",
  intro:
    "Made of the engine's iteration statistics, for an engine that has no Prometheus page of its own; one that has exposes " +
    "these itself, and kvcast does not.",
  metrics: DERIVED_METRICS,
};
