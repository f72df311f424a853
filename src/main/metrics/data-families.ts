/**
 * The families of what is read of engines beside their events: our own, the component's, and the engine's derived. MAIN THREAD.
 *
 * What an engine does not give has no series: 0 would be a statement.
 */
import { ADDITIONAL_METRICS, BACKEND_METRICS } from "../component-metrics/definitions.ts";
import { DERIVED_METRICS } from "../component-metrics/derived-metrics.ts";
import type { EngineData } from "../engine-data.ts";
import { CHECKED_SETTINGS } from "../engine/settings-check.ts";
import type { StatsCounters } from "../load/stats-counters.ts";
import type { PerfCounters } from "../perf/perf-counters.ts";
import type { PerfHistograms } from "../perf/perf-histograms.ts";
import { PERF_FAULTS } from "../perf/perf-record.ts";
import { PERF_STATES } from "../perf/perf-status.ts";
import { addHistogram, type Family, type HistogramSeries, type Labels, type Series } from "./cell-metric.ts";
import { POLL_OUTCOMES, SOURCE_ERROR_REASONS } from "./engine-counters.ts";

/** In the order of the configuration. */
type Data = readonly EngineData[];

type HistogramKey = Exclude<keyof PerfHistograms, "observe">;

const REQUEST_HISTOGRAMS: readonly (readonly [name: string, histogram: HistogramKey])[] = [
  ["request_queue_seconds", "queue"],
  ["request_prefill_seconds", "prefill"],
  ["request_kv_transfer_seconds", "transfer"],
  ["request_first_token_seconds", "ttft"],
  ["request_inter_token_seconds", "itl"],
  ["request_decode_seconds", "decode"],
  ["request_duration_seconds", "e2e"],
  ["request_block_reuse_ratio", "reuse"],
  ["request_draft_acceptance_ratio", "acceptance"],
];

export function dataFamilies(data: Data): readonly Family[] {
  return [
    { name: "engine_info", series: () => data.flatMap(infoSeries) },
    { name: "engine_setting_mismatch", series: () => data.flatMap(mismatchSeries) },
    ...statsFamilies(data),
    { name: "perf_state", series: () => data.flatMap(stateSeries) },
    ...perfFamilies(data),
    ...REQUEST_HISTOGRAMS.map(([name, key]): Family => ({
      name,
      histograms: () => data.flatMap((one) => requestHistogram(one, key)),
    })),
    ...joined(data, BACKEND_METRICS, {
      labels: ["model", "dynamo_component", "engine"],
      make: (one, labels) => one.gauges.families(labels),
    }),
    ...joined(data, ADDITIONAL_METRICS, {
      labels: ["model_name", "disaggregation_mode", "engine_type", "engine"],
      make: (one, labels) => one.additional.families(labels),
      prepare: (one) => one.countGaps(),
    }),
    ...joined(data, DERIVED_METRICS, {
      labels: ["model_name", "engine_type", "engine"],
      make: (one, labels) => one.derived.families(labels),
      // Until it is known whether the engine has a page of its own, it may have.
      isShown: (one) => one.facts.hasMetricsPage === false,
    }),
  ];
}

function infoSeries(one: EngineData): Series[] {
  const { identity } = one;
  if (identity === null) return [];
  const { model, backend, modality, disaggregationMode, engineVersion } = identity;
  const labels = {
    engine: one.engine,
    model,
    engine_version: engineVersion ?? "unknown",
    backend,
    modality,
    disaggregation_mode: disaggregationMode,
  };
  return [{ labels, read: () => 1 }];
}

function mismatchSeries(one: EngineData): Series[] {
  return CHECKED_SETTINGS.flatMap((setting) => {
    const wrong = one.settings.isWrong(setting);
    return wrong === null ? [] : [{ labels: { engine: one.engine, setting }, read: () => (wrong ? 1 : 0) }];
  });
}

function stateSeries(one: EngineData): Series[] {
  const { engine, state } = one;
  return PERF_STATES.map((name) => ({ labels: { engine, state: name }, read: () => (name === state ? 1 : 0) }));
}

function statsFamilies(data: Data): readonly Family[] {
  const scalar = (name: string, read: (counters: StatsCounters) => number): Family => ({
    name: `iteration_stats_${name}`,
    series: () => data.flatMap((one) => only(one.engine, one.load.counters, read)),
  });
  return [
    scalar("up", (counters) => counters.up),
    {
      name: "iteration_stats_polls_total",
      series: () => data.flatMap((one) => each(one.engine, "outcome", POLL_OUTCOMES, one.load.counters?.polls)),
    },
    {
      name: "iteration_stats_errors_total",
      series: () => data.flatMap((one) => each(one.engine, "reason", SOURCE_ERROR_REASONS, one.load.counters?.errors)),
    },
    scalar("rows_total", (counters) => counters.rows),
    scalar("bad_rows_total", (counters) => counters.badRows + counters.unknownRankRows),
  ];
}

function perfFamilies(data: Data): readonly Family[] {
  const scalar = (name: string, read: (counters: PerfCounters) => number): Family => ({
    name: `perf_${name}`,
    series: () => data.flatMap((one) => only(one.engine, one.perf?.counters ?? null, read)),
  });
  return [
    {
      name: "perf_polls_total",
      series: () => data.flatMap((one) => each(one.engine, "outcome", POLL_OUTCOMES, one.perf?.counters.polls)),
    },
    {
      name: "perf_errors_total",
      series: () => data.flatMap((one) => each(one.engine, "reason", SOURCE_ERROR_REASONS, one.perf?.counters.errors)),
    },
    scalar("requests_total", (counters) => counters.records),
    {
      name: "perf_bad_records_total",
      series: () => data.flatMap((one) => each(one.engine, "fault", PERF_FAULTS, one.perf?.counters.badRecords)),
    },
    scalar("out_of_order_requests_total", (counters) => counters.outOfOrder),
    {
      name: "perf_clock_error_seconds",
      series: () =>
        data.map((one) => {
          const errorMs = one.clockErrorMs();
          return { labels: { engine: one.engine }, read: () => (errorMs === null ? null : errorMs / 1000) };
        }),
    },
  ];
}

function only<C>(engine: string, counters: C | null, read: (counters: C) => number): Series[] {
  return counters === null ? [] : [{ labels: { engine }, read: () => read(counters) }];
}

function each<V extends string>(
  engine: string,
  label: string,
  values: readonly V[],
  column: Readonly<Record<V, number>> | undefined,
): Series[] {
  if (column === undefined) return [];
  return values.map((value) => ({ labels: { engine, [label]: value }, read: () => column[value] }));
}

function requestHistogram({ engine, perf }: EngineData, key: HistogramKey): HistogramSeries[] {
  if (perf === null || perf.counters.records === 0) return [];
  return [{ labels: { engine }, addTo: (cells) => addHistogram(perf.histograms[key], cells) }];
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
  const made = new Map<EngineData, { readonly key: string; readonly families: ByName }>();
  const familiesOf = (one: EngineData): ByName | null => {
    const labels = identityLabels(one, data.length > 1, group.labels);
    if (labels === null || group.isShown?.(one) === false) return null;
    group.prepare?.(one);
    const key = JSON.stringify(labels);
    const known = made.get(one);
    if (known?.key === key) return known.families;
    const families = new Map(group.make(one, labels).map((family) => [family.name, family]));
    made.set(one, { key, families });
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
function identityLabels(one: EngineData, isOneOfSeveral: boolean, wanted: readonly string[]): Labels | null {
  const { identity } = one;
  if (identity === null) return null;
  const labels: Readonly<Record<string, string>> = {
    model: identity.model,
    dynamo_component: identity.component,
    model_name: identity.model,
    disaggregation_mode: identity.disaggregationMode,
    engine_type: "trtllm",
    ...(isOneOfSeveral ? { engine: one.engine } : {}),
  };
  return Object.fromEntries(Object.entries(labels).filter(([name]) => wanted.includes(name)));
}
