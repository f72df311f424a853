/**
 * What a query may ask for: the catalogue, what Prometheus and Node bring along, and the metrics of others, which are written down
 * here as their documentation and sources have them.
 */
import { CATALOGUE } from "../src/main/metrics/catalogue.ts";
import { fullName } from "../src/main/metrics/metric-definition.ts";
import { isAlert } from "../src/main/observe/rules/rule-model.ts";
import { RULE_GROUPS } from "../src/main/observe/rules/rule-file.ts";

export interface KnownMetric {
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
}

/** What Prometheus puts on every series of a target. */
export const TARGET_LABELS: readonly string[] = ["job", "instance"];

const DYNAMO_WORKER = ["dynamo_namespace", "dynamo_component", "dynamo_endpoint"];
/** Of Dynamo's frontend and workers; kvcast does not have them. */
export const DYNAMO_METRICS: Readonly<Record<string, KnownMetric>> = {
  dynamo_frontend_requests_total: {
    type: "counter",
    labels: ["model", "endpoint", "request_type", "status", "error_type"],
  },
  dynamo_frontend_queued_requests: { type: "gauge", labels: ["model"] },
  dynamo_frontend_router_queue_pending_requests: { type: "gauge", labels: ["model", "worker_type", "policy_class"] },
  dynamo_component_inflight_requests: { type: "gauge", labels: DYNAMO_WORKER },
  dynamo_component_response_bytes_total: { type: "counter", labels: DYNAMO_WORKER },
};

/** Prometheus' own, and Node's as far as boards use them. */
const AROUND: Readonly<Record<string, KnownMetric>> = {
  up: { type: "gauge", labels: [] },
  scrape_duration_seconds: { type: "gauge", labels: [] },
  scrape_samples_scraped: { type: "gauge", labels: [] },
  ALERTS: { type: "gauge", labels: ["alertname", "alertstate", "severity"] },
  process_start_time_seconds: { type: "gauge", labels: [] },
  process_cpu_user_seconds_total: { type: "counter", labels: [] },
  process_cpu_system_seconds_total: { type: "counter", labels: [] },
  process_resident_memory_bytes: { type: "gauge", labels: [] },
  process_open_fds: { type: "gauge", labels: [] },
  process_max_fds: { type: "gauge", labels: [] },
  nodejs_heap_size_used_bytes: { type: "gauge", labels: [] },
  nodejs_external_memory_bytes: { type: "gauge", labels: [] },
  nodejs_eventloop_lag_p99_seconds: { type: "gauge", labels: [] },
  nodejs_gc_duration_seconds: { type: "histogram", labels: ["kind"] },
};

/** Families by name, with an engine's own page in the text format beside those written down. */
export function knownMetrics(enginePage: string): ReadonlyMap<string, KnownMetric> {
  const known = new Map<string, KnownMetric>([
    ...Object.entries(AROUND),
    ...Object.entries(DYNAMO_METRICS),
    ...enginePageMetrics(enginePage),
  ]);
  for (const metric of CATALOGUE.flatMap(({ metrics }) => metrics)) {
    // Those named by others have the engine on top where there are several.
    const labels = metric.prefix === undefined ? metric.labels : [...metric.labels, "engine"];
    known.set(fullName(metric), { type: metric.type, labels });
  }
  for (const rule of RULE_GROUPS.flatMap(({ rules }) => rules)) {
    if (isAlert(rule)) continue;
    const [level = ""] = rule.record.split(":");
    known.set(rule.record, { type: "gauge", labels: level.split("_").filter((label) => label !== "instance") });
  }
  return known;
}

/** Names, types and labels of a page; an engine's series may get the label engine, and processes of it a pid. */
function enginePageMetrics(page: string): [string, KnownMetric][] {
  const families = new Map<string, { type: KnownMetric["type"]; labels: Set<string> }>();
  for (const line of page.split("\n")) {
    const head = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (head !== null) {
      const type = head[2] === "counter" || head[2] === "histogram" ? head[2] : "gauge";
      families.set(head[1] ?? "", { type, labels: new Set(["engine", "pid"]) });
      continue;
    }
    const sample = /^([a-z_0-9]+)\{(.*)\}/.exec(line);
    const name = sample?.[1] ?? "";
    const family = families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, ""));
    for (const label of (sample?.[2] ?? "").matchAll(/([a-z_]+)="/g)) family?.labels.add(label[1] ?? "");
  }
  return Array.from(families, ([name, { type, labels }]) => [name, { type, labels: [...labels] }]);
}
