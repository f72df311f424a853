/** What is to be done with the engines' own metrics, from its options. MAIN THREAD, at start. */
import { type Labelled, madeLabels, pagedEngines } from "../engine-page/page-labels.ts";
import type { EngineMetricsConfig } from "./config.ts";
import { DEFAULT_PREFIX, ENGINE_METRICS_OPTIONS as OPTIONS } from "./engine-metrics-options.ts";
import { refused } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";

/** Null when they are not read. Throws ConfigError. */
export function loadEngineMetrics(
  resolver: Resolver,
  service: Labelled,
  warnings: string[],
): EngineMetricsConfig | null {
  const mode = resolver.pick(OPTIONS.engineMetrics);
  const include = resolver.all(OPTIONS.engineMetricsInclude).map(({ value }) => value);
  const exclude = resolver.all(OPTIONS.engineMetricsExclude);
  const all = exclude.find(({ value }) => value === "");
  if (all !== undefined) throw refused(all.place, "would leave out everything; give --engine-metrics off");
  const labels: Record<string, string> = {};
  for (const { value, place } of resolver.all(OPTIONS.engineMetricsLabel)) {
    if (value.name in labels) throw refused(place, `the label ${JSON.stringify(value.name)} is given twice`);
    labels[value.name] = value.value;
  }
  const config = {
    include: Object.freeze(include.length === 0 ? [DEFAULT_PREFIX] : include),
    exclude: Object.freeze(exclude.map(({ value }) => value)),
    labels: Object.freeze(labels),
    timeoutMs: resolver.pick(OPTIONS.engineMetricsTimeout),
    maxBytes: resolver.pick(OPTIONS.engineMetricsMaxBytes),
    maxAgeMs: resolver.pick(OPTIONS.engineMetricsMaxAge),
  };
  if (mode === "off") return null;
  const [engine] = pagedEngines(service.engines);
  const made = engine === undefined ? {} : madeLabels(engine.name, service);
  for (const name of Object.keys(labels).filter((label) => label in made)) {
    warnings.push(
      `${resolver.placeOf(OPTIONS.engineMetricsLabel).label}: the label ${JSON.stringify(name)} is made by kvcast, and the ` +
        "value that was given for it is not used",
    );
  }
  return Object.freeze({ mode, ...config });
}
