/**
 * The families of what is read of engines beside their events: our own; those under others' names are `component-families.ts`. MAIN
 * THREAD.
 *
 * What an engine does not give has no series: 0 would be a statement.
 */
import type { EngineData } from "../engine-data.ts";
import type { WorkerIdentity } from "../worker-identity.ts";
import { CHECKED_SETTINGS } from "../engine/settings-check.ts";
import type { StatsCounters } from "../load/stats-counters.ts";
import type { PerfCounters } from "../perf/perf-counters.ts";
import type { PerfHistograms } from "../perf/perf-histograms.ts";
import { PERF_FAULTS } from "../perf/perf-record.ts";
import { PERF_STATES } from "../perf/perf-status.ts";
import { addHistogram, type Family, type Series } from "./cell-metric.ts";
import { componentFamilies } from "./component-families.ts";
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
 * `hasOwnPage`: whether the page that is being made has the metrics of that engine's own. Series are made once and read at each
 * scrape; only what depends on an engine's identity is made anew when that becomes known.
 */
export function dataFamilies(data: Data, hasOwnPage: (engine: string) => boolean): readonly Family[] {
  return [
    { name: "engine_info", series: infoSeries(data) },
    fixed("engine_setting_mismatch", data.flatMap(mismatchSeries)),
    ...statsFamilies(data),
    fixed("perf_state", data.flatMap(stateSeries)),
    ...perfFamilies(data),
    ...REQUEST_HISTOGRAMS.map(([name, key]) => requestHistogram(name, key, data)),
    ...componentFamilies(data, hasOwnPage),
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
