/**
 * One finished request as the engine measured it: when each phase began, what its cache found, what speculation won. MAIN
 * THREAD, pure.
 *
 * The engine writes 0, null or nothing for what it did not measure; all three are null here, so that no phase of zero
 * seconds is made up. A figure that cannot be (a negative time, half a block) makes the whole record worthless: who mixed
 * up one field has mixed up others.
 */
import { isFields } from "../../shared/json-object.ts";

/** Why an entry gives no record. A closed list: it becomes a label. */
export const PERF_FAULTS = [
  "not_object",
  "request_id",
  "no_metrics",
  "time",
  "count",
  "rate",
  "too_large",
  "too_deep",
] as const;
export type PerfFault = (typeof PERF_FAULTS)[number];

/** Moments in seconds of the engine's steady clock; null where it did not say. */
export interface PerfTimes {
  /** The HTTP server of the engine had the request. */
  readonly serverArrival: number | null;
  /** The executor had it. */
  readonly arrival: number | null;
  readonly firstScheduled: number | null;
  readonly firstToken: number | null;
  /** The HTTP server sent the first token. */
  readonly serverFirstToken: number | null;
  readonly lastToken: number | null;
}

/** The cache that came from a prefill server. */
export interface PerfTransfer {
  readonly bytes: number;
  readonly start: number | null;
  readonly end: number | null;
}

export interface PerfBlocks {
  readonly allocated: number;
  /** Of these, blocks that were taken anew. */
  readonly allocatedNew: number;
  readonly reused: number;
  readonly missed: number;
}

export interface PerfSpeculation {
  /** Accepted of the drafted tokens, 0 to 1. */
  readonly acceptance: number;
  readonly acceptedTokens: number;
  readonly draftTokens: number;
}

export interface PerfMetrics {
  readonly firstIteration: number | null;
  readonly lastIteration: number | null;
  readonly times: PerfTimes;
  readonly transfer: PerfTransfer | null;
  readonly blocks: PerfBlocks | null;
  readonly speculation: PerfSpeculation | null;
}

export interface PerfRecord extends PerfMetrics {
  /** A decimal u64, or a short text of letters, digits and `_.:-`. */
  readonly requestId: string;
  /** The same request on its prefill server; null without one. */
  readonly contextRequestId: string | null;
  /** Which half of a disaggregated request it is, when an orchestrator tells both; `whole` otherwise. */
  readonly part: "whole" | "context" | "generation";
}

/** Steady clocks count from the start of a machine; some are set to the wall clock. Both stay far below. */
const MAX_SECONDS = 1e11;
/** Sums of two stay exact. */
const MAX_COUNT: number = 2 ** 52 - 1;

/** Reads a parsed `perf_metrics` object. A fault's name instead, where it is none or holds what cannot be. */
export function perfMetricsOf(value: unknown): PerfMetrics | PerfFault {
  if (!isFields(value)) return "no_metrics";
  const reader = new FieldReader();
  const timing = reader.object(value["timing_metrics"]);
  const cache = reader.object(value["kv_cache_metrics"]);
  const speculation = reader.object(value["speculative_decoding"]);
  const metrics: PerfMetrics = {
    firstIteration: reader.count(value["first_iter"]),
    lastIteration: reader.count(value["last_iter"]),
    times: {
      serverArrival: reader.time(timing["server_arrival_time"]),
      arrival: reader.time(timing["arrival_time"]),
      firstScheduled: reader.time(timing["first_scheduled_time"]),
      firstToken: reader.time(timing["first_token_time"]),
      serverFirstToken: reader.time(timing["server_first_token_time"]),
      lastToken: reader.time(timing["last_token_time"]),
    },
    transfer: transferOf(reader, timing),
    blocks: blocksOf(reader, cache),
    speculation: speculationOf(reader, speculation),
  };
  if (reader.fault !== null) return reader.fault;
  // Without its beginning and its end nothing can be said of a request.
  const { arrival, lastToken } = metrics.times;
  return arrival === null && lastToken === null ? "time" : metrics;
}

/** Without a size there was no transfer: an aggregated engine leaves all three out, some releases write zeros. */
function transferOf(reader: FieldReader, timing: Fields): PerfTransfer | null {
  const bytes = reader.count(timing["kv_cache_size"]) ?? 0;
  const start = reader.time(timing["kv_cache_transfer_start"]);
  const end = reader.time(timing["kv_cache_transfer_end"]);
  return bytes === 0 && (start === null || end === null) ? null : { bytes, start, end };
}

function blocksOf(reader: FieldReader, cache: Fields): PerfBlocks | null {
  const allocated = reader.count(cache["num_total_allocated_blocks"]);
  const allocatedNew = reader.count(cache["num_new_allocated_blocks"]);
  const reused = reader.count(cache["num_reused_blocks"]);
  const missed = reader.count(cache["num_missed_blocks"]);
  if (reused === null && missed === null && allocated === null) return null;
  return { allocated: allocated ?? 0, allocatedNew: allocatedNew ?? 0, reused: reused ?? 0, missed: missed ?? 0 };
}

/** The totals say more than the rate, which the engine rounds; without drafts there was no speculation. */
function speculationOf(reader: FieldReader, fields: Fields): PerfSpeculation | null {
  const rate = reader.rate(fields["acceptance_rate"]);
  const acceptedTokens = reader.count(fields["total_accepted_draft_tokens"]) ?? 0;
  const draftTokens = reader.count(fields["total_draft_tokens"]) ?? 0;
  if (draftTokens === 0) return null;
  if (acceptedTokens > draftTokens) reader.refuse("count");
  return { acceptance: acceptedTokens > 0 ? acceptedTokens / draftTokens : (rate ?? 0), acceptedTokens, draftTokens };
}

type Fields = Readonly<Record<string, unknown>>;
const NO_FIELDS: Fields = {};

/** Reads fields by type and remembers the first that cannot be. */
class FieldReader {
  fault: PerfFault | null = null;

  refuse(fault: PerfFault): null {
    this.fault ??= fault;
    return null;
  }

  object(value: unknown): Fields {
    if (value === undefined || value === null) return NO_FIELDS;
    if (isFields(value)) return value;
    this.refuse("no_metrics");
    return NO_FIELDS;
  }

  time(value: unknown): number | null {
    if (value === undefined || value === null || value === 0) return null;
    return typeof value === "number" && value > 0 && value < MAX_SECONDS ? value : this.refuse("time");
  }

  count(value: unknown): number | null {
    if (value === undefined || value === null) return null;
    const isCount = typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_COUNT;
    return isCount ? value : this.refuse("count");
  }

  rate(value: unknown): number | null {
    if (value === undefined || value === null) return null;
    return typeof value === "number" && value >= 0 && value <= 1 ? value : this.refuse("rate");
  }
}
