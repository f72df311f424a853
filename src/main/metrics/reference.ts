/**
 * Writes `docs/metrics.md` from the catalogue. Runs when the documentation is made, and in the test that holds the file to
 * it; the service never calls it.
 */
import { CATALOGUE, METRIC_PREFIX, type MetricDefinition } from "./catalogue.ts";
import { COMMON_LABELS, type LabelValues, OWN_LABELS } from "./label-values.ts";
import { LEFT_OUT } from "./left-out.ts";
import { fullName, type Stability } from "./metric-definition.ts";
import { unitOf } from "./metric-units.ts";

/** The whole page in Markdown. */
export function renderMetricsReference(): string {
  return `${[
    "# Metrics",
    "",
    "<!-- Made by scripts/generate-docs.js from src/main/metrics/catalogue.ts. Do not edit. -->",
    "<!-- prettier-ignore-start -->",
    "",
    "`GET /metrics` on the system port has these, in the Prometheus text format or in OpenMetrics, and Node's own (`process_*`,",
    "`nodejs_*`). The engines' own metrics are there too: [engine-metrics.md](engine-metrics.md). Every value of a label exists from the first scrape on, at 0, so that `rate()` and `increase()` see the",
    "first event too; only what an engine does not give has no series. Token ids, cache salts and hashes are never in a metric.",
    "",
    "A page is one moment: what it says balances, between any two events.",
    "",
    "```text",
    "source_received + injected = source_duplicate + filtered + invalid + ring_dropped + ring_enqueued",
    "ring_enqueued              = ring_dequeued + encode_dropped + what is in the ring",
    "ring_dequeued              = sink_sent + sink_dropped + what is in flight              for each sink",
    "```",
    "",
    "(Each name stands for `kvcast_<name>_events_total`, summed over its labels.)",
    "",
    "In `kvcast consolidate` the first line is another one, because many events become one:",
    "",
    "```text",
    "consolidator_received  = consolidator_skipped + consolidator_applied",
    "consolidator_published = consolidator_waiting (a gauge) + ring_enqueued",
    "```",
    "",
    "Stability: a `stable` metric keeps its name, type, unit and labels, and goes only with a line about it in CHANGELOG.md; a",
    "`reference` metric is named by Dynamo or TensorRT-LLM, and follows them. The same line is written for it.",
    "",
    "Two losses happen where kvcast cannot count events. What an engine dropped before it was read shows as missing event",
    "ids, in `kvcast_source_sequence_gaps_total`. What libzmq drops for a subscriber that is too slow shows as its beginning,",
    "in `kvcast_zmq_subscriber_queue_full_total`; how much it was only that subscriber sees, as a gap in the sequence numbers.",
    ...CATALOGUE.flatMap(({ title, stability, intro, metrics }) => [
      "",
      `## ${title}`,
      "",
      ...(intro === undefined ? [] : [intro, ""]),
      "| Metric | Type | Unit | Labels | Stability | Meaning |",
      "|---|---|---|---|---|---|",
      ...metrics.map((metric) => metricRow(metric, stability ?? "stable")),
    ]),
    "",
    "## What is left out",
    "",
    "Others have metrics of these names. kvcast has not, and this is why.",
    "",
    "| Metric | Why not |",
    "|---|---|",
    ...LEFT_OUT.map(({ names, reason }) => row([names.map((name) => `\`${name}\``).join(", "), reason])),
    "",
    "## Label values",
    "",
    "| Label | On | Values |",
    "|---|---|---|",
    ...Object.entries(COMMON_LABELS).map(([label, values]) => row([`\`${label}\``, "all metrics", shown(values)])),
    ...Object.entries(OWN_LABELS).map(([key, values]) => {
      const [metric = "", label = ""] = key.split(" ");
      return row([`\`${label}\``, `\`${METRIC_PREFIX}${metric}\``, shown(values)]);
    }),
    "",
    "<!-- prettier-ignore-end -->",
  ].join("\n")}\n`;
}

function metricRow(metric: MetricDefinition, stability: Stability): string {
  const labels = metric.labels.map((label) => `\`${label}\``).join(", ");
  const bounds = metric.buckets ?? [];
  const buckets =
    bounds.length === 0 ? "" : ` ${bounds.length} buckets from ${bounds[0] ?? ""} to ${bounds.at(-1) ?? ""}.`;
  return row([`\`${fullName(metric)}\``, metric.type, unitOf(metric.name), labels, stability, metric.help + buckets]);
}

function shown(values: LabelValues): string {
  return typeof values === "string" ? values : values.map((value) => `\`${value}\``).join(", ");
}

/** A row of a table. `|` would end a cell, even inside backticks. */
function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
