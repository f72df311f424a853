/** Scenarios of the alerts about engines and sources. */
import type { AlertScenarios } from "./scenario.ts";

const LAST_EVENT = "kvcast_source_last_event_timestamp_seconds";

export const SOURCE_SCENARIOS: readonly AlertScenarios[] = [
  {
    alert: "KvcastEngineDown",
    firing: [
      {
        why: "one of two engines does not answer",
        series: {
          'kvcast_source_up{engine="a",kind="http"}': "1x2 0x10",
          'kvcast_source_up{engine="b",kind="http"}': "1x12",
        },
        at: "6m",
        labels: { engine: "a", kind: "http" },
        says: "w1:8081 has not been able to read engine a (http) for 2 minutes.",
      },
    ],
    silent: [
      { why: "one poll fails", series: { 'kvcast_source_up{engine="a",kind="http"}': "1 1 0 1 1 1 1" }, at: "5m" },
    ],
  },
  {
    alert: "KvcastEngineEventsStalled",
    firing: [
      {
        why: "a single engine, whose own metrics name no engine",
        series: {
          [`${LAST_EVENT}{engine="a"}`]: "60x30",
          'kvcast_source_up{engine="a",kind="http"}': "1x30",
          'trtllm_num_requests_running{model_name="m",engine_type="pytorch",pid="7"}': "3x30",
        },
        at: "15m",
        labels: { engine: "a" },
        says: "Engine a has had requests in work for 5 minutes, and w1:8081 has read no event of it in that time.",
      },
      {
        why: "one of two, which never told of an event",
        series: {
          [`${LAST_EVENT}{engine="a"}`]: "0x30",
          [`${LAST_EVENT}{engine="b"}`]: "0+60x30",
          'kvcast_source_up{engine="a",kind="http"}': "1x30",
          'kvcast_source_up{engine="b",kind="http"}': "1x30",
          'trtllm_num_requests_running{engine="a"}': "3x30",
          'trtllm_num_requests_running{engine="b"}': "3x30",
        },
        at: "15m",
        labels: { engine: "a" },
        says: "Engine a has had requests in work for 5 minutes, and w1:8081 has read no event of it in that time.",
      },
    ],
    silent: [
      {
        why: "an idle engine has nothing to tell",
        series: {
          [`${LAST_EVENT}{engine="a"}`]: "60x30",
          'kvcast_source_up{engine="a",kind="http"}': "1x30",
          trtllm_num_requests_running: "0x30",
        },
        at: "15m",
      },
      {
        why: "it is idle now and then",
        series: {
          [`${LAST_EVENT}{engine="a"}`]: "60x30",
          'kvcast_source_up{engine="a",kind="http"}': "1x30",
          trtllm_num_requests_running: "2 2 0 2 2 0 2 2 0 2 2 0 2 2 0 2 2 0",
        },
        at: "15m",
      },
      {
        why: "the busy one is another, and this one comes over ZMQ",
        series: {
          [`${LAST_EVENT}{engine="z"}`]: "60x30",
          [`${LAST_EVENT}{engine="a"}`]: "0+60x30",
          'kvcast_source_up{engine="z",kind="zmq"}': "1x30",
          'kvcast_source_up{engine="a",kind="http"}': "1x30",
          trtllm_num_requests_running: "3x30",
        },
        at: "15m",
      },
    ],
  },
  {
    alert: "KvcastEngineEventLoss",
    firing: [
      {
        why: "a gap on one rank",
        series: {
          'kvcast_source_sequence_gaps_total{engine="a",dp_rank="0"}': "0x3 5x10",
          'kvcast_source_sequence_gaps_total{engine="a",dp_rank="1"}': "0x13",
        },
        at: "5m",
        labels: { engine: "a" },
        says: "5 event ids of engine a are missing within 10 minutes at w1:8081.",
      },
    ],
    silent: [
      {
        why: "an old gap, and a restart of kvcast",
        series: { 'kvcast_source_sequence_gaps_total{engine="a",dp_rank="0"}': "7x12 0x10" },
        at: "18m",
      },
    ],
  },
  {
    alert: "KvcastEngineEventLossHigh",
    firing: [
      {
        why: "2 in 102 are missing for long",
        series: {
          'kvcast_source_sequence_gaps_total{engine="a",dp_rank="0"}': "0+12x30",
          'kvcast_source_received_events_total{engine="a",event_type="stored"}': "0+300x30",
          'kvcast_source_received_events_total{engine="a",event_type="removed"}': "0+300x30",
        },
        at: "15m",
        labels: { engine: "a" },
        says: "1.961% of the events of engine a do not reach w1:8081.",
      },
    ],
    silent: [
      {
        why: "1 in 200",
        series: {
          'kvcast_source_sequence_gaps_total{engine="a",dp_rank="0"}': "0+3x30",
          'kvcast_source_received_events_total{engine="a",event_type="stored"}': "0+600x30",
        },
        at: "15m",
      },
      {
        why: "half of next to nothing",
        series: {
          'kvcast_source_sequence_gaps_total{engine="a",dp_rank="0"}': "0+1x30",
          'kvcast_source_received_events_total{engine="a",event_type="stored"}': "0+1x30",
        },
        at: "15m",
      },
    ],
  },
  {
    alert: "KvcastEngineBufferNearlyFull",
    firing: [
      {
        why: "answers hold more than the last power of two below the capacity",
        series: {
          'trtllm_kv_event_drain_batch_size_bucket{le="512"}': "0+0x20",
          'trtllm_kv_event_drain_batch_size_bucket{le="1024"}': "0+10x20",
          'trtllm_kv_event_drain_batch_size_bucket{le="+Inf"}': "0+10x20",
          trtllm_kv_event_buffer_capacity: "1024x20",
        },
        at: "12m",
        labels: {},
        says: "1 % of the answers read at w1:8081 hold 99.5% of the engine's event buffer; beyond it events are lost.",
      },
    ],
    silent: [
      {
        why: "answers are small, and then the engine is idle",
        series: {
          'trtllm_kv_event_drain_batch_size_bucket{le="512"}': "0+10x8 80x20",
          'trtllm_kv_event_drain_batch_size_bucket{le="1024"}': "0+10x8 80x20",
          'trtllm_kv_event_drain_batch_size_bucket{le="+Inf"}': "0+10x8 80x20",
          trtllm_kv_event_buffer_capacity: "1024x30",
        },
        at: "20m",
      },
    ],
  },
  {
    alert: "KvcastKvCacheSaturated",
    firing: [
      {
        why: "full, and requests wait",
        series: {
          'dynamo_component_gpu_cache_usage_percent{model="m",dynamo_component="backend",dp_rank="0"}': "0.98x20",
          'dynamo_component_gpu_cache_usage_percent{model="m",dynamo_component="backend",dp_rank="1"}': "0.5x20",
          trtllm_num_requests_waiting: "4x20",
        },
        at: "15m",
        labels: {},
        says: "98% of the KV cache of an engine at w1:8081 has been in use for 10 minutes, and requests wait.",
      },
    ],
    silent: [
      {
        why: "full, as a cache should be, and nobody waits",
        series: {
          'dynamo_component_gpu_cache_usage_percent{dp_rank="0"}': "0.99x20",
          trtllm_num_requests_waiting: "0x20",
        },
        at: "15m",
      },
      {
        why: "full for a moment only",
        series: {
          'dynamo_component_gpu_cache_usage_percent{dp_rank="0"}': "0.6x8 0.99x3 0.6x10",
          trtllm_num_requests_waiting: "4x22",
        },
        at: "11m",
      },
    ],
  },
  {
    alert: "KvcastInvalidEvents",
    firing: [
      {
        why: "since an upgrade of the engine",
        series: {
          'kvcast_invalid_events_total{engine="a",reason="bad_type"}': "0x3 6+6x30",
          'kvcast_invalid_events_total{engine="a",reason="depth"}': "0x40",
        },
        at: "20m",
        labels: { engine: "a" },
        says: "0.10 events a second of engine a are malformed at w1:8081 and are left out.",
      },
    ],
    silent: [
      {
        why: "a single one",
        series: { 'kvcast_invalid_events_total{engine="a",reason="bad_type"}': "0x3 1x30" },
        at: "20m",
      },
    ],
  },
  {
    alert: "KvcastEngineSettingMismatch",
    firing: [
      {
        why: "another block size",
        series: {
          'kvcast_engine_setting_mismatch{engine="a",setting="tokens_per_block"}': "1x10",
          'kvcast_engine_setting_mismatch{engine="a",setting="hash_algorithm"}': "0x10",
        },
        at: "4m",
        labels: { engine: "a", setting: "tokens_per_block" },
        says: "The setting tokens_per_block of engine a is not what w1:8081 is configured for: routers may find no prefix.",
      },
    ],
    silent: [
      {
        why: "they agree",
        series: { 'kvcast_engine_setting_mismatch{engine="a",setting="tokens_per_block"}': "0x10" },
        at: "4m",
      },
    ],
  },
  {
    alert: "KvcastConsolidatorSourceLoss",
    firing: [
      {
        why: "a gap that no replay filled",
        series: { 'kvcast_consolidator_source_lost_messages_total{source="trtllm0"}': "0x3 4x10" },
        at: "6m",
        labels: { source: "trtllm0" },
        says: "4 messages of source trtllm0 are lost within 10 minutes at w1:8081.",
      },
    ],
    silent: [
      {
        why: "a restart of the consolidator",
        series: { 'kvcast_consolidator_source_lost_messages_total{source="trtllm0"}': "9x12 0x10" },
        at: "18m",
      },
    ],
  },
];
