/** Scenarios of the alerts about loss, delay, sinks and replay. */
import type { AlertScenarios, InputSeries } from "./scenario.ts";

/** Counters of events that leave the ring, with nothing lost. */
const FLOW: InputSeries = {
  kvcast_ring_enqueued_events_total: "0+600x400",
  kvcast_ring_dequeued_events_total: "0+600x400",
};

const NO_LOSS: InputSeries = {
  'kvcast_ring_dropped_events_total{reason="shutdown"}': "0x60",
  'kvcast_encode_dropped_events_total{reason="poison"}': "0x60",
};

/** Books of a service with one sink. They balance when there are no duplicates. */
function books(duplicates: string): InputSeries {
  return {
    'kvcast_source_received_events_total{engine="a",event_type="stored"}': "0+1000x40",
    'kvcast_injected_events_total{engine="a",reason="start"}': "1x40",
    'kvcast_source_duplicate_events_total{engine="a"}': duplicates,
    'kvcast_filtered_events_total{engine="a",reason="created"}': "0x40",
    'kvcast_invalid_events_total{engine="a",reason="depth"}': "0+2x40",
    'kvcast_ring_dropped_events_total{reason="shutdown"}': "0x40",
    kvcast_ring_enqueued_events_total: "1+998x40",
    kvcast_ring_dequeued_events_total: "1+998x40",
    'kvcast_sink_sent_events_total{sink="zmq",event_type="stored"}': "1+998x40",
    'kvcast_sink_dropped_events_total{sink="zmq",reason="rejected"}': "0x40",
  };
}

/** `late` of 1000 events a minute took longer than half a second until they were read; the pipeline itself is quick. */
function ages(late: string, events: string = "0+1000x400"): InputSeries {
  return {
    'kvcast_event_age_seconds_bucket{engine="a",source="previous_drain",le="0.5"}': late,
    'kvcast_event_age_seconds_count{engine="a",source="previous_drain"}': events,
    'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="0.5"}': "0+100x400",
    'kvcast_pipeline_latency_seconds_count{sink="zmq"}': "0+100x400",
  };
}

export const PIPELINE_SCENARIOS: readonly AlertScenarios[] = [
  {
    alert: "KvcastEventsLost",
    firing: [
      {
        why: "NATS did not take them",
        series: { ...NO_LOSS, 'kvcast_sink_dropped_events_total{sink="nats",reason="buffer_full"}': "0x3 40x10" },
        at: "5m",
        labels: {},
        says: "w1:8081 dropped 40 events within 5 minutes.",
      },
    ],
    silent: [
      {
        why: "a loss of before, and a restart",
        series: { ...NO_LOSS, 'kvcast_sink_dropped_events_total{sink="nats",reason="buffer_full"}': "40x8 0x20" },
        at: "15m",
      },
    ],
  },
  {
    alert: "KvcastEventsLostHigh",
    firing: [
      {
        why: "1 % for ten minutes",
        series: { ...FLOW, ...NO_LOSS, 'kvcast_sink_dropped_events_total{sink="nats",reason="buffer_full"}': "0+6x60" },
        at: "12m",
        labels: {},
        says: "w1:8081 drops 1% of its events.",
      },
    ],
    silent: [
      {
        why: "one of a hundred thousand",
        series: {
          ...FLOW,
          ...NO_LOSS,
          'kvcast_sink_dropped_events_total{sink="nats",reason="buffer_full"}': "0x5 1x60",
        },
        at: "12m",
      },
      {
        why: "one of three",
        series: {
          ...NO_LOSS,
          kvcast_ring_enqueued_events_total: "0+0.5x60",
          'kvcast_sink_dropped_events_total{sink="nats",reason="buffer_full"}': "0x5 1x60",
        },
        at: "12m",
      },
    ],
  },
  {
    alert: "KvcastRingNearlyFull",
    firing: [
      {
        why: "15 of 16 slots",
        series: { kvcast_ring_occupied_slots: "15x20", kvcast_ring_capacity_slots: "16x20" },
        at: "8m",
        labels: {},
        says: "93.75% of the ring of w1:8081 is in use.",
      },
    ],
    silent: [
      {
        why: "a burst",
        series: { kvcast_ring_occupied_slots: "1x3 16x3 1x10", kvcast_ring_capacity_slots: "16x20" },
        at: "8m",
      },
    ],
  },
  {
    alert: "KvcastBackpressure",
    firing: [
      {
        why: "a fifth of the time",
        series: { kvcast_ring_full_seconds_total: "0+12x20" },
        at: "12m",
        labels: {},
        says: "w1:8081 pauses reading 20% of the time, because its ring is full.",
      },
    ],
    silent: [{ why: "a second now and then", series: { kvcast_ring_full_seconds_total: "0+1x20" }, at: "12m" }],
  },
  {
    alert: "KvcastEventAgeHigh",
    firing: [
      {
        why: "read late, sent quickly",
        series: {
          'kvcast_event_age_seconds_bucket{engine="a",source="previous_drain",le="1"}': "0x30",
          'kvcast_event_age_seconds_bucket{engine="a",source="previous_drain",le="2.5"}': "0+600x30",
          'kvcast_event_age_seconds_bucket{engine="a",source="previous_drain",le="+Inf"}': "0+600x30",
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="0.001"}': "0+100x30",
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="+Inf"}': "0+100x30",
          'kvcast_sink_sent_events_total{sink="zmq",event_type="stored"}': "0+600x30",
        },
        at: "12m",
        labels: { sink: "zmq" },
        says: "1 % of the events on sink zmq of w1:8081 may be older than 2.486s.",
      },
      {
        why: "a consolidator, which knows no age when it reads",
        series: {
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="1"}': "0x30",
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="2.5"}': "0+100x30",
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="+Inf"}': "0+100x30",
          'kvcast_sink_sent_events_total{sink="zmq",event_type="stored"}': "0+600x30",
        },
        at: "12m",
        labels: { sink: "zmq" },
        says: "1 % of the events on sink zmq of w1:8081 may be older than 2.485s.",
      },
    ],
    silent: [
      {
        why: "two old events of an idle engine",
        series: {
          'kvcast_event_age_seconds_bucket{engine="a",source="previous_drain",le="1"}': "0x30",
          'kvcast_event_age_seconds_bucket{engine="a",source="previous_drain",le="2.5"}': "0x3 2x30",
          'kvcast_event_age_seconds_bucket{engine="a",source="previous_drain",le="+Inf"}': "0x3 2x30",
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="0.001"}': "0x3 2x30",
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="+Inf"}': "0x3 2x30",
          'kvcast_sink_sent_events_total{sink="zmq",event_type="stored"}': "0x3 2x30",
        },
        at: "9m",
      },
    ],
  },
  {
    alert: "KvcastBooksDoNotBalance",
    firing: [
      {
        why: "one in a thousand is in no book",
        series: books("0+1x40"),
        at: "20m",
        labels: {},
        says: "w1:8081 cannot say what became of 5 events. This is a bug of kvcast.",
      },
    ],
    silent: [
      { why: "all are there", series: books("0x40"), at: "20m" },
      {
        why: "all are there, over a restart, with what waits for NATS",
        series: {
          ...books("0x40"),
          'kvcast_source_received_events_total{engine="a",event_type="stored"}': "0+1000x9 0+1000x30",
          'kvcast_invalid_events_total{engine="a",reason="depth"}': "0+2x9 0+2x30",
          kvcast_ring_enqueued_events_total: "1+998x9 1+998x30",
          kvcast_ring_dequeued_events_total: "1+998x9 1+998x30",
          'kvcast_sink_sent_events_total{sink="zmq",event_type="stored"}': "1+998x9 1+998x30",
          'kvcast_sink_sent_events_total{sink="nats",event_type="stored"}': "1+990x9 1+990x30",
          'kvcast_sink_dropped_events_total{sink="nats",reason="rejected"}': "0x40",
          'kvcast_sink_pending_events{sink="nats"}': "0+8x9 0+8x30",
        },
        at: "20m",
      },
    ],
  },
  {
    alert: "KvcastSinkDown",
    firing: [
      {
        why: "NATS is away",
        series: { 'kvcast_sink_up{sink="nats"}': "1x2 0x10", 'kvcast_sink_up{sink="zmq"}': "1x12" },
        at: "6m",
        labels: { sink: "nats" },
        says: "Sink nats of w1:8081 has been down for 2 minutes.",
      },
    ],
    silent: [{ why: "NATS is restarted", series: { 'kvcast_sink_up{sink="nats"}': "1x2 0 1x10" }, at: "6m" }],
  },
  {
    alert: "KvcastSinkStalled",
    firing: [
      {
        why: "nothing is confirmed",
        series: { ...FLOW, 'kvcast_sink_sent_events_total{sink="nats",event_type="stored"}': "50x30" },
        at: "15m",
        labels: { sink: "nats" },
        says: "Sink nats of w1:8081 has sent nothing for 5 minutes while there were events.",
      },
    ],
    silent: [
      {
        why: "there is nothing to send",
        series: {
          kvcast_ring_dequeued_events_total: "50x30",
          'kvcast_sink_sent_events_total{sink="nats",event_type="stored"}': "50x30",
        },
        at: "15m",
      },
    ],
  },
  {
    alert: "KvcastSinkErrors",
    firing: [
      {
        why: "one in ten fails",
        series: {
          'kvcast_sink_errors_total{sink="nats",reason="timeout"}': "0+6x30",
          'kvcast_sink_errors_total{sink="nats",reason="auth"}': "0x30",
          'kvcast_sink_sent_batches_total{sink="nats"}': "0+54x30",
        },
        at: "18m",
        labels: { sink: "nats" },
        says: "10% of the operations of sink nats of w1:8081 fail.",
      },
    ],
    silent: [
      {
        why: "one in a hundred fails",
        series: {
          'kvcast_sink_errors_total{sink="nats",reason="timeout"}': "0+6x30",
          'kvcast_sink_sent_batches_total{sink="nats"}': "0+594x30",
        },
        at: "18m",
      },
      {
        why: "one error while nothing is sent",
        series: {
          'kvcast_sink_errors_total{sink="nats",reason="timeout"}': "0x4 1x30",
          'kvcast_sink_sent_batches_total{sink="nats"}': "0x34",
        },
        at: "8m",
      },
    ],
  },
  {
    alert: "KvcastAckSlow",
    firing: [
      {
        why: "confirmations take two seconds",
        series: {
          'kvcast_sink_ack_duration_seconds_bucket{sink="nats",le="1"}': "0x30",
          'kvcast_sink_ack_duration_seconds_bucket{sink="nats",le="2.5"}': "0+60x30",
          'kvcast_sink_ack_duration_seconds_bucket{sink="nats",le="+Inf"}': "0+60x30",
        },
        at: "18m",
        labels: { sink: "nats" },
        says: "1 % of the confirmations of sink nats of w1:8081 take longer than 2.485s.",
      },
    ],
    silent: [
      {
        why: "milliseconds, and then nothing",
        series: {
          'kvcast_sink_ack_duration_seconds_bucket{sink="nats",le="0.01"}': "0+60x8 480x30",
          'kvcast_sink_ack_duration_seconds_bucket{sink="nats",le="+Inf"}': "0+60x8 480x30",
        },
        at: "18m",
      },
    ],
  },
  {
    alert: "KvcastSinkFlapping",
    firing: [
      {
        why: "lost every three minutes",
        series: { 'kvcast_sink_reconnects_total{sink="nats"}': "0 0 0 1 1 1 2 2 2 3 3 3 4 4 4 5" },
        at: "15m",
        labels: { sink: "nats" },
        says: "Sink nats of w1:8081 was connected anew 5 times within 15 minutes.",
      },
    ],
    silent: [
      { why: "two reconnects", series: { 'kvcast_sink_reconnects_total{sink="nats"}': "0x3 1x3 2x10" }, at: "15m" },
    ],
  },
  {
    alert: "KvcastNoSubscribers",
    firing: [
      {
        why: "nobody for twenty minutes",
        series: { 'kvcast_zmq_subscribers{endpoint="tcp://127.0.0.1:20081"}': "0x30" },
        at: "20m",
        labels: { endpoint: "tcp://127.0.0.1:20081" },
        says: "tcp://127.0.0.1:20081 of w1:8081 has had no subscriber for 15 minutes.",
      },
    ],
    silent: [
      {
        why: "the router is restarted",
        series: { 'kvcast_zmq_subscribers{endpoint="tcp://127.0.0.1:20081"}': "1x4 0x4 1x30" },
        at: "20m",
      },
    ],
  },
  {
    alert: "KvcastSubscriberQueueFull",
    firing: [
      {
        why: "once",
        series: { 'kvcast_zmq_subscriber_queue_full_total{endpoint="tcp://127.0.0.1:20081"}': "0x3 1x10" },
        at: "5m",
        labels: { endpoint: "tcp://127.0.0.1:20081" },
        says: "A queue for a subscriber of tcp://127.0.0.1:20081 of w1:8081 became full within 10 minutes.",
      },
    ],
    silent: [
      {
        why: "before a restart",
        series: { 'kvcast_zmq_subscriber_queue_full_total{endpoint="tcp://127.0.0.1:20081"}': "3x12 0x10" },
        at: "18m",
      },
    ],
  },
  {
    alert: "KvcastReplayTooOld",
    firing: [
      {
        why: "one got nothing, one a part",
        series: {
          'kvcast_replay_requests_total{outcome="too_old"}': "0x3 1x10",
          'kvcast_replay_requests_total{outcome="partial"}': "0x4 1x10",
          'kvcast_replay_requests_total{outcome="complete"}': "0+5x20",
        },
        at: "8m",
        labels: {},
        says: "2 replays of w1:8081 could not give all within 10 minutes: those subscribers must begin anew.",
      },
    ],
    silent: [
      {
        why: "all got what they asked for",
        series: {
          'kvcast_replay_requests_total{outcome="too_old"}': "0x20",
          'kvcast_replay_requests_total{outcome="complete"}': "0+5x20",
        },
        at: "8m",
      },
    ],
  },
];

/** The pair whose windows are hours long. */
export const BURN_SCENARIOS: readonly AlertScenarios[] = [
  {
    alert: "KvcastLatencyBudgetBurnFast",
    firing: [
      {
        why: "2 % are late for an hour",
        series: { ...FLOW, ...ages("0+980x400") },
        at: "70m",
        labels: {},
        says: "2% of what w1:8081 published in the last 1h may have been out later than 1 s; the objective is 0.1%.",
      },
    ],
    silent: [
      { why: "2 % were late, and are no more", series: { ...FLOW, ...ages("0+980x60 58800+1000x300") }, at: "70m" },
      {
        why: "one late event of an idle engine",
        series: {
          kvcast_ring_dequeued_events_total: "0x60 1x40",
          ...ages("0x400", "0x60 1x340"),
          'kvcast_pipeline_latency_seconds_bucket{sink="zmq",le="0.5"}': "0x60 1x340",
          'kvcast_pipeline_latency_seconds_count{sink="zmq"}': "0x60 1x340",
        },
        at: "70m",
      },
    ],
  },
  {
    alert: "KvcastLatencyBudgetBurnSlow",
    firing: [
      {
        why: "0.8 % are late for six hours",
        series: { ...FLOW, ...ages("0+992x400") },
        at: "380m",
        labels: {},
        says: "0.8% of what w1:8081 published in the last 6h may have been out later than 1 s; the objective is 0.1%.",
      },
    ],
    silent: [{ why: "the objective is kept", series: { ...FLOW, ...ages("0+9995x400", "0+10000x400") }, at: "380m" }],
  },
];
