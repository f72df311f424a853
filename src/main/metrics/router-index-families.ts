/** The families of `kvcast index`; without an index they have no series. MAIN THREAD. */
import { DROP_REASONS, FEED_INPUTS, FEED_SKIPS, type FeedCounters } from "../router-feed/feed-counters.ts";
import type { Model } from "../router-feed/models.ts";
import { INPUT_STATES, type InputState } from "../router-feed/zmq-input.ts";
import type { IndexCounters } from "../router-index/index-counters.ts";
import { WIRE_REFUSALS } from "../wire/wire-refusal.ts";
import type { Family, Labels, Series } from "./cell-metric.ts";

export interface RouterIndexView {
  models(): Iterable<Model>;
  workers(state: InputState): number;
  /** null: NATS is not read. */
  natsUp(): boolean | null;
}

export const LEFT_OUT_REASONS = ["unknown_parent", "invalid_sequence", "rank"] as const;
export const BLOCK_OUTCOMES = [
  "stored",
  "duplicate",
  "removed",
  "unknown_remove",
  "cleared",
  "refused",
  "evicted",
] as const;

const LEFT_OUT: Readonly<Record<(typeof LEFT_OUT_REASONS)[number], keyof IndexCounters>> = {
  unknown_parent: "unknownParents",
  invalid_sequence: "invalidSequences",
  rank: "refusedRanks",
};
const OUTCOMES: Readonly<Record<(typeof BLOCK_OUTCOMES)[number], keyof IndexCounters>> = {
  stored: "stored",
  duplicate: "duplicates",
  removed: "removed",
  unknown_remove: "unknownRemoves",
  cleared: "cleared",
  refused: "refused",
  evicted: "evicted",
};
const NO_LABELS: Labels = {};

export function routerIndexFamilies(view: RouterIndexView | null): readonly Family[] {
  const sum = (read: (model: Model) => number): number => {
    let total = 0;
    if (view !== null) for (const model of view.models()) total += read(model);
    return total;
  };
  const family = (name: string, series: readonly Series[]): Family => ({
    name,
    series: () => (view === null ? [] : series),
  });
  const single = (name: string, read: () => number | null): Family => family(name, [{ labels: NO_LABELS, read }]);
  const perValue = <V extends string>(
    name: string,
    label: string,
    values: readonly V[],
    read: (value: V) => number,
  ): Family =>
    family(
      name,
      values.map((value) => ({ labels: { [label]: value }, read: () => read(value) })),
    );
  const fed = (read: (counters: FeedCounters) => number): number => sum(({ feed }) => read(feed.counters));
  const indexed = (field: keyof IndexCounters): number => sum(({ feed }) => feed.index.counters[field]);
  return [
    perValue("router_index_messages_total", "input", FEED_INPUTS, (input) => fed((c) => c.messages[input])),
    perValue("router_index_refused_messages_total", "reason", WIRE_REFUSALS, (reason) => fed((c) => c.refused[reason])),
    perValue("router_index_events_total", "event_type", ["stored", "removed", "cleared"] as const, (type) =>
      fed((c) => c.events[type]),
    ),
    perValue("router_index_skipped_events_total", "reason", FEED_SKIPS, (reason) => fed((c) => c.skipped[reason])),
    perValue("router_index_left_out_events_total", "reason", LEFT_OUT_REASONS, (reason) => indexed(LEFT_OUT[reason])),
    single("router_index_lost_messages_total", () => fed((c) => c.lost)),
    single("router_index_healed_messages_total", () => fed((c) => c.healed)),
    perValue("router_index_rank_drops_total", "reason", DROP_REASONS, (reason) => fed((c) => c.drops[reason])),
    perValue("router_index_block_operations_total", "outcome", BLOCK_OUTCOMES, (outcome) => indexed(OUTCOMES[outcome])),
    single("router_index_pairs", () => sum(({ feed }) => feed.index.pairs)),
    single("router_index_blocks", () => sum(({ feed }) => feed.index.nodes)),
    single("router_index_ranks", () => sum(({ feed }) => feed.index.owners.all().length)),
    single("router_index_models", () => sum(() => 1)),
    perValue("router_index_workers", "state", INPUT_STATES, (state) => view?.workers(state) ?? 0),
    single("router_index_nats_up", () => {
      const up = view?.natsUp() ?? null;
      return up === null ? null : Number(up);
    }),
    single("router_index_memory_bytes", () => sum(({ feed }) => feed.index.memoryBytes)),
  ];
}
