/**
 * The rows of `/metrics`: one per scheduler iteration and attention-DP rank, each given out once. MAIN THREAD.
 *
 * Rows are made when they are asked for: what the traffic did since the last call is spread evenly over the iterations
 * that have passed.
 */
import { GPU_MEMORY_BYTES, ITERATION_MS, LATENCY, MAX_ACTIVE_REQUESTS, type EngineView } from "./engine-view.ts";
import { PRIMARY_BLOCKS } from "./pretended-cache.ts";

/** Rows that wait at most, as with the engine's default; older ones are lost. */
const MAX_ROWS = 1000;

type Row = Record<string, unknown>;

/** What a row tells of the traffic, as it stood at one moment. */
interface Totals {
  readonly storedBlocks: number;
  readonly reusedBlocks: number;
  readonly requestsStarted: number;
  readonly requestsFinished: number;
}

export class IterationStats {
  readonly #now: () => number;
  readonly #startedAt: number;
  #lastIteration = 0;
  #last: Totals = { storedBlocks: 0, reusedBlocks: 0, requestsStarted: 0, requestsFinished: 0 };

  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  /** The rows since the last call, with the engine's names for everything. */
  take(view: EngineView): Row[] {
    const iteration = Math.floor((this.#now() - this.#startedAt) / ITERATION_MS);
    const passed = iteration - this.#lastIteration;
    const kept = Math.min(passed, Math.floor(MAX_ROWS / view.ranks));
    const from = this.#last;
    const rows: Row[] = [];
    let before = between(from, view.counts, (passed - kept) / passed);
    for (let i = passed - kept + 1; i <= passed; i++) {
      const after = between(from, view.counts, i / passed);
      for (let rank = 0; rank < view.ranks; rank++) {
        rows.push(row(view, rank, this.#lastIteration + i, before, after));
      }
      before = after;
    }
    // With no iteration in between, what happened belongs to the next one.
    if (passed > 0) this.#last = view.counts;
    this.#lastIteration = iteration;
    return rows;
  }
}

/** The totals when `share` of the way from one reading to the next was gone. */
function between(from: Totals, to: Totals, share: number): Totals {
  const at = (key: keyof Totals): number => Math.round(from[key] + (to[key] - from[key]) * share);
  return {
    storedBlocks: at("storedBlocks"),
    reusedBlocks: at("reusedBlocks"),
    requestsStarted: at("requestsStarted"),
    requestsFinished: at("requestsFinished"),
  };
}

/** A rank's part of a whole number; the parts of all ranks add up to it. */
function part(total: number, rank: number, ranks: number): number {
  return Math.floor((total + rank) / ranks);
}

function row(view: EngineView, rank: number, iteration: number, before: Totals, after: Totals): Row {
  const { ranks, tokensPerBlock, hitRate } = view;
  const total = (key: keyof Totals): number => part(after[key], rank, ranks);
  const since = (key: keyof Totals): number => total(key) - part(before[key], rank, ranks);
  const running = part(view.runningRequests, rank, ranks);
  const used = part(view.usedBlocks, rank, ranks);
  const prefilling = Math.min(since("requestsStarted"), running);
  return {
    cpuMemUsage: 0,
    gpuMemUsage: GPU_MEMORY_BYTES,
    inflightBatchingStats: {
      avgNumDecodedTokensPerIter: 0,
      microBatchId: 0,
      numContextRequests: prefilling,
      numCtxTokens: since("storedBlocks") * tokensPerBlock,
      numGenRequests: running - prefilling,
      numPausedRequests: 0,
      numScheduledRequests: running,
    },
    iter: iteration,
    iterLatencyMS: ITERATION_MS,
    kvCacheStats: {
      allocNewBlocks: total("storedBlocks"),
      allocTotalBlocks: total("storedBlocks"),
      cacheHitRate: hitRate,
      freeNumBlocks: PRIMARY_BLOCKS - used,
      maxNumBlocks: PRIMARY_BLOCKS,
      missedBlocks: total("storedBlocks"),
      reusedBlocks: total("reusedBlocks"),
      tokensPerBlock,
      usedNumBlocks: used,
    },
    maxBatchSizeRuntime: 0,
    maxBatchSizeStatic: 0,
    maxBatchSizeTunerRecommended: 0,
    maxNumActiveRequests: MAX_ACTIVE_REQUESTS,
    maxNumTokensRuntime: 0,
    maxNumTokensStatic: 0,
    maxNumTokensTunerRecommended: 0,
    newActiveRequestsQueueLatencyMS: prefilling > 0 ? LATENCY.queue * 1000 : 0,
    numActiveRequests: running,
    numCompletedRequests: since("requestsFinished"),
    numNewActiveRequests: since("requestsStarted"),
    numQueuedRequests: 0,
    pinnedMemUsage: 0,
    queuedNumDecodeRequests: 0,
    queuedNumPrefillRequests: 0,
    queuedSumDecodeKvTokens: 0,
    queuedSumPrefillTokens: 0,
    scheduledNumDecodeRequests: running - prefilling,
    scheduledNumPrefillRequests: prefilling,
    scheduledSumDecodeKvTokens: used * tokensPerBlock,
    scheduledSumPrefillKvTokens: since("reusedBlocks") * tokensPerBlock,
    scheduledSumPrefillTokens: since("storedBlocks") * tokensPerBlock,
    specDecodingStats: null,
    staticBatchingStats: null,
    timestamp: "",
    attentionDpRank: rank,
  };
}
