/** The families of `kvcast consolidate`; without a consolidator they have no series. MAIN THREAD. */
import type { Consolidator } from "../consolidate/consolidator.ts";
import { SKIP_REASONS, SOURCE_EVENT_TYPES, type SourceCounters } from "../consolidate/source-counters.ts";
import { WIRE_REFUSALS } from "../wire/wire-refusal.ts";
import type { Family, Labels, Series } from "./cell-metric.ts";

export interface ConsolidatorView {
  readonly tracker: Consolidator;
  readonly sources: readonly SourceCounters[];
}

const NO_LABELS: Labels = {};
const OPERATIONS_IN = { store: "storesIn", remove: "removesIn", clear: "clearsIn" } as const;
const EVENTS_OUT = { stored: "storedOut", removed: "removedOut", cleared: "clearedOut" } as const;

export function consolidatorFamilies(view: ConsolidatorView | null): readonly Family[] {
  const sources = view?.sources ?? [];
  const perSource = (name: string, read: (counters: SourceCounters) => number | null): Family => {
    const series = sources.map((counters) => ({ labels: { source: counters.source }, read: () => read(counters) }));
    return { name, series: () => series };
  };
  const perValue = <V extends string>(
    name: string,
    label: string,
    values: readonly V[],
    column: (counters: SourceCounters) => Readonly<Record<V, number>>,
  ): Family => {
    const series = sources.flatMap((counters) =>
      values.map((value) => ({
        labels: { source: counters.source, [label]: value },
        read: () => column(counters)[value],
      })),
    );
    return { name, series: () => series };
  };
  const single = (name: string, read: (from: Consolidator) => number): Family => {
    const series: readonly Series[] =
      view === null ? [] : [{ labels: NO_LABELS, read: (): number => read(view.tracker) }];
    return { name, series: () => series };
  };
  const tracker = view?.tracker ?? null;
  const operations: readonly Series[] =
    tracker === null
      ? []
      : sources.flatMap(({ source }, number) =>
          (["store", "remove", "clear"] as const).map((operation) => ({
            labels: { source, operation },
            read: () => tracker.counters[OPERATIONS_IN[operation]][number] ?? 0,
          })),
        );
  const published: readonly Series[] =
    tracker === null
      ? []
      : (["stored", "removed", "cleared"] as const).map((type) => ({
          labels: { event_type: type },
          read: () => tracker.counters[EVENTS_OUT[type]],
        }));
  return [
    perSource("consolidator_source_up", (c) => c.up),
    perSource("consolidator_source_messages_total", (c) => c.stream.messages),
    perSource("consolidator_source_bytes_total", (c) => c.receivedBytes),
    perSource("consolidator_source_lost_messages_total", (c) => c.stream.lost - c.unseenMessages),
    perSource("consolidator_source_healed_messages_total", (c) => c.stream.healed),
    perSource("consolidator_source_duplicate_messages_total", (c) => c.stream.duplicates),
    perSource("consolidator_source_restarts_total", (c) => c.stream.restarts),
    perSource("consolidator_source_malformed_messages_total", ({ stream }) =>
      Object.values(stream.malformed).reduce((sum, count) => sum + count, 0),
    ),
    perSource("consolidator_source_last_event_timestamp_seconds", (c) => c.lastEventTimestampSeconds),
    perValue("consolidator_refused_messages_total", "reason", WIRE_REFUSALS, (c) => c.refused),
    perValue("consolidator_received_events_total", "event_type", SOURCE_EVENT_TYPES, (c) => c.received),
    perValue("consolidator_skipped_events_total", "reason", SKIP_REASONS, (c) => c.skipped),
    perSource("consolidator_applied_events_total", (c) => c.applied),
    {
      name: "consolidator_block_operations_total",
      series: (): readonly Series[] => operations,
    },
    single("consolidator_duplicate_blocks_total", ({ counters }) => counters.duplicates),
    single("consolidator_unknown_removes_total", ({ counters }) => counters.unknownRemoves),
    single("consolidator_orphan_blocks_total", ({ counters }) => counters.orphans),
    single("consolidator_withheld_blocks_total", ({ counters }) => counters.withheld),
    single("consolidator_refused_blocks_total", ({ counters }) => counters.refused),
    { name: "consolidator_published_events_total", series: (): readonly Series[] => published },
    single("consolidator_waiting_events", ({ queued }) => queued),
    single("consolidator_waiting_bytes", ({ queuedBytes }) => queuedBytes),
    single("consolidator_live_blocks", ({ counters }) => counters.blocks),
    single("consolidator_mappings", ({ counters }) => counters.mappings),
    single("consolidator_memory_bytes", ({ memoryBytes }) => memoryBytes),
  ];
}
