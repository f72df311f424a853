/**
 * The engines of a snapshot: what each lost, how old its events are, and its cache, rank by rank. MAIN THREAD; pure.
 */
import { INDEX_CELLS } from "../../shared/index-cells.ts";
import type { LiveEngine, LiveRank } from "../../shared/live-snapshot.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import { EVENT_AGE_BUCKETS, POLL_DURATION_BUCKETS } from "../metrics/engine-counters.ts";
import type { SharedSnapshot } from "../metrics/shared-snapshot.ts";
import { ranksAt } from "../normalise/engine-ranks.ts";
import type { Growth } from "./growth.ts";
import { type LiveEngineData, type LiveParts, MAX_SHOWN_RANKS, MAX_SHOWN_RANKS_IN_ALL } from "./live-parts.ts";
import type { EngineTotals, Totals } from "./totals.ts";

export function liveEngines(parts: LiveParts, growth: Growth, shared: SharedSnapshot): readonly LiveEngine[] {
  let room = MAX_SHOWN_RANKS_IN_ALL;
  return parts.engines.map((counters, position) => {
    const shown = Math.min(counters.ranks, MAX_SHOWN_RANKS, room);
    room -= shown;
    return engineOf(parts, position, counters, shown, growth, shared);
  });
}

function engineOf(
  { engines, data, pipeline, attentionDpSize }: LiveParts,
  position: number,
  counters: EngineCounters,
  shownRanks: number,
  growth: Growth,
  shared: SharedSnapshot,
): LiveEngine {
  const of = (figure: (engine: EngineTotals) => number) => (totals: Totals) => {
    const engine = totals.engines[position];
    return engine === undefined ? 0 : figure(engine);
  };
  const total = (figure: (engine: EngineTotals) => number): number => of(figure)(growth.now);
  const age = (q: number): number | null =>
    growth.quantile(q, EVENT_AGE_BUCKETS, (totals) => totals.engines[position]?.age);
  const { base } = ranksAt(position, engines.length, attentionDpSize);
  return {
    name: counters.engine,
    kind: counters.kind,
    up: counters.up === 1,
    rate: growth.rate(of(({ received }) => received)),
    received: total(({ received }) => received),
    published: total(({ enqueued }) => enqueued),
    lost: total(({ missing }) => missing),
    invalid: total(({ invalid }) => invalid),
    filtered: total(({ filtered }) => filtered),
    duplicates: total(({ duplicates }) => duplicates),
    restarts: total(({ resets }) => resets),
    errors: total(({ errors }) => errors),
    readP99: growth.quantile(0.99, POLL_DURATION_BUCKETS, (totals) => totals.engines[position]?.poll),
    ageP50: age(0.5),
    ageP99: age(0.99),
    lastEventAt: counters.lastEventTimestampSeconds > 0 ? counters.lastEventTimestampSeconds : null,
    storedRate: growth.rate(of(({ stored }) => stored)),
    removedRate: growth.rate(of(({ removed }) => removed)),
    usage: data[position]?.load.table.fullestUsage ?? null,
    indexedBlocks: pipeline.index === null ? null : shared.index(INDEX_CELLS.engineBlocks + position),
    ranks: Array.from({ length: shownRanks }, (_, rank) =>
      rankOf(
        rank,
        base,
        counters,
        data[position],
        growth.rate(of(({ lastEventId }) => Math.max(0, lastEventId[rank] ?? 0))),
      ),
    ),
    ranksLeftOut: counters.ranks - shownRanks,
  };
}

function rankOf(
  rank: number,
  base: number,
  counters: EngineCounters,
  data: LiveEngineData | undefined,
  rate: number,
): LiveRank {
  const blocks = data?.load.table.max(rank) ?? 0;
  return {
    rank: base + rank,
    used: blocks > 0 ? (data?.load.table.used(rank) ?? null) : null,
    blocks: blocks > 0 ? blocks : null,
    rate,
    missing: counters.missingIds[rank] ?? 0,
    dirty: counters.dirty.has(rank),
  };
}
