/** Alerts about the way from the reader to subscribers: loss, delay, sinks, replay. MAIN THREAD; data. */
import type { AlertRule, RuleGroup } from "./rule-model.ts";

/** "99.9 % of events are out within a second": so much may be late. */
const BUDGET = 0.001;

/**
 * Share of what was late in a time. An event has two parts of its way that are timed: until it was read, and from there to the ZMQ
 * socket. It counts as late when either took more than half a second: what is not late by that was out within one. The bound
 * is one that has the same text in all versions of Prometheus, where 1 may become 1.0.
 */
function lateShare(window: string): string {
  const late = (metric: string, part: string, drop: string): string =>
    `  label_replace(1 - sum without (${drop}) (rate(${metric}_bucket{$job,le="0.5"}[${window}]))` +
    ` / sum without (${drop}) (rate(${metric}_count{$job}[${window}])), "part", "${part}", "", "")`;
  return [
    "sum without (part) (",
    // Without le on both sides, or the two would not match.
    late("kvcast_event_age_seconds", "read", "engine, source, le"),
    "  or",
    late("kvcast_pipeline_latency_seconds", "publish", "sink, le"),
    ")",
  ].join("\n");
}

/** Both windows must burn: the long one says that it matters, the short one that it still goes on. */
function burn(
  name: string,
  long: string,
  short: string,
  factor: number,
  rule: Pick<AlertRule, "for" | "severity" | "summary">,
): AlertRule {
  const limit = Number((factor * BUDGET).toPrecision(3));
  return {
    alert: name,
    expr: [
      `${lateShare(long)} > ${limit}`,
      `and ${lateShare(short)} > ${limit}`,
      // An idle engine's one late event is no budget.
      `and rate(kvcast_ring_dequeued_events_total{$job}[${short}]) > 0.1`,
    ].join("\n"),
    ...rule,
    description: `{{ $value | humanizePercentage }} of what {{ $labels.instance }} published in the last ${long} may have been out later than 1 s; the objective is 0.1%.`,
  };
}

export const PIPELINE_ALERTS: RuleGroup = {
  name: "kvcast.pipeline",
  rules: [
    {
      alert: "KvcastEventsLost",
      expr: "instance:kvcast_lost_events:increase5m{$job} > 0",
      severity: "warning",
      summary: "A kvcast gave up events.",
      description: "{{ $labels.instance }} dropped {{ $value | humanize }} events within 5 minutes.",
    },
    {
      alert: "KvcastEventsLostHigh",
      expr: [
        "instance:kvcast_lost_events:increase5m{$job}",
        "/ (increase(kvcast_ring_enqueued_events_total{$job}[5m]) > 30) > 0.001",
      ].join("\n"),
      for: "5m",
      severity: "critical",
      summary: "A kvcast gives up more than 0.1 % of its events.",
      description: "{{ $labels.instance }} drops {{ $value | humanizePercentage }} of its events.",
    },
    {
      alert: "KvcastRingNearlyFull",
      expr: "instance_ring:kvcast_ring_occupied_slots_per_capacity:ratio{$job} > 0.8",
      for: "5m",
      severity: "warning",
      summary: "The ring between reading and publishing is nearly full.",
      description: "{{ $value | humanizePercentage }} of the ring of {{ $labels.instance }} is in use.",
    },
    {
      alert: "KvcastBackpressure",
      expr: "rate(kvcast_ring_full_seconds_total{$job}[5m]) > 0.1",
      for: "5m",
      severity: "warning",
      summary: "Engines are not read for part of the time, because publishing is too slow.",
      description:
        "{{ $labels.instance }} pauses reading {{ $value | humanizePercentage }} of the time, because its ring is full.",
    },
    {
      alert: "KvcastEventAgeHigh",
      expr: [
        "instance_sink:kvcast_event_age_seconds:p99_5m{$job} > 1",
        "and instance_sink:kvcast_sink_sent_events:rate5m{$job} > 0.1",
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "Events are old when they are out.",
      description:
        "1 % of the events on sink {{ $labels.sink }} of {{ $labels.instance }} may be older than {{ $value | humanizeDuration }}.",
    },
    {
      alert: "KvcastBooksDoNotBalance",
      expr: "min_over_time(instance:kvcast_unaccounted_events:sum{$job}[15m:1m]) > 0",
      severity: "warning",
      summary: "A kvcast has events that are in none of its books.",
      description: "{{ $labels.instance }} cannot say what became of {{ $value }} events. This is a bug of kvcast.",
    },
    {
      alert: "KvcastSinkDown",
      expr: "kvcast_sink_up{$job} == 0",
      for: "2m",
      severity: "critical",
      summary: "A sink takes no events.",
      description: "Sink {{ $labels.sink }} of {{ $labels.instance }} has been down for 2 minutes.",
    },
    {
      alert: "KvcastSinkStalled",
      expr: [
        "instance_sink:kvcast_sink_sent_events:rate5m{$job} == 0",
        "and on (job, instance) rate(kvcast_ring_dequeued_events_total{$job}[5m]) > 0",
      ].join("\n"),
      for: "5m",
      severity: "critical",
      summary: "A sink is up, and nothing goes out on it.",
      description:
        "Sink {{ $labels.sink }} of {{ $labels.instance }} has sent nothing for 5 minutes while there were events.",
    },
    {
      alert: "KvcastSinkErrors",
      expr: [
        "sum without (reason) (rate(kvcast_sink_errors_total{$job}[5m]))",
        "/ (sum without (reason) (rate(kvcast_sink_errors_total{$job}[5m])) + rate(kvcast_sink_sent_batches_total{$job}[5m])) > 0.05",
        "and sum without (reason) (rate(kvcast_sink_errors_total{$job}[5m])) > 0.01",
      ].join("\n"),
      for: "10m",
      severity: "warning",
      summary: "Operations of a sink fail.",
      description:
        "{{ $value | humanizePercentage }} of the operations of sink {{ $labels.sink }} of {{ $labels.instance }} fail.",
    },
    {
      alert: "KvcastAckSlow",
      expr: "histogram_quantile(0.99, rate(kvcast_sink_ack_duration_seconds_bucket{$job}[5m])) > 1",
      for: "10m",
      severity: "warning",
      summary: "A sink confirms late.",
      description:
        "1 % of the confirmations of sink {{ $labels.sink }} of {{ $labels.instance }} take longer than {{ $value | humanizeDuration }}.",
    },
    {
      alert: "KvcastSinkFlapping",
      expr: "increase(kvcast_sink_reconnects_total{$job}[15m]) > 3",
      severity: "warning",
      summary: "The connection of a sink is lost again and again.",
      description:
        "Sink {{ $labels.sink }} of {{ $labels.instance }} was connected anew {{ $value | humanize }} times within 15 minutes.",
    },
    {
      alert: "KvcastNoSubscribers",
      expr: "kvcast_zmq_subscribers{$job} == 0",
      for: "15m",
      severity: "info",
      summary: "Nobody subscribes.",
      description: "{{ $labels.endpoint }} of {{ $labels.instance }} has had no subscriber for 15 minutes.",
    },
    {
      alert: "KvcastSubscriberQueueFull",
      expr: "increase(kvcast_zmq_subscriber_queue_full_total{$job}[10m]) > 0",
      severity: "warning",
      summary: "A subscriber is too slow and misses messages.",
      description:
        "A queue for a subscriber of {{ $labels.endpoint }} of {{ $labels.instance }} became full within 10 minutes.",
    },
    {
      alert: "KvcastReplayTooOld",
      expr: 'sum without (outcome) (increase(kvcast_replay_requests_total{$job,outcome=~"too_old|partial"}[10m])) > 0',
      severity: "warning",
      summary: "A subscriber asked for messages that are kept no more.",
      description:
        "{{ $value | humanize }} replays of {{ $labels.instance }} could not give all within 10 minutes: those subscribers must begin anew.",
    },
    burn("KvcastLatencyBudgetBurnFast", "1h", "5m", 14.4, {
      // A start is no hour yet: the first late seconds of one would be its whole rate.
      for: "2m",
      severity: "critical",
      summary: "Events are late, at a rate that uses up a month's allowance in two days.",
    }),
    burn("KvcastLatencyBudgetBurnSlow", "6h", "30m", 6, {
      for: "15m",
      severity: "warning",
      summary: "Events are late, at a rate that uses up a month's allowance in five days.",
    }),
  ],
};
