/** The figures that alerts and boards share, computed once. MAIN THREAD; data. */
import type { RuleGroup } from "./rule-model.ts";

/**
 * From hand-over to the sink to its end: for ZMQ from accepting an event on, for NATS from sending on. What is left of the way
 * of an event beside its age when it was read.
 */
const TO_SINK_P99 = [
  "  histogram_quantile(0.99, rate(kvcast_pipeline_latency_seconds_bucket{$job}[5m]))",
  "  or",
  "  histogram_quantile(0.99, rate(kvcast_sink_ack_duration_seconds_bucket{$job}[5m]))",
].join("\n");

/** The equations of the books. Each is 0 whenever the page is made; all are kept apart by `part`, so that none hides another. */
const BOOKS: readonly (readonly [part: string, expr: string])[] = [
  [
    "source",
    "sum without (engine, event_type) (kvcast_source_received_events_total{$job})" +
      " + sum without (engine, reason) (kvcast_injected_events_total{$job})" +
      " - sum without (engine) (kvcast_source_duplicate_events_total{$job})" +
      " - sum without (engine, reason) (kvcast_filtered_events_total{$job})" +
      " - sum without (engine, reason) (kvcast_invalid_events_total{$job})" +
      " - sum without (reason) (kvcast_ring_dropped_events_total{$job})" +
      " - kvcast_ring_enqueued_events_total{$job}",
  ],
  [
    "consolidator",
    "sum without (source, event_type) (kvcast_consolidator_received_events_total{$job})" +
      " - sum without (source, reason) (kvcast_consolidator_skipped_events_total{$job})" +
      " - sum without (source) (kvcast_consolidator_applied_events_total{$job})",
  ],
  [
    "published",
    "sum without (event_type) (kvcast_consolidator_published_events_total{$job})" +
      " - kvcast_consolidator_waiting_events{$job}" +
      " - kvcast_ring_enqueued_events_total{$job}",
  ],
  [
    "zmq",
    "kvcast_ring_dequeued_events_total{$job}" +
      ' - sum without (sink, event_type) (kvcast_sink_sent_events_total{$job,sink="zmq"})' +
      ' - sum without (sink, reason) (kvcast_sink_dropped_events_total{$job,sink="zmq"})',
  ],
  [
    "nats",
    "kvcast_ring_dequeued_events_total{$job}" +
      ' - sum without (sink, event_type) (kvcast_sink_sent_events_total{$job,sink="nats"})' +
      ' - sum without (sink, reason) (kvcast_sink_dropped_events_total{$job,sink="nats"})' +
      ' - sum without (sink) (kvcast_sink_pending_events{$job,sink="nats"})',
  ],
];

export const RECORDING: RuleGroup = {
  name: "kvcast.recording",
  rules: [
    {
      record: "engine:kvcast_source_received_events:rate5m",
      expr: "sum without (event_type) (rate(kvcast_source_received_events_total{$job}[5m]))",
    },
    {
      record: "engine:kvcast_source_id_gap_events_per_received_events:ratio_rate5m",
      expr: [
        "sum without (dp_rank) (rate(kvcast_source_sequence_gaps_total{$job}[5m]))",
        "/",
        "(",
        "  sum without (dp_rank) (rate(kvcast_source_sequence_gaps_total{$job}[5m]))",
        "  + sum without (event_type) (rate(kvcast_source_received_events_total{$job}[5m]))",
        ")",
      ].join("\n"),
    },
    {
      record: "instance_sink:kvcast_sink_sent_events:rate5m",
      expr: "sum without (event_type) (rate(kvcast_sink_sent_events_total{$job}[5m]))",
    },
    {
      record: "instance_sink:kvcast_sink_dropped_events:rate5m",
      expr: "sum without (reason) (rate(kvcast_sink_dropped_events_total{$job}[5m]))",
    },
    {
      record: "instance:kvcast_lost_events:increase5m",
      expr: [
        "sum without (reason) (increase(kvcast_ring_dropped_events_total{$job}[5m]))",
        "+ sum without (reason) (increase(kvcast_encode_dropped_events_total{$job}[5m]))",
        "+ sum without (sink, reason) (increase(kvcast_sink_dropped_events_total{$job}[5m]))",
      ].join("\n"),
    },
    {
      record: "instance_sink:kvcast_event_age_seconds:p99_5m",
      // Built-in engines and consolidators know no age when they read: there the way to the sink is all.
      expr: [
        "(",
        TO_SINK_P99,
        ")",
        "+ on (job, instance) group_left ()",
        "histogram_quantile(0.99, sum by (job, instance, le) (rate(kvcast_event_age_seconds_bucket{$job}[5m])))",
        "or",
        "(",
        TO_SINK_P99,
        ")",
      ].join("\n"),
    },
    {
      record: "instance_ring:kvcast_ring_occupied_slots_per_capacity:ratio",
      expr: "kvcast_ring_occupied_slots{$job} / kvcast_ring_capacity_slots{$job}",
    },
    {
      record: "instance:kvcast_unaccounted_events:sum",
      expr: [
        "sum without (part) (",
        BOOKS.map(([part, expr]) => `  label_replace(abs(${expr}), "part", "${part}", "", "")`).join("\n  or\n"),
        ")",
      ].join("\n"),
    },
  ],
};
