/** Rows of an engine's iteration statistics, as parsed JSON and as subscribers see them. */
import { type IterationStat, iterationStatOf } from "../../src/main/load/iteration-stat.ts";

export type Row = Record<string, unknown>;

/** Every figure is different or adds up to something different, so that no two can be mixed up. */
export const INFLIGHT: Readonly<Record<string, number>> = {
  numContextRequests: 3,
  numCtxTokens: 1024,
  numCtxKvTokens: 256,
  numGenRequests: 5,
  numGenKvTokens: 9000,
  numQueuedContextRequests: 2,
  numQueuedCtxTokens: 512,
  numQueuedGenRequests: 1,
  numQueuedGenKvTokens: 400,
  numPausedRequests: 1,
  numPausedKvTokens: 800,
};

/** A row of rank 0 with 10 of 100 blocks in use; `inflight` changes single figures. */
export function row(over: Row = {}, inflight: Row = {}): Row {
  return {
    iterLatencyMS: 25,
    attentionDpRank: 0,
    kvCacheStats: { usedNumBlocks: 10, maxNumBlocks: 100 },
    inflightBatchingStats: { ...INFLIGHT, ...inflight },
    ...over,
  };
}

/** The same row without one of its fields. */
export function without(from: Row, field: string): Row {
  return Object.fromEntries(Object.entries(from).filter(([key]) => key !== field));
}

/** A row as subscribers see it. Throws where it is refused. */
export function stat(over: Row = {}, inflight: Row = {}): IterationStat {
  const made = iterationStatOf(row(over, inflight));
  if (made === null) throw new Error("the row is refused");
  return made;
}

/** A row of a rank with so many blocks in use. */
export function usage(rank: number, usedNumBlocks: number): IterationStat {
  return stat({ attentionDpRank: rank, kvCacheStats: { usedNumBlocks, maxNumBlocks: 100 } });
}
