/** Metrics that others have, or that one might look for, and why they are not on the page. MAIN THREAD; data. */

interface LeftOut {
  /** Whole names. */
  readonly names: readonly string[];
  readonly reason: string;
}

const ZMQ_METRICS = [
  "dynamo_component_kv_publisher_zmq_events_total",
  "dynamo_component_kv_publisher_zmq_filtered_events_total",
  "dynamo_component_kv_publisher_zmq_conversion_issues_total",
  "dynamo_component_kv_publisher_zmq_suspicious_events_total",
];

export const LEFT_OUT: readonly LeftOut[] = [
  {
    names: ZMQ_METRICS,
    reason:
      "kvcast filters by rules of its own, and the reasons of Dynamo's have no counterpart: " +
      "`kvcast_source_received_events_total`, `kvcast_filtered_events_total` and `kvcast_invalid_events_total` say what became of " +
      "each event.",
  },
  {
    names: ["kvcast_event_loop_delay_seconds", "kvcast_event_loop_utilization_ratio"],
    reason:
      "Of the main thread, which has an event loop that matters, `nodejs_eventloop_lag_*` tell. The others sleep in a wait of " +
      "their own, which would look like work without end.",
  },
  {
    names: ["kvcast_http_request_duration_seconds"],
    reason:
      "Answers come from memory. The two that take time have metrics of their own: `kvcast_metrics_collect_duration_seconds` and " +
      "`kvcast_snapshot_duration_seconds`.",
  },
  {
    names: ["kvcast_config_info"],
    reason: "A hash of the options would say that two differ and not in what, and it would be one of secrets too.",
  },
];
