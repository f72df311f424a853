/**
 * The families of what is read of engines beside their events: our own, the component's, and the engine's derived. MAIN THREAD.
 *
 * What an engine does not give has no series: 0 would be a statement.
 */
import { ADDITIONAL_METRICS, BACKEND_METRICS } from "../component-metrics/definitions.ts";
import { DERIVED_METRICS } from "../component-metrics/derived-metrics.ts";
import type { EngineData, WorkerIdentity } from "../engine-data.ts";
import { CHECKED_SETTINGS } from "../engine/settings-check.ts";
import type { StatsCounters } from "../load/stats-counters.ts";
import type { PerfCounters } from "../perf/perf-counters.ts";
import type { PerfHistograms } from "../perf/perf-histograms.ts";
import { PERF_FAULTS } from "../perf/perf-record.ts";
import { PERF_STATES } from "../perf/perf-status.ts";
import { addHistogram, type Family, type Labels, type Series } from "./cell-metric.ts";
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

/**
 * Series are made once and read at each scrape; only what depends on an engine's identity is made anew when that becomes known.
 */
export function dataFamilies(data: Data): readonly Family[] {
  return [
    { name: "engine_info", series: infoSeries(data) },
    fixed("engine_setting_mismatch", data.flatMap(mismatchSeries)),
    ...statsFamilies(data),
    fixed("perf_state", data.flatMap(stateSeries)),
    ...perfFamilies(data),
    ...REQUEST_HISTOGRAMS.map(([name, key]) => requestHistogram(name, key, data)),
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

function fixed(name: string, series: readonly Series[]): Family {
  return { name, series: () => series };
}

function infoSeries(data: Data): () => readonly Series[] {
  const made = new Map<EngineData, { readonly identity: WorkerIdentity; readonly series: Series }>();
  const seriesOf = (one: EngineData): Series | null => {
    const { identity } = one;
    if (identity === null) return null;
    const known = made.get(one);
    if (known?.identity === identity) return known.series;
    const labels = {
      engine: one.engine,
      model: identity.model,
      engine_version: identity.engineVersion ?? "unknown",
      backend: identity.backend,
      modality: identity.modality,
      disaggregation_mode: identity.disaggregationMode,
    };
    const series = { labels, read: (): number => 1 };
    made.set(one, { identity, series });
    return series;
  };
  return () => data.flatMap((one) => seriesOf(one) ?? []);
}

function mismatchSeries(one: EngineData): Series[] {
  return CHECKED_SETTINGS.map((setting) => ({
    labels: { engine: one.engine, setting },
    read: () => {
      const wrong = one.settings.isWrong(setting);
      return wrong === null ? null : Number(wrong);
    },
  }));
}

function stateSeries(one: EngineData): Series[] {
  return PERF_STATES.map((state) => ({
    labels: { engine: one.engine, state },
    read: () => (one.state === state ? 1 : 0),
  }));
}

function statsFamilies(data: Data): readonly Family[] {
  const scalar = (name: string, read: (counters: StatsCounters) => number): Family =>
    fixed(
      `iteration_stats_${name}`,
      data.flatMap((one) => only(one.engine, one.load.counters, read)),
    );
  const column = <V extends string>(
    name: string,
    label: string,
    values: readonly V[],
    read: (counters: StatsCounters) => Readonly<Record<V, number>>,
  ): Family =>
    fixed(
      `iteration_stats_${name}`,
      data.flatMap((one) => each(one.engine, label, values, one.load.counters, read)),
    );
  return [
    scalar("up", (counters) => counters.up),
    column("polls_total", "outcome", POLL_OUTCOMES, (counters) => counters.polls),
    column("errors_total", "reason", SOURCE_ERROR_REASONS, (counters) => counters.errors),
    scalar("rows_total", (counters) => counters.rows),
    scalar("bad_rows_total", (counters) => counters.badRows + counters.unknownRankRows),
  ];
}

function perfFamilies(data: Data): readonly Family[] {
  const scalar = (name: string, read: (counters: PerfCounters) => number): Family =>
    fixed(
      `perf_${name}`,
      data.flatMap((one) => only(one.engine, one.perf?.counters ?? null, read)),
    );
  const column = <V extends string>(
    name: string,
    label: string,
    values: readonly V[],
    read: (counters: PerfCounters) => Readonly<Record<V, number>>,
  ): Family =>
    fixed(
      `perf_${name}`,
      data.flatMap((one) => each(one.engine, label, values, one.perf?.counters ?? null, read)),
    );
  return [
    column("polls_total", "outcome", POLL_OUTCOMES, (counters) => counters.polls),
    column("errors_total", "reason", SOURCE_ERROR_REASONS, (counters) => counters.errors),
    scalar("requests_total", (counters) => counters.records),
    column("bad_records_total", "fault", PERF_FAULTS, (counters) => counters.badRecords),
    scalar("out_of_order_requests_total", (counters) => counters.outOfOrder),
    fixed(
      "perf_clock_error_seconds",
      data.map((one) => ({
        labels: { engine: one.engine },
        read: () => {
          const errorMs = one.clockErrorMs();
          return errorMs === null ? null : errorMs / 1000;
        },
      })),
    ),
  ];
}

function only<C>(engine: string, counters: C | null, read: (counters: C) => number): Series[] {
  return counters === null ? [] : [{ labels: { engine }, read: () => read(counters) }];
}

function each<C, V extends string>(
  engine: string,
  label: string,
  values: readonly V[],
  counters: C | null,
  column: (counters: C) => Readonly<Record<V, number>>,
): Series[] {
  if (counters === null) return [];
  return values.map((value) => ({ labels: { engine, [label]: value }, read: () => column(counters)[value] }));
}

/** Of the engines of which a request is known. */
function requestHistogram(name: string, key: HistogramKey, data: Data): Family {
  const made = data.flatMap(({ engine, perf }) => {
    if (perf === null) return [];
    const addTo = (cells: Float64Array): void => addHistogram(perf.histograms[key], cells);
    return [{ perf, series: { labels: { engine }, addTo } }];
  });
  return {
    name,
    histograms: () => made.filter(({ perf }) => perf.counters.records > 0).map(({ series }) => series),
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
