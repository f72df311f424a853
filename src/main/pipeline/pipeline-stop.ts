/**
 * The order in which a pipeline ends, from the source's side to the sockets. MAIN THREAD; called once, by the pipeline.
 *
 *   close the feed ─► drain word ─► publisher answers ─► index thread keeps its state ─► stop word ─► threads end
 *
 * What was taken is published until the deadline; then the rest is given up and counted. The state is written only after an end
 * at which nothing was lost: an index that lacks what was given up would answer wrongly the next time.
 */
import type { SavedState } from "../../shared/index-messages.ts";
import { STOP } from "../../shared/ring-layout.ts";
import { countRest } from "./last-count.ts";
import type { StopReport } from "./pipeline-contract.ts";
import type { PipelineThreads } from "./pipeline-threads.ts";
import type { RingFeed } from "./ring-feed.ts";

/** Kept back from the deadline for closing sockets and threads. */
const CLOSE_MS = 500;
/** Of that, what a publisher gets that has missed the deadline. */
const LAST_CHANCE_MS = 250;
/** What its socket has taken by then, and so counts as sent, may still leave for so long. */
const LAST_WORDS_MS = 200;

export interface PipelineStop {
  readonly feed: RingFeed;
  readonly threads: PipelineThreads;
  /** For all of it; not more than 0 gives up at once what has not left. */
  readonly deadlineMs: number;
  /** Whether other threads of the process use zeromq: see PipelineOptions. */
  readonly sharesZmq: boolean;
  /** Whether events go to NATS, so that some may wait for a confirmation. */
  readonly confirmsEvents: boolean;
  /** Sockets were bound, so that numbers may have been given out. */
  readonly wasStarted: () => boolean;
  /** The number before the first one of this pipeline. */
  readonly sequenceBefore: number;
  /** What the index thread writes after an orderly end; null: nothing. */
  readonly stateToKeep: (nextSequence: number) => SavedState | null;
}

/** Resolves when all threads are gone; does not reject. */
export async function stopPipeline(stop: PipelineStop): Promise<StopReport> {
  const { feed, threads, wasStarted } = stop;
  const { publisher, pool, indexer, snapshots } = threads;
  const endMs = performance.now() + Math.max(0, stop.deadlineMs - CLOSE_MS);
  const left = (): number => Math.max(0, endMs - performance.now());
  feed.ring.requestStop(STOP.hurry);
  const discarded = await feed.close(left, () => publisher.alive);
  feed.ring.requestStop(STOP.drain, stop.sharesZmq ? Math.min(left(), CLOSE_MS) : left());
  // One that has nothing to publish needs no time for it, and what the index thread keeps depends on its answer.
  const isIdle = feed.enqueuedEvents === 0;
  let dropped = await publisher.stop(isIdle ? Math.max(left(), LAST_CHANCE_MS) : left());
  const forced = dropped === null;
  const isUnused = !wasStarted() || (isIdle && dropped !== null && threads.lastSequence() === stop.sequenceBefore);
  if (dropped !== null || isUnused) {
    const state = dropped === 0 && discarded === 0 ? stop.stateToKeep(threads.lastSequence() + 1) : null;
    await indexer?.stop(isUnused ? Math.max(left(), LAST_CHANCE_MS) : left(), state, isUnused);
  }
  pool.expectEnd();
  indexer?.expectEnd();
  feed.ring.requestStop(STOP.now, forced && stop.deadlineMs > 0 ? LAST_WORDS_MS : 0);
  if (forced) dropped = await publisher.stop(LAST_CHANCE_MS);
  // One that answered ends when its socket has let go; one that did not is ended at once.
  await Promise.all([
    publisher.join(dropped === null ? 0 : left() + 2 * CLOSE_MS),
    pool.stop(CLOSE_MS),
    indexer?.stop(LAST_CHANCE_MS, null, false),
  ]);
  snapshots.close();
  const leftOver = countRest(publisher.counters, feed.enqueuedEvents, stop.confirmsEvents);
  return { droppedEvents: (dropped ?? 0) + leftOver, forced: forced || leftOver > 0 };
}
