/**
 * The figures of a row of iteration statistics that make metrics. MAIN THREAD, pure.
 *
 * They are gauges for people, so one that cannot be counts as absent and costs nothing else of its row. Names come from a table:
 * where each stands, and nothing about it is said twice.
 */
import { isFields } from "../../shared/json-object.ts";
import { keyed, keysOf } from "../../shared/keyed.ts";

const FIGURE_PATHS = {
  iteration: ["iter"],
  iterationMs: ["iterLatencyMS"],
  activeRequests: ["numActiveRequests"],
  queuedRequests: ["numQueuedRequests"],
  completedRequests: ["numCompletedRequests"],
  maxActiveRequests: ["maxNumActiveRequests"],
  gpuMemoryBytes: ["gpuMemUsage"],
  cpuMemoryBytes: ["cpuMemUsage"],
  pinnedMemoryBytes: ["pinnedMemUsage"],
  maxBatchSizeStatic: ["maxBatchSizeStatic"],
  maxBatchSizeRuntime: ["maxBatchSizeRuntime"],
  maxTokensRuntime: ["maxNumTokensRuntime"],
  maxBlocks: ["kvCacheStats", "maxNumBlocks"],
  freeBlocks: ["kvCacheStats", "freeNumBlocks"],
  usedBlocks: ["kvCacheStats", "usedNumBlocks"],
  tokensPerBlock: ["kvCacheStats", "tokensPerBlock"],
  hitRate: ["kvCacheStats", "cacheHitRate"],
  reusedBlocks: ["kvCacheStats", "reusedBlocks"],
  missedBlocks: ["kvCacheStats", "missedBlocks"],
  scheduledRequests: ["inflightBatchingStats", "numScheduledRequests"],
  contextRequests: ["inflightBatchingStats", "numContextRequests"],
  generationRequests: ["inflightBatchingStats", "numGenRequests"],
  pausedRequests: ["inflightBatchingStats", "numPausedRequests"],
  contextTokens: ["inflightBatchingStats", "numCtxTokens"],
  decodedTokensPerIteration: ["inflightBatchingStats", "avgNumDecodedTokensPerIter"],
  draftTokens: ["specDecodingStats", "numDraftTokens"],
  acceptedTokens: ["specDecodingStats", "numAcceptedTokens"],
  acceptanceLength: ["specDecodingStats", "acceptanceLength"],
  draftOverhead: ["specDecodingStats", "draftOverhead"],
} as const;

export type FigureName = keyof typeof FIGURE_PATHS;
/** Null for what the engine does not give. Counts, bytes, ratios; times in milliseconds. */
export type EngineFigures = Readonly<Record<FigureName, number | null>>;

const NAMES: readonly FigureName[] = keysOf(FIGURE_PATHS);

/** Reads them of a parsed row. */
export function engineFiguresOf(row: Readonly<Record<string, unknown>>): EngineFigures {
  return keyed(NAMES, (name) => {
    const [outer, inner]: readonly [string, string?] = FIGURE_PATHS[name];
    const value = row[outer];
    return figureOf(inner === undefined ? value : isFields(value) ? value[inner] : null);
  });
}

function figureOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}
