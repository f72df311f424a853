/** Alerts about what is read: engines and their events, and the consolidator's sources. MAIN THREAD; data. */
import type { RuleGroup } from "./rule-model.ts";

/** Of several engines the engines' own metrics have the label `engine`, of a single one they have not. */
const BUSY_ENGINES = [
  '  max by (job, instance, engine) (min_over_time(trtllm_num_requests_running{$job,engine!=""}[5m])) > 0',
  "  or",
  '  kvcast_source_up{$job,kind="http"} and on (job, instance)',
  '  (max by (job, instance) (min_over_time(trtllm_num_requests_running{$job,engine=""}[5m])) > 0)',
].join("\n");

export const SOURCE_ALERTS: RuleGroup = {
  name: "kvcast.source",
  rules: [
    {
      alert: "KvcastEngineDown",
      expr: "kvcast_source_up{$job} == 0",
      for: "2m",
      severity: "critical",
      summary: "An engine cannot be read.",
      description:
        "{{ $labels.instance }} has not been able to read engine {{ $labels.engine }} ({{ $labels.kind }}) for 2 minutes.",
    },
    {
      alert: "KvcastEngineEventsStalled",
      expr: [
        "(time() - kvcast_source_last_event_timestamp_seconds{$job} > 300)",
        "and on (job, instance, engine) (",
        BUSY_ENGINES,
        ")",
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "An engine works on requests and tells of no event.",
      description:
        "Engine {{ $labels.engine }} has had requests in work for 5 minutes, and {{ $labels.instance }} has read no event of it in that time.",
    },
    {
      alert: "KvcastEngineEventLoss",
      expr: "sum without (dp_rank) (increase(kvcast_source_sequence_gaps_total{$job}[10m])) > 0",
      severity: "warning",
      summary: "Events of an engine were lost before kvcast could read them.",
      description:
        "{{ $value | humanize }} event ids of engine {{ $labels.engine }} are missing within 10 minutes at {{ $labels.instance }}.",
    },
    {
      alert: "KvcastEngineEventLossHigh",
      expr: [
        "engine:kvcast_source_id_gap_events_per_received_events:ratio_rate5m{$job} > 0.01",
        "and engine:kvcast_source_received_events:rate5m{$job} > 0.1",
      ].join("\n"),
      for: "10m",
      severity: "critical",
      summary: "An engine loses more than 1 % of its events before kvcast can read them.",
      description:
        "{{ $value | humanizePercentage }} of the events of engine {{ $labels.engine }} do not reach {{ $labels.instance }}.",
    },
    {
      alert: "KvcastEngineBufferNearlyFull",
      expr: [
        "histogram_quantile(0.99, sum by (job, instance, engine, le) (rate(trtllm_kv_event_drain_batch_size_bucket{$job}[5m])))",
        "/ max by (job, instance, engine) (trtllm_kv_event_buffer_capacity{$job}) > 0.8",
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "An engine's event buffer is nearly full when it is read.",
      description:
        "1 % of the answers read at {{ $labels.instance }} hold {{ $value | humanizePercentage }} of the engine's event buffer; beyond it events are lost.",
    },
    {
      alert: "KvcastKvCacheSaturated",
      expr: [
        "max by (job, instance, engine) (min_over_time(dynamo_component_gpu_cache_usage_percent{$job}[10m])) > 0.95",
        "and max by (job, instance, engine) (trtllm_num_requests_waiting{$job}) > 0",
      ].join("\n"),
      for: "2m",
      severity: "warning",
      summary: "An engine's KV cache is full and requests wait.",
      description:
        "{{ $value | humanizePercentage }} of the KV cache of an engine at {{ $labels.instance }} has been in use for 10 minutes, and requests wait.",
    },
    {
      alert: "KvcastInvalidEvents",
      expr: "sum without (reason) (rate(kvcast_invalid_events_total{$job}[5m])) > 0",
      for: "10m",
      severity: "warning",
      summary: "An engine sends events that are malformed.",
      description:
        "{{ printf `%.2f` $value }} events a second of engine {{ $labels.engine }} are malformed at {{ $labels.instance }} and are left out.",
    },
    {
      alert: "KvcastEngineSettingMismatch",
      expr: "kvcast_engine_setting_mismatch{$job} == 1",
      for: "2m",
      severity: "warning",
      summary: "An engine's settings contradict those of kvcast.",
      description:
        "The setting {{ $labels.setting }} of engine {{ $labels.engine }} is not what {{ $labels.instance }} is configured for: routers may find no prefix.",
    },
    {
      alert: "KvcastConsolidatorSourceLoss",
      expr: "increase(kvcast_consolidator_source_lost_messages_total{$job}[10m]) > 0",
      severity: "warning",
      summary: "A consolidator missed messages of a source for good.",
      description:
        "{{ $value | humanize }} messages of source {{ $labels.source }} are lost within 10 minutes at {{ $labels.instance }}.",
    },
  ],
};
