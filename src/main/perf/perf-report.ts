/**
 * The answer of `/v1/perf/requests`: slow requests, where their time went, what their cache found, and what the cache did
 * meanwhile. MAIN THREAD; made when it is asked for.
 *
 * Two sources meet here that know nothing of each other: the engine's records of requests, on the engine's clock, and the events
 * of its cache, on ours. They are joined by time only. No event tells which request it belongs to, so what stands beside a
 * request is what the whole engine's cache did while it ran.
 */
import type { CacheActivity, CacheRates } from "./cache-activity.ts";
import { reuseOf } from "./perf-histograms.ts";
import type { PerfPhases, Phase } from "./perf-phases.ts";
import type { PerfQuery, PerfSort } from "./perf-query.ts";
import type { KeptRequest } from "./perf-ring.ts";
import type { PerfRecord } from "./perf-record.ts";
import { PERF_HINTS, type PerfState } from "./perf-status.ts";
import { keyed } from "../../shared/keyed.ts";

/** What one engine has to offer. */
export interface PerfView {
  readonly engine: string;
  readonly state: PerfState;
  /** In no order. */
  requests(): readonly KeptRequest[];
  readonly activity: CacheActivity;
  /** How wrong the times of requests may be on our clock, in milliseconds; null while they are not known. */
  clockErrorMs(): number | null;
  /** Entries that gave no record. */
  readonly badRecords: number;
}

/** The times that percentiles are given of. */
export const PERCENTILE_FIELDS = ["queue", "transfer", "prefill", "decode", "ttft", "itl", "e2e"] as const;
type PercentileField = (typeof PERCENTILE_FIELDS)[number];

export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface RatesJson {
  readonly events_per_s: number;
  readonly stored_blocks_per_s: number;
  readonly removed_blocks_per_s: number;
  readonly missing_ids: number;
  readonly usage: number | null;
  readonly covered: number;
}

export interface RequestJson {
  readonly engine: string;
  readonly request_id: string;
  readonly context_request_id: string | null;
  readonly part: PerfRecord["part"];
  /** Unix time; null while the engine's clock is not known. */
  readonly arrived_at: number | null;
  /** Unix time at which its record was read. */
  readonly read_at: number;
  readonly seconds: Readonly<Record<PercentileField, number | null>>;
  readonly longest: Phase | null;
  readonly blocks: {
    readonly allocated: number;
    readonly allocated_new: number;
    readonly reused: number;
    readonly missed: number;
    readonly reuse: number | null;
  } | null;
  readonly transfer: { readonly bytes: number; readonly bytes_per_second: number | null } | null;
  readonly speculation: {
    readonly acceptance: number;
    readonly accepted_tokens: number;
    readonly draft_tokens: number;
  } | null;
  readonly iterations: number | null;
  /** Null where it is not known when the request ran, or that is too long ago. */
  readonly cache: RatesJson | null;
}

export interface PerfReport {
  readonly engines: Readonly<
    Record<
      string,
      {
        readonly state: PerfState;
        readonly hint: string | null;
        readonly requests: number;
        readonly bad_records: number;
        readonly clock_error_s: number | null;
        /** Mean of the last ten minutes; what a request's own figures are to be compared with. */
        readonly cache: RatesJson | null;
      }
    >
  >;
  /** Requests that the filters let through; the list below may be shorter. */
  readonly matching: number;
  /** Of those, by time; a time that none of them has is left out. */
  readonly percentiles: Readonly<Partial<Record<PercentileField, Percentiles>>>;
  readonly requests: readonly RequestJson[];
}

/** The two clocks at one moment: monotonic milliseconds, and Unix seconds. */
export interface Moment {
  readonly monotonicMs: number;
  readonly unixSeconds: number;
}

interface Match {
  readonly view: PerfView;
  readonly request: KeptRequest;
  readonly key: number;
}

export function perfReport(views: readonly PerfView[], query: PerfQuery, now: Moment): PerfReport {
  const wanted = views.filter(({ engine }) => query.engine === null || engine === query.engine);
  const matches = wanted.flatMap((view) => matchesOf(view, query, now));
  // By id where keys are equal: two calls in a row give the same list.
  const sorted = matches.toSorted((a, b) => b.key - a.key || compareIds(a.request.record, b.request.record));
  return {
    engines: Object.fromEntries(wanted.map((view) => [view.engine, engineJson(view)])),
    matching: matches.length,
    percentiles: percentilesOf(matches),
    requests: sorted.slice(0, query.limit).map((match) => requestJson(match, now)),
  };
}

function matchesOf(view: PerfView, query: PerfQuery, now: Moment): Match[] {
  const oldest = now.monotonicMs - query.sinceSeconds * 1000;
  const matches: Match[] = [];
  for (const request of view.requests()) {
    const { phases, readMs } = request;
    const seconds = phases[query.sort === "finished" ? "e2e" : query.sort];
    if (readMs < oldest || (query.phase !== null && phases.longest !== query.phase)) continue;
    if (seconds === null ? query.minSeconds > 0 : seconds < query.minSeconds) continue;
    matches.push({ view, request, key: sortKey(request, query.sort) });
  }
  return matches;
}

/** What is not known comes last. */
function sortKey({ phases, readMs, span }: KeptRequest, sort: PerfSort): number {
  return sort === "finished" ? (span?.untilMs ?? readMs) : (phases[sort] ?? -1);
}

function compareIds(a: PerfRecord, b: PerfRecord): number {
  return a.requestId.length - b.requestId.length || (a.requestId < b.requestId ? -1 : 1);
}

function engineJson(view: PerfView): PerfReport["engines"][string] {
  const errorMs = view.clockErrorMs();
  return {
    state: view.state,
    hint: PERF_HINTS[view.state],
    requests: view.requests().length,
    bad_records: view.badRecords,
    clock_error_s: errorMs === null ? null : rounded(errorMs / 1000),
    cache: ratesJson(view.activity.overall()),
  };
}

function requestJson({ view, request }: Match, now: Moment): RequestJson {
  const { record, phases, span, readMs } = request;
  const unix = (ms: number): number => rounded(now.unixSeconds + (ms - now.monotonicMs) / 1000);
  const { blocks, transfer, speculation, firstIteration, lastIteration } = record;
  return {
    engine: view.engine,
    request_id: record.requestId,
    context_request_id: record.contextRequestId,
    part: record.part,
    arrived_at: span === null ? null : unix(span.fromMs),
    read_at: unix(readMs),
    seconds: secondsOf(phases),
    longest: phases.longest,
    blocks:
      blocks === null
        ? null
        : {
            allocated: blocks.allocated,
            allocated_new: blocks.allocatedNew,
            reused: blocks.reused,
            missed: blocks.missed,
            reuse: roundedOrNull(reuseOf(record)),
          },
    transfer:
      transfer === null
        ? null
        : {
            bytes: transfer.bytes,
            bytes_per_second: phases.transfer ? Math.round(transfer.bytes / phases.transfer) : null,
          },
    speculation:
      speculation === null
        ? null
        : {
            acceptance: rounded(speculation.acceptance),
            accepted_tokens: speculation.acceptedTokens,
            draft_tokens: speculation.draftTokens,
          },
    iterations: firstIteration === null || lastIteration === null ? null : lastIteration - firstIteration + 1,
    cache: span === null ? null : ratesJson(view.activity.between(span.fromMs, span.untilMs)),
  };
}

function secondsOf(phases: PerfPhases): RequestJson["seconds"] {
  return keyed(PERCENTILE_FIELDS, (field) => roundedOrNull(phases[field]));
}

function ratesJson(rates: CacheRates | null): RatesJson | null {
  if (rates === null) return null;
  return {
    events_per_s: rounded(rates.events),
    stored_blocks_per_s: rounded(rates.stored),
    removed_blocks_per_s: rounded(rates.removed),
    missing_ids: rates.missing,
    usage: roundedOrNull(rates.usage),
    covered: rounded(rates.covered),
  };
}

function percentilesOf(matches: readonly Match[]): PerfReport["percentiles"] {
  const result: Partial<Record<PercentileField, Percentiles>> = {};
  for (const field of PERCENTILE_FIELDS) {
    const values = Float64Array.from(matches.flatMap(({ request }) => request.phases[field] ?? [])).toSorted();
    if (values.length === 0) continue;
    // The nearest rank: a time that a request really took.
    const at = (share: number): number => rounded(values[Math.ceil(values.length * share) - 1] ?? 0);
    result[field] = { count: values.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
  }
  return result;
}

/** To microseconds: the engine's clock tells no more. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function roundedOrNull(value: number | null): number | null {
  return value === null ? null : rounded(value);
}
