/**
 * One row of an engine's iteration statistics: what a rank did in one scheduler iteration. MAIN THREAD, pure.
 *
 * Of some fifty fields only those are read that someone here needs. An absent figure and a null mean the same. What a
 * row must not do is lie: where the rank or the use of the cache is nonsense, the row is refused as a whole. The
 * forward-pass figures are newer than the rest and differ by release, so a bad one only counts as absent.
 */
import { isFields } from "../../shared/json-object.ts";
import { keyed } from "../../shared/keyed.ts";
import { MAX_RANK } from "../../shared/record.ts";
import { type EngineFigures, engineFiguresOf } from "./engine-figures.ts";

/** Requests and tokens of one forward pass: what was scheduled, and what waited. */
export interface ForwardPassFigures {
  readonly scheduledPrefillRequests: number;
  readonly scheduledPrefillTokens: number;
  readonly scheduledPrefillKvTokens: number;
  readonly scheduledDecodeRequests: number;
  readonly scheduledDecodeKvTokens: number;
  readonly queuedPrefillRequests: number;
  readonly queuedPrefillTokens: number;
  readonly queuedDecodeRequests: number;
  readonly queuedDecodeKvTokens: number;
}

export interface IterationStat {
  /** Attention-DP rank, 0 … MAX_RANK; 0 where the engine names none. */
  readonly rank: number;
  /** Cache blocks in use; null where the engine does not say. */
  readonly usedBlocks: number | null;
  /** Cache blocks there are; null where the engine does not say. */
  readonly maxBlocks: number | null;
  /** 0 where the engine does not say. */
  readonly iterationSeconds: number;
  /** 0 for every figure that the engine does not give. */
  readonly forwardPass: ForwardPassFigures;
  /** Whether it gives all of them. */
  readonly forwardPassComplete: boolean;
  /** What else it tells. */
  readonly figures: EngineFigures;
}

/** The in-flight batching figures that make up a forward pass. */
export const INFLIGHT_FIELDS = [
  "numContextRequests",
  "numCtxTokens",
  "numCtxKvTokens",
  "numGenRequests",
  "numGenKvTokens",
  "numQueuedContextRequests",
  "numQueuedCtxTokens",
  "numQueuedGenRequests",
  "numQueuedGenKvTokens",
  "numPausedRequests",
  "numPausedKvTokens",
] as const;
type Inflight = Record<(typeof INFLIGHT_FIELDS)[number], number>;

/** Some releases give the same on the row itself, with the paused requests in the queue already. */
export const FLAT_FIELDS = [
  "scheduledNumPrefillRequests",
  "scheduledSumPrefillTokens",
  "scheduledSumPrefillKvTokens",
  "scheduledNumDecodeRequests",
  "scheduledSumDecodeKvTokens",
  "queuedNumPrefillRequests",
  "queuedSumPrefillTokens",
  "queuedNumDecodeRequests",
  "queuedSumDecodeKvTokens",
] as const;
type Flat = Record<(typeof FLAT_FIELDS)[number], number>;

/** Reads a parsed row. Null when it is none, or when its rank or its cache figures are not what they must be. */
export function iterationStatOf(row: unknown): IterationStat | null {
  if (!isFields(row)) return null;
  const rank = countOf(row["attentionDpRank"]) ?? 0;
  const cache = row["kvCacheStats"] ?? {};
  if (!isFields(cache) || rank === "bad" || rank > MAX_RANK) return null;
  const usedBlocks = countOf(cache["usedNumBlocks"]);
  const maxBlocks = countOf(cache["maxNumBlocks"]);
  if (usedBlocks === "bad" || maxBlocks === "bad") return null;
  const ms = row["iterLatencyMS"];
  const iterationSeconds = typeof ms === "number" && ms >= 0 && Number.isFinite(ms) ? ms / 1000 : 0;
  return { rank, usedBlocks, maxBlocks, iterationSeconds, ...forwardPassOf(row), figures: engineFiguresOf(row) };
}

function forwardPassOf(
  row: Readonly<Record<string, unknown>>,
): Pick<IterationStat, "forwardPass" | "forwardPassComplete"> {
  const batching = row["inflightBatchingStats"];
  const inflight = figuresOf(isFields(batching) ? batching : {}, INFLIGHT_FIELDS);
  if (inflight.complete) return { forwardPass: fromInflight(inflight.figures), forwardPassComplete: true };
  const flat = figuresOf(row, FLAT_FIELDS);
  if (flat.complete) return { forwardPass: fromFlat(flat.figures), forwardPassComplete: true };
  return { forwardPass: fromInflight(inflight.figures), forwardPassComplete: false };
}

function fromInflight(figures: Inflight): ForwardPassFigures {
  return {
    scheduledPrefillRequests: figures.numContextRequests,
    scheduledPrefillTokens: figures.numCtxTokens,
    scheduledPrefillKvTokens: figures.numCtxKvTokens,
    scheduledDecodeRequests: figures.numGenRequests,
    scheduledDecodeKvTokens: figures.numGenKvTokens,
    queuedPrefillRequests: figures.numQueuedContextRequests,
    queuedPrefillTokens: figures.numQueuedCtxTokens,
    // A sequence that was paused waits like one that has not begun to generate.
    queuedDecodeRequests: figures.numPausedRequests + figures.numQueuedGenRequests,
    queuedDecodeKvTokens: figures.numPausedKvTokens + figures.numQueuedGenKvTokens,
  };
}

function fromFlat(figures: Flat): ForwardPassFigures {
  return {
    scheduledPrefillRequests: figures.scheduledNumPrefillRequests,
    scheduledPrefillTokens: figures.scheduledSumPrefillTokens,
    scheduledPrefillKvTokens: figures.scheduledSumPrefillKvTokens,
    scheduledDecodeRequests: figures.scheduledNumDecodeRequests,
    scheduledDecodeKvTokens: figures.scheduledSumDecodeKvTokens,
    queuedPrefillRequests: figures.queuedNumPrefillRequests,
    queuedPrefillTokens: figures.queuedSumPrefillTokens,
    queuedDecodeRequests: figures.queuedNumDecodeRequests,
    queuedDecodeKvTokens: figures.queuedSumDecodeKvTokens,
  };
}

function figuresOf<K extends string>(
  from: Readonly<Record<string, unknown>>,
  fields: readonly K[],
): { readonly figures: Record<K, number>; readonly complete: boolean } {
  let complete = true;
  const figures = keyed(fields, (field) => {
    const count = countOf(from[field]);
    if (count !== null && count !== "bad") return count;
    complete = false;
    return 0;
  });
  return { figures, complete };
}

/** Null for what is absent. A sum of two counts must be exact too, hence the bound. */
function countOf(value: unknown): number | null | "bad" {
  if (value === undefined || value === null) return null;
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_COUNT ? value : "bad";
}

const MAX_COUNT: number = 2 ** 52 - 1;
