/**
 * Alerts about requests: on the engine's own metrics, which kvcast has on its page, and on those of Dynamo's frontend and
 * workers, which Prometheus scrapes from them. MAIN THREAD; data.
 *
 * What is usual differs from model to model. So most compare now with half an hour, an hour ago: after an hour and a half at most they
 * take what they see for usual, and end.
 */
import type { RuleGroup } from "./rule-model.ts";

const BY_ENGINE = "by (job, instance, engine)";

function engineRate(metric: string, window: string): string {
  return `sum ${BY_ENGINE} (rate(${metric}{$job}[${window}]))`;
}

function engineQuantile(quantile: number, metric: string, window: string): string {
  return `histogram_quantile(${quantile}, sum by (job, instance, engine, le) (rate(${metric}_bucket{$job}${window})))`;
}

/** Behind a metric: half an hour, an hour ago. So far back that the trouble is not yet what is usual. */
const USUAL = "[30m] offset 1h";

export const ENGINE_ALERTS: RuleGroup = {
  name: "kvcast.engine",
  rules: [
    {
      alert: "KvcastEngineSuccessRateLow",
      expr: [
        engineRate("trtllm_request_error_total", "10m"),
        `/ (${engineRate("trtllm_request_error_total", "10m")} + ${engineRate("trtllm_request_success_total", "10m")}) > 0.05`,
        `and ${engineRate("trtllm_request_error_total", "10m")} > 0.01`,
      ].join("\n"),
      for: "5m",
      severity: "critical",
      summary: "Requests of an engine fail.",
      description:
        "{{ $value | humanizePercentage }} of the requests of an engine at {{ $labels.instance }} end in an error.",
    },
    {
      alert: "KvcastEngineSuccessRateFalling",
      // Fewer requests in work would be less load, and no trouble.
      expr: [
        engineRate("trtllm_request_success_total", "10m"),
        `< 0.5 * sum ${BY_ENGINE} (rate(trtllm_request_success_total{$job}${USUAL}))`,
        `and sum ${BY_ENGINE} (rate(trtllm_request_success_total{$job}${USUAL})) > 0.1`,
        `and max ${BY_ENGINE} (avg_over_time(trtllm_num_requests_running{$job}[10m]))`,
        `  >= 0.8 * max ${BY_ENGINE} (avg_over_time(trtllm_num_requests_running{$job}${USUAL}))`,
        `and max ${BY_ENGINE} (avg_over_time(trtllm_num_requests_running{$job}[10m])) > 0`,
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "An engine completes far fewer requests than an hour ago, with as many in work.",
      description:
        "An engine at {{ $labels.instance }} completes {{ printf `%.2f` $value }} requests a second, less than half as many as an hour ago.",
    },
    {
      alert: "KvcastEngineLatencyJump",
      expr: [
        `${engineQuantile(0.99, "trtllm_e2e_request_latency_seconds", "[10m]")} > 1`,
        `and ${engineQuantile(0.99, "trtllm_e2e_request_latency_seconds", "[10m]")}`,
        `  > 2 * ${engineQuantile(0.99, "trtllm_e2e_request_latency_seconds", USUAL)}`,
        `and ${engineRate("trtllm_e2e_request_latency_seconds_count", "10m")} > 0.05`,
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "Requests of an engine take twice as long as an hour ago.",
      description:
        "1 % of the requests of an engine at {{ $labels.instance }} take longer than {{ $value | humanizeDuration }}, twice as long as an hour ago.",
    },
    {
      alert: "KvcastEngineQueueTimeAbnormal",
      expr: [
        `${engineQuantile(0.95, "trtllm_request_queue_time_seconds", "[10m]")} > 1`,
        `and ${engineQuantile(0.95, "trtllm_request_queue_time_seconds", "[10m]")}`,
        `  > 3 * ${engineQuantile(0.95, "trtllm_request_queue_time_seconds", USUAL)}`,
        `and ${engineRate("trtllm_request_queue_time_seconds_count", "10m")} > 0.05`,
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "Requests of an engine wait three times as long as an hour ago.",
      description:
        "5 % of the requests of an engine at {{ $labels.instance }} wait longer than {{ $value | humanizeDuration }} before they are scheduled.",
    },
  ],
};

const BY_WORKER = "by (job, instance, dynamo_component, dynamo_endpoint)";

export const DYNAMO_ALERTS: RuleGroup = {
  name: "kvcast.dynamo",
  rules: [
    {
      alert: "KvcastDynamoRequestRateDrop",
      expr: [
        "sum by (job, model) (rate(dynamo_frontend_requests_total{$dynamo}[10m]))",
        `< 0.3 * sum by (job, model) (rate(dynamo_frontend_requests_total{$dynamo}${USUAL}))`,
        `and sum by (job, model) (rate(dynamo_frontend_requests_total{$dynamo}${USUAL})) > 0.5`,
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "Dynamo's frontend gets far fewer requests than an hour ago.",
      description:
        "The frontend answers {{ printf `%.2f` $value }} requests a second for {{ $labels.model }}, less than a third of an hour ago.",
    },
    {
      alert: "KvcastDynamoInflightHigh",
      expr: [
        `sum ${BY_WORKER} (min_over_time(dynamo_component_inflight_requests{$dynamo}[5m])) > 16`,
        `and sum ${BY_WORKER} (min_over_time(dynamo_component_inflight_requests{$dynamo}[5m]))`,
        `  > 3 * sum ${BY_WORKER} (avg_over_time(dynamo_component_inflight_requests{$dynamo}${USUAL}))`,
      ].join("\n"),
      for: "5m",
      severity: "warning",
      summary: "A worker of Dynamo has three times as many requests in flight as an hour ago.",
      description:
        "{{ $labels.dynamo_component }} at {{ $labels.instance }} has had {{ $value }} requests in flight for 5 minutes.",
    },
    {
      alert: "KvcastDynamoResponseBytesStalled",
      expr: [
        `sum ${BY_WORKER} (min_over_time(dynamo_component_inflight_requests{$dynamo}[5m])) > 0`,
        `and sum ${BY_WORKER} (rate(dynamo_component_response_bytes_total{$dynamo}[5m])) == 0`,
      ].join("\n"),
      for: "2m",
      severity: "critical",
      summary: "A worker of Dynamo has requests in flight and answers nothing.",
      description:
        "{{ $labels.dynamo_component }} at {{ $labels.instance }} has {{ $value }} requests in flight, and has sent no byte for 5 minutes.",
    },
    {
      alert: "KvcastDynamoFrontendQueueHigh",
      // Newer frontends have the first, older ones the second.
      expr: [
        "(",
        "  sum by (job, instance, model) (min_over_time(dynamo_frontend_router_queue_pending_requests{$dynamo}[5m]))",
        "  or",
        "  sum by (job, instance, model) (min_over_time(dynamo_frontend_queued_requests{$dynamo}[5m]))",
        ") > 10",
      ].join("\n"),
      for: "2m",
      severity: "warning",
      summary: "Requests queue in Dynamo's frontend.",
      description:
        "{{ $value }} requests for {{ $labels.model }} have waited in the frontend {{ $labels.instance }} for 5 minutes.",
    },
  ],
};
