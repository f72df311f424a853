/** Scenarios of the alerts on the engine's own metrics and on Dynamo's. */
import type { AlertScenarios, InputSeries } from "./scenario.ts";

const SUCCESS = 'trtllm_request_success_total{model_name="m",engine_type="pytorch",finished_reason="stop"}';

/** A histogram of 60 requests a minute: 80 minutes below `before`, then below `after`. */
function slower(metric: string, before: string, after: string): InputSeries {
  return {
    [`${metric}_bucket{le="${before}"}`]: "0+60x80 4800x30",
    [`${metric}_bucket{le="${after}"}`]: "0+60x110",
    [`${metric}_bucket{le="+Inf"}`]: "0+60x110",
    [`${metric}_count`]: "0+60x110",
  };
}

function dynamo(metric: string, labels: string): string {
  return `${metric}{job="dynamo",${labels}}`;
}

const WORKER = 'dynamo_namespace="dynamo",dynamo_component="backend",dynamo_endpoint="generate"';
const REQUESTS = dynamo(
  "dynamo_frontend_requests_total",
  'model="m",endpoint="chat_completions",request_type="stream",status="success",error_type=""',
);
const FROM_WORKER = { job: "dynamo", dynamo_component: "backend", dynamo_endpoint: "generate" };

export const SERVING_SCENARIOS: readonly AlertScenarios[] = [
  {
    alert: "KvcastEngineSuccessRateLow",
    firing: [
      {
        why: "one in ten ends in an error",
        series: { 'trtllm_request_error_total{http_code="500"}': "0+6x40", [SUCCESS]: "0+54x40" },
        at: "20m",
        labels: {},
        says: "10% of the requests of an engine at w1:8081 end in an error.",
      },
    ],
    silent: [
      {
        why: "one error, and nothing else",
        series: { 'trtllm_request_error_total{http_code="500"}': "0x5 1x40", [SUCCESS]: "0x45" },
        at: "15m",
      },
      {
        why: "an engine that counts no errors",
        series: { [SUCCESS]: "0+54x40" },
        at: "20m",
      },
    ],
  },
  {
    alert: "KvcastEngineSuccessRateFalling",
    firing: [
      {
        why: "as many in work, a tenth comes out",
        series: { [SUCCESS]: "0+60x80 4800+6x40", trtllm_num_requests_running: "8x120" },
        at: "100m",
        labels: {},
        says: "An engine at w1:8081 completes 0.10 requests a second, less than half as many as an hour ago.",
      },
    ],
    silent: [
      {
        why: "fewer come in",
        series: { [SUCCESS]: "0+60x80 4800+6x40", trtllm_num_requests_running: "8x80 1x40" },
        at: "100m",
      },
      {
        why: "a restart of the engine",
        series: { [SUCCESS]: "0+60x80 0+60x40", trtllm_num_requests_running: "8x120" },
        at: "100m",
      },
    ],
  },
  {
    alert: "KvcastEngineLatencyJump",
    firing: [
      {
        why: "from two seconds to ten",
        series: slower("trtllm_e2e_request_latency_seconds", "2", "10"),
        at: "100m",
        labels: {},
        says: "1 % of the requests of an engine at w1:8081 take longer than 9.92s, twice as long as an hour ago.",
      },
    ],
    silent: [
      {
        why: "as slow as ever",
        series: slower("trtllm_e2e_request_latency_seconds", "9", "10"),
        at: "70m",
      },
    ],
  },
  {
    alert: "KvcastEngineQueueTimeAbnormal",
    firing: [
      {
        why: "from nothing to twenty seconds",
        series: slower("trtllm_request_queue_time_seconds", "0.3", "20"),
        at: "100m",
        labels: {},
        says: "5 % of the requests of an engine at w1:8081 wait longer than 19.02s before they are scheduled.",
      },
    ],
    silent: [
      {
        why: "still below a second",
        series: slower("trtllm_request_queue_time_seconds", "0.3", "0.8"),
        at: "100m",
      },
    ],
  },
  {
    alert: "KvcastDynamoRequestRateDrop",
    firing: [
      {
        why: "a tenth of the hour before",
        series: { [REQUESTS]: "0+60x80 4800+6x40" },
        at: "100m",
        labels: { job: "dynamo", instance: null, model: "m" },
        says: "The frontend answers 0.10 requests a second for m, less than a third of an hour ago.",
      },
    ],
    silent: [
      { why: "there never were many", series: { [REQUESTS]: "0+3x80 240x40" }, at: "100m" },
      { why: "a restart of the frontend", series: { [REQUESTS]: "0+60x80 0+60x40" }, at: "100m" },
    ],
  },
  {
    alert: "KvcastDynamoInflightHigh",
    firing: [
      {
        why: "ten times as many as usual",
        series: { [dynamo("dynamo_component_inflight_requests", WORKER)]: "8x80 80x40" },
        at: "95m",
        labels: FROM_WORKER,
        says: "backend at w1:8081 has had 80 requests in flight for 5 minutes.",
      },
    ],
    silent: [
      {
        why: "busy as usual",
        series: { [dynamo("dynamo_component_inflight_requests", WORKER)]: "60x80 80x40" },
        at: "95m",
      },
      {
        why: "few",
        series: { [dynamo("dynamo_component_inflight_requests", WORKER)]: "1x80 12x40" },
        at: "95m",
      },
    ],
  },
  {
    alert: "KvcastDynamoResponseBytesStalled",
    firing: [
      {
        why: "requests hang",
        series: {
          [dynamo("dynamo_component_inflight_requests", WORKER)]: "4x30",
          [dynamo("dynamo_component_response_bytes_total", WORKER)]: "0+900x5 4500x30",
        },
        at: "20m",
        labels: FROM_WORKER,
        says: "backend at w1:8081 has 4 requests in flight, and has sent no byte for 5 minutes.",
      },
    ],
    silent: [
      {
        why: "an idle worker",
        series: {
          [dynamo("dynamo_component_inflight_requests", WORKER)]: "4x5 0x30",
          [dynamo("dynamo_component_response_bytes_total", WORKER)]: "0+900x5 4500x30",
        },
        at: "20m",
      },
    ],
  },
  {
    alert: "KvcastDynamoFrontendQueueHigh",
    firing: [
      {
        why: "in the queue of a newer frontend",
        series: {
          [dynamo("dynamo_frontend_router_queue_pending_requests", 'model="m",worker_type="decode",policy_class="a"')]:
            "12x30",
          [dynamo("dynamo_frontend_router_queue_pending_requests", 'model="m",worker_type="decode",policy_class="b"')]:
            "8x30",
        },
        at: "15m",
        labels: { job: "dynamo", model: "m" },
        says: "20 requests for m have waited in the frontend w1:8081 for 5 minutes.",
      },
      {
        why: "in the queue of an older one",
        series: { [dynamo("dynamo_frontend_queued_requests", 'model="m"')]: "30x30" },
        at: "15m",
        labels: { job: "dynamo", model: "m" },
        says: "30 requests for m have waited in the frontend w1:8081 for 5 minutes.",
      },
    ],
    silent: [
      {
        why: "a burst that is worked off",
        series: { [dynamo("dynamo_frontend_queued_requests", 'model="m"')]: "0x3 40 40 2 0x30" },
        at: "10m",
      },
    ],
  },
];
