/**
 * The stand-in engine's state as its statistics show it, derived from the traffic. MAIN THREAD.
 *
 * Requests, blocks and tokens are those of the traffic; memory sizes and latencies are plausible constants.
 */
import type { TrafficCounts } from "../engine/traffic.ts";
import type { EventFeed } from "./event-feed.ts";
import { PRIMARY_BLOCKS } from "./pretended-cache.ts";
import type { SimConfig } from "./sim-config.ts";

export const MODEL_NAME = "made-up-8b";
export const MAX_ACTIVE_REQUESTS = 256;
export const GPU_MEMORY_BYTES = 68_719_476_736;
/** One scheduler step, and so one row of `/metrics`. */
export const ITERATION_MS = 20;
/** Latencies of each pretended request, in seconds. */
export const LATENCY = { queue: 0.004, prefill: 0.18, decode: 3.8, perToken: 0.019 } as const;
/** Tokens that each request generates. */
export const OUTPUT_TOKENS = 200;

export interface EngineView {
  readonly counts: TrafficCounts;
  readonly usedBlocks: number;
  readonly runningRequests: number;
  readonly tokensPerBlock: number;
  readonly ranks: number;
  /** Share of the looked-up blocks that were found. */
  readonly hitRate: number;
}

/** The state now. */
export function viewOf(feed: EventFeed, config: SimConfig): EngineView {
  feed.advance();
  const { counts } = feed.traffic;
  const lookedUp = counts.reusedBlocks + counts.storedBlocks;
  return {
    counts,
    usedBlocks: Math.min(feed.traffic.liveBlocks, PRIMARY_BLOCKS),
    runningRequests: feed.traffic.runningRequests,
    tokensPerBlock: config.kvBlockSizeTokens,
    ranks: config.traffic.ranks,
    hitRate: lookedUp === 0 ? 0 : counts.reusedBlocks / lookedUp,
  };
}
