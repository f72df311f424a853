/**
 * Every metric of our own, as data: name, type, help, labels. MAIN THREAD.
 *
 * The families register from this list and the reference page is made of it, so a metric cannot exist undocumented.
 * Names are without the prefix `kvcast_`. HELP texts speak to an operator: what it is, in which unit, and what a
 * change of it means.
 */
import { CONSOLIDATOR } from "./consolidator-catalogue.ts";
import { ROUTER_INDEX } from "./router-index-catalogue.ts";
import { COMPONENT, DERIVED, ENGINE_DATA } from "./data-catalogue.ts";
import { ENGINE_PAGE } from "./engine-page-catalogue.ts";
import { HEALTH } from "./health-catalogue.ts";
import { type CatalogueSection, counter, gauge } from "./metric-definition.ts";
import { ENCODE, INDEX, REPLAY, RING, SINK, THREADS } from "./pipeline-catalogue.ts";
import { NORMALISE, SOURCE } from "./source-catalogue.ts";

export { type CatalogueSection, METRIC_PREFIX, type MetricDefinition } from "./metric-definition.ts";

export const SERVICE: CatalogueSection = {
  title: "Service",
  metrics: [
    counter(
      "http_requests_total",
      ["handler", "code"],
      "HTTP requests answered, by handler and status; other stands for requests that reached no handler.",
    ),
    gauge(
      "metrics_collect_duration_seconds",
      [],
      "Time that the page before this one took on the main thread, without waiting for engines; no series on the first page.",
    ),
    counter("log_messages_total", ["level"], "Log lines written, by level."),
    gauge("epoch_info", ["epoch"], "Always 1; the label names the run of sequence numbers."),
    gauge("epoch_start_timestamp_seconds", [], "Unix time at which that run began."),
    gauge("build_info", ["version", "node"], "Always 1; the labels name the versions of kvcast and Node."),
  ],
};

/** In the order of the page. */
export const CATALOGUE: readonly CatalogueSection[] = [
  SOURCE,
  ENGINE_PAGE,
  NORMALISE,
  ENGINE_DATA,
  CONSOLIDATOR,
  RING,
  ENCODE,
  SINK,
  REPLAY,
  INDEX,
  THREADS,
  ROUTER_INDEX,
  HEALTH,
  SERVICE,
  COMPONENT,
  DERIVED,
];
