/**
 * The families of the source and normalise stages: one set of series for each engine. MAIN THREAD.
 * They read the plain fields of `EngineCounters`; every label value exists from the first scrape on.
 */
import { addHistogram, type Family, type HistogramSeries, type Labels, type Series } from "./cell-metric.ts";
import {
  ALL_INVALID_REASONS,
  type EngineCounters,
  FILTER_REASONS,
  INJECT_REASONS,
  POLL_OUTCOMES,
  RECEIVED_TYPES,
  SOURCE_ERROR_REASONS,
} from "./engine-counters.ts";

/** Ranks from here on share the label `other`: an engine of 1024 ranks must not make a page of thousands of lines. */
const MAX_RANK_LABELS = 64;

type Engines = readonly EngineCounters[];
type Read = (counters: EngineCounters) => number;

function perEngine(engines: Engines, labels: (counters: EngineCounters) => Labels, read: Read): () => Series[] {
  const series = engines.map((counters) => ({ labels: labels(counters), read: () => read(counters) }));
  return () => series;
}

/** A column: one series for each engine and each value of one more label. */
function perValue<V extends string>(
  engines: Engines,
  labels: (counters: EngineCounters) => Labels,
  label: string,
  values: readonly V[],
  column: (counters: EngineCounters) => Readonly<Record<V, number>>,
): () => Series[] {
  const series = engines.flatMap((counters) =>
    values.map((value) => ({ labels: { ...labels(counters), [label]: value }, read: () => column(counters)[value] })),
  );
  return () => series;
}

/** One series for each rank and one for `other`; `fold` joins the cells that `other` stands for. */
function perRank(
  engines: Engines,
  cells: (counters: EngineCounters) => Float64Array,
  fold: (values: Float64Array) => number,
  shown: (value: number) => number | null,
): () => Series[] {
  const series = engines.flatMap((counters) => {
    const named = Math.min(counters.ranks, MAX_RANK_LABELS);
    const ranks: Series[] = Array.from({ length: named }, (_, rank) => ({
      labels: { engine: counters.engine, dp_rank: String(rank) },
      read: () => shown(cells(counters)[rank] ?? 0),
    }));
    ranks.push({
      labels: { engine: counters.engine, dp_rank: "other" },
      read: () => shown(fold(cells(counters).subarray(named))),
    });
    return ranks;
  });
  return () => series;
}

/** As `perRank`, but the ranks that are dirty are few and known by their own number. */
function dirtyRanks(engines: Engines): () => Series[] {
  const series = engines.flatMap((counters) => {
    const { engine, dirty } = counters;
    const named = Math.min(counters.ranks, MAX_RANK_LABELS);
    const ranks: Series[] = Array.from({ length: named }, (_, rank) => ({
      labels: { engine, dp_rank: String(rank) },
      read: () => (dirty.has(rank) ? 1 : 0),
    }));
    ranks.push({
      labels: { engine, dp_rank: "other" },
      read: () => ([...dirty.keys()].some((rank) => rank >= named) ? 1 : 0),
    });
    return ranks;
  });
  return () => series;
}

function byEngine(counters: EngineCounters): Labels {
  return { engine: counters.engine };
}
function byEngineAndKind(counters: EngineCounters): Labels {
  return { engine: counters.engine, kind: counters.kind };
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
function highest(values: Float64Array): number {
  return Math.max(...values);
}

function pollDurations(engines: Engines): () => HistogramSeries[] {
  const series = engines.map((counters) => ({
    labels: byEngineAndKind(counters),
    addTo: (cells: Float64Array): void => addHistogram(counters.pollDuration, cells),
  }));
  return () => series;
}

function eventAges(engines: Engines): () => HistogramSeries[] {
  const series = engines.flatMap((counters) => {
    const { engine, eventAgeSource: source, eventAge } = counters;
    if (source === null) return [];
    return [{ labels: { engine, source }, addTo: (cells: Float64Array): void => addHistogram(eventAge, cells) }];
  });
  return () => series;
}

export function engineFamilies(engines: Engines): readonly Family[] {
  return [
    { name: "event_age_seconds", histograms: eventAges(engines) },
    { name: "event_age_negative_total", series: perEngine(engines, byEngine, (c) => c.negativeAges) },
    { name: "source_stored_blocks_total", series: perEngine(engines, byEngine, (c) => c.storedBlocks) },
    { name: "source_removed_blocks_total", series: perEngine(engines, byEngine, (c) => c.removedBlocks) },
    { name: "source_up", series: perEngine(engines, byEngineAndKind, (c) => c.up) },
    {
      name: "source_polls_total",
      series: perValue(engines, byEngineAndKind, "outcome", POLL_OUTCOMES, (c) => c.polls),
    },
    { name: "source_poll_duration_seconds", histograms: pollDurations(engines) },
    { name: "source_poll_backoff_seconds", series: perEngine(engines, byEngineAndKind, (c) => c.pollBackoffSeconds) },
    {
      name: "source_errors_total",
      series: perValue(engines, byEngineAndKind, "reason", SOURCE_ERROR_REASONS, (c) => c.errors),
    },
    {
      name: "source_received_events_total",
      series: perValue(engines, byEngine, "event_type", RECEIVED_TYPES, (c) => c.received),
    },
    { name: "source_received_bytes_total", series: perEngine(engines, byEngine, (c) => c.receivedBytes) },
    {
      name: "source_sequence_gaps_total",
      series: perRank(
        engines,
        (c) => c.missingIds,
        sum,
        (value) => value,
      ),
    },
    { name: "source_healed_messages_total", series: perEngine(engines, byEngine, (c) => c.healedMessages) },
    { name: "source_sequence_resets_total", series: perEngine(engines, byEngine, (c) => c.resets) },
    { name: "rank_dirty", series: dirtyRanks(engines) },
    { name: "source_duplicate_events_total", series: perEngine(engines, byEngine, (c) => c.duplicates) },
    { name: "source_out_of_order_events_total", series: perEngine(engines, byEngine, (c) => c.outOfOrder) },
    { name: "source_unknown_rank_events_total", series: perEngine(engines, byEngine, (c) => c.unknownRank) },
    {
      name: "source_last_event_id",
      series: perRank(
        engines,
        (c) => c.lastEventId,
        highest,
        (id) => (id < 0 ? null : id),
      ),
    },
    {
      name: "source_last_event_timestamp_seconds",
      series: perEngine(engines, byEngine, (c) => c.lastEventTimestampSeconds),
    },
    { name: "filtered_events_total", series: perValue(engines, byEngine, "reason", FILTER_REASONS, (c) => c.filtered) },
    {
      name: "invalid_events_total",
      series: perValue(engines, byEngine, "reason", ALL_INVALID_REASONS, (c) => c.invalid),
    },
    { name: "injected_events_total", series: perValue(engines, byEngine, "reason", INJECT_REASONS, (c) => c.injected) },
    { name: "partial_blocks_tracked", series: perEngine(engines, byEngine, (c) => c.partialBlocksTracked) },
  ];
}
