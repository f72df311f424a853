/**
 * The families under names that others have given: the component's, and the engine's own where they are derived. MAIN THREAD.
 */
import { ADDITIONAL_METRICS, BACKEND_METRICS, WORKER_METRICS } from "../component-metrics/definitions.ts";
import { DERIVED_METRICS } from "../component-metrics/derived-metrics.ts";
import type { EngineData } from "../engine-data.ts";
import type { WorkerIdentity } from "../worker-identity.ts";
import type { Family, Labels } from "./cell-metric.ts";

const UPTIME = "dynamo_component_uptime_seconds";
const DROPPED = "dynamo_component_kv_publisher_engines_dropped_events_total";

/** In the order of the configuration. */
type Data = readonly EngineData[];

/** `hasOwnPage`: whether the page that is being made has the metrics of that engine's own. */
export function componentFamilies(data: Data, hasOwnPage: (engine: string) => boolean): readonly Family[] {
  return [
    ...joined(data, BACKEND_METRICS, {
      labels: ["model", "dynamo_component", "engine"],
      make: (one, labels) => one.gauges.families(labels),
    }),
    uptimeFamily(data),
    ...joined(
      data,
      WORKER_METRICS.filter(({ name }) => name !== UPTIME),
      {
        labels: ["dynamo_component", "engine"],
        make: ({ counters }, labels) => [
          { name: DROPPED, series: () => [{ labels, read: () => counters.allMissingIds }] },
        ],
        isShown: ({ counters }) => counters.kind !== "zmq",
      },
    ),
    ...joined(data, ADDITIONAL_METRICS, {
      labels: ["model_name", "disaggregation_mode", "engine_type", "engine"],
      make: (one, labels) => one.additional.families(labels),
      prepare: (one) => one.countGaps(),
    }),
    ...joined(data, DERIVED_METRICS, {
      labels: ["model_name", "engine_type", "engine"],
      make: (one, labels) => one.derived.families(labels),
      // Until it is known whether the engine has a page of its own, it may have; and it may come back with one, or without.
      isShown: (one) => one.facts.hasMetricsPage === false && !hasOwnPage(one.engine),
    }),
  ];
}

function uptimeSeconds(): number {
  return process.uptime();
}

/** Of the process, whatever engines it reads. */
function uptimeFamily(data: Data): Family {
  return {
    name: UPTIME,
    series: () => {
      const component = data.map(({ identity }) => identity?.component).find((each) => each !== undefined);
      return component === undefined ? [] : [{ labels: { dynamo_component: component }, read: uptimeSeconds }];
    },
  };
}

/** Metrics that are kept by engine, under names that have no place for the engine's. */
interface Group {
  /** Those of its labels that come from the engine's identity. */
  readonly labels: readonly string[];
  readonly make: (one: EngineData, labels: Labels) => readonly Family[];
  readonly prepare?: (one: EngineData) => void;
  readonly isShown?: (one: EngineData) => boolean;
}

type ByName = ReadonlyMap<string, Family>;

/** One family of each name out of those of all engines whose identity is known. */
function joined(
  data: Data,
  definitions: readonly { readonly name: string; readonly type: string }[],
  group: Group,
): readonly Family[] {
  // Series are made anew only when a label changes, which happens once or twice in an engine's life.
  const made = new Map<EngineData, { readonly identity: WorkerIdentity; readonly families: ByName }>();
  const familiesOf = (one: EngineData): ByName | null => {
    const { identity } = one;
    if (identity === null || group.isShown?.(one) === false) return null;
    group.prepare?.(one);
    const known = made.get(one);
    if (known?.identity === identity) return known.families;
    const labels = identityLabels(identity, data.length > 1 ? one.engine : null, group.labels);
    const families = new Map(group.make(one, labels).map((family) => [family.name, family]));
    made.set(one, { identity, families });
    return families;
  };
  const found = (name: string): Family[] => data.flatMap((one) => familiesOf(one)?.get(name) ?? []);
  return definitions.map(({ name, type }): Family =>
    type === "histogram"
      ? { name, histograms: () => found(name).flatMap((family) => ("histograms" in family ? family.histograms() : [])) }
      : { name, series: () => found(name).flatMap((family) => ("series" in family ? family.series() : [])) },
  );
}

/** Of all labels that any of them has, the wanted ones; `engine` only where it tells series apart. */
function identityLabels(identity: WorkerIdentity, engine: string | null, wanted: readonly string[]): Labels {
  const labels: Readonly<Record<string, string>> = {
    model: identity.model,
    dynamo_component: identity.component,
    model_name: identity.model,
    disaggregation_mode: identity.disaggregationMode,
    engine_type: "trtllm",
    ...(engine === null ? {} : { engine }),
  };
  return Object.fromEntries(Object.entries(labels).filter(([name]) => wanted.includes(name)));
}
