/**
 * The families of the index and its snapshots. MAIN THREAD. They have series only while there is an index.
 */
import { SNAPSHOT_OUTCOMES } from "../../shared/counter-labels.ts";
import type { HistogramCells } from "../../shared/counter-table.ts";
import { INDEX_CELLS } from "../../shared/index-cells.ts";
import type { Family, HistogramSeries, Labels, Series } from "./cell-metric.ts";
import type { EngineCounters } from "./engine-counters.ts";
import type { PipelineView } from "./pipeline-view.ts";
import type { SharedSnapshot } from "./shared-snapshot.ts";

const NO_LABELS: Labels = {};
const NO_SERIES: readonly Series[] = [];
const NO_HISTOGRAMS: readonly HistogramSeries[] = [];

export function indexFamilies(
  pipeline: PipelineView,
  snapshot: SharedSnapshot,
  engines: readonly EngineCounters[],
): readonly Family[] {
  const on = (series: readonly Series[]) => (): readonly Series[] => (pipeline.index === null ? NO_SERIES : series);
  const cell = (index: number): (() => readonly Series[]) =>
    on([{ labels: NO_LABELS, read: () => snapshot.index(index) }]);
  const outcomes = SNAPSHOT_OUTCOMES.map((outcome, i) => ({
    labels: { outcome },
    read: () => snapshot.index(INDEX_CELLS.snapshots + i),
  }));
  const coverage = engines.map((counters, i) => ({
    labels: { engine: counters.engine },
    read: () => coverageOf(snapshot.index(INDEX_CELLS.engineBlocks + i), counters.usedBlocks),
  }));
  const histogram = (from: HistogramCells): (() => readonly HistogramSeries[]) => {
    const addTo = (cells: Float64Array): void => snapshot.addIndexHistogram(from, cells);
    return () => (pipeline.index === null ? NO_HISTOGRAMS : [{ labels: NO_LABELS, addTo }]);
  };
  return [
    { name: "index_blocks", series: cell(INDEX_CELLS.blocks) },
    { name: "index_memory_bytes", series: cell(INDEX_CELLS.memoryBytes) },
    { name: "index_complete", series: cell(INDEX_CELLS.complete) },
    { name: "index_refused_blocks_total", series: cell(INDEX_CELLS.refusedBlocks) },
    { name: "index_unknown_removed_blocks_total", series: cell(INDEX_CELLS.unknownRemoved) },
    { name: "index_coverage_ratio", series: on(coverage) },
    { name: "snapshots_open", series: cell(INDEX_CELLS.openSnapshots) },
    { name: "snapshots_total", series: on(outcomes) },
    { name: "snapshot_duration_seconds", histograms: histogram(INDEX_CELLS.snapshotDuration) },
  ];
}

/** All of nothing is known. */
function coverageOf(known: number, used: number | null): number | null {
  if (used === null) return null;
  return used === 0 ? 1 : known / used;
}
