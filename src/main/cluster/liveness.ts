/**
 * Whether the workers are still there, after the handshake. MAIN THREAD.
 *
 * A ping every so often; whoever is silent for too long is lost, and comes back with its next answer. A worker that was started
 * anew has never heard of the caches and answers no ping: it is told again, which changes nothing for the others.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ClusterCancelledError } from "./cluster-error.ts";
import type { Broadcaster } from "./handshake.ts";
import { encodeLeaderMetadata, type LeaderMetadata } from "./metadata.ts";
import type { WorkerAnswer } from "./pending-call.ts";
import type { KnownWorker } from "./roster.ts";

const EVERY_MS = 1000;
const LOST_AFTER_MS = 5000;

export interface LivenessOptions {
  /** What `leader_metadata` told the workers. */
  readonly plan: LeaderMetadata;
  /** Between two pings, and the longest wait for their answers. Default: 1 s. */
  readonly everyMs?: number;
  /** Silence after which a worker is lost. Default: 5 s. */
  readonly lostAfterMs?: number;
  /** Told each worker with a name that was there and is silent. */
  readonly onLost?: (worker: string) => void;
  /** Told each that was lost and answers again. */
  readonly onBack?: (worker: string) => void;
  /** Told after each ping who answered it, those without names too, and whether that is all. */
  readonly onPing?: (answers: readonly WorkerAnswer[], isComplete: boolean) => void;
}

/** The part of a leader that is watched through. */
export interface Watched extends Broadcaster {
  known(): readonly KnownWorker[];
}

/** Watches until `signal` says so or the leader is closed. Never rejects. */
export async function watchWorkers(leader: Watched, options: LivenessOptions, signal: AbortSignal): Promise<void> {
  const { everyMs = EVERY_MS, lostAfterMs = LOST_AFTER_MS, plan } = options;
  const lost = new Set<string>();
  const retold = encodeLeaderMetadata(plan);
  while (!signal.aborted) {
    const startMs = performance.now();
    try {
      const { answers, isComplete } = await leader.broadcast("ping", [], { timeoutMs: everyMs, signal });
      options.onPing?.(answers, isComplete);
      if (!isComplete) await leader.broadcast("leader_metadata", [retold], { timeoutMs: everyMs, signal });
    } catch (error) {
      if (error instanceof ClusterCancelledError) return;
      throw error;
    }
    for (const { worker, lastHeardMs } of leader.known()) {
      const isSilent = performance.now() - lastHeardMs > lostAfterMs;
      if (isSilent && !lost.has(worker)) {
        lost.add(worker);
        options.onLost?.(worker);
      } else if (!isSilent && lost.delete(worker)) {
        options.onBack?.(worker);
      }
    }
    const restMs = startMs + everyMs - performance.now();
    if (restMs > 0) await sleep(restMs, undefined, { signal }).catch(() => {});
  }
}
