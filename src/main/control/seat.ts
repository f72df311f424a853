/**
 * The place of the leader while no command has it, taken by one of the workers that wait for each other. MAIN THREAD.
 *
 *   vacant ──bound──► handshake ──all ready──► kvcast_start, pings ──a command asks──► left, vacant for a moment
 *
 * Whoever can bind the addresses leads; the others see that somebody does and look again from time to time, so that the next one
 * takes over when the first has gone. A worker that was started anew has its start as soon as all answer again. Where the
 * addresses are another machine's, a worker of that machine leads.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { CurveKeyPair } from "../../shared/curve.ts";
import { BindError } from "../../shared/errors.ts";
import { ClusterCancelledError } from "../cluster/cluster-error.ts";
import type { LeaderEndpoints } from "../cluster/endpoints.ts";
import { ClusterLeader } from "../cluster/leader.ts";
import { isInUse } from "../cluster/leader-sockets.ts";
import type { WorkerAnswer } from "../cluster/pending-call.ts";
import type { Logger } from "../log.ts";
import { bindable } from "./bindable.ts";
import { jsonFrame, namesOf, START } from "./commands.ts";

/** Between two looks at the place, and up to twice that, so that not all workers try at once. */
const LOOK_EVERY_MS = 250;
/** Longer than whoever asked for it needs to bind. */
const LEAVE_MS = 2000;
const START_TIMEOUT_MS = 1000;
/** Before that nobody need be told who is missing. */
const QUIET_MS = 3000;
/** Handshakes have no end of their own: each worker knows how long it waits. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

const NO_CACHES = { numHostBlocks: 0, numDiskBlocks: 0 };

export interface SeatOptions {
  readonly leader: LeaderEndpoints;
  /** What all of the cluster share; null: nothing is encrypted. */
  readonly curve: CurveKeyPair | null;
  /** Workers, this one among them. */
  readonly size: number;
  /** Whether there is a leader, this one or another. */
  readonly isTaken: () => boolean;
  readonly log: Logger;
}

/** Keeps it until `signal` says so. Never rejects. */
export async function keepSeat(options: SeatOptions, signal: AbortSignal): Promise<void> {
  let restMs = 0;
  let vacantLooks = 0;
  while (!signal.aborted) {
    await pause(restMs + LOOK_EVERY_MS * (1 + Math.random()), signal);
    restMs = 0;
    vacantLooks = options.isTaken() ? 0 : vacantLooks + 1;
    // Twice: whoever asked the last leader to leave comes first.
    if (signal.aborted || vacantLooks < 2) continue;
    vacantLooks = 0;
    const outcome = await lead(options, signal);
    if (outcome === "not_ours") return;
    if (outcome === "yielded") restMs = LEAVE_MS;
  }
}

async function lead(options: SeatOptions, signal: AbortSignal): Promise<"taken" | "not_ours" | "yielded" | "stopped"> {
  const { size, curve, log } = options;
  const endpoints = await bindable(options.leader);
  const left = new AbortController();
  let leader: ClusterLeader;
  try {
    const onYield = (): void => left.abort();
    const onRestart = (worker: string): void => {
      log.info("a worker of the cluster was started anew", { worker });
    };
    leader = await ClusterLeader.bind({ endpoints, numWorkers: size, patienceMs: 0, onYield, onRestart, curve });
  } catch (error) {
    const taken = error instanceof BindError && isInUse(error.cause);
    if (!taken) log.info("the cluster is led from elsewhere", { reason: String(error) });
    return taken ? "taken" : "not_ours";
  }
  const startMs = performance.now();
  const until = AbortSignal.any([signal, left.signal]);
  log.info("leading the cluster", { commands: endpoints.pub, answers: endpoints.ack, workers: size });
  try {
    await leader.handshake({
      timeoutMs: FOR_EVER_MS,
      signal: until,
      onProgress: (phase, answered) => {
        if (answered < size && performance.now() - startMs > QUIET_MS) tellWaiting(leader, phase, answered, log);
      },
    });
    await watch(leader, until, log);
  } catch (error) {
    if (!(error instanceof ClusterCancelledError)) throw error;
  } finally {
    leader.close();
  }
  if (signal.aborted) return "stopped";
  log.info("leading the cluster no more: a command does");
  return "yielded";
}

function tellWaiting(leader: ClusterLeader, phase: string, answered: number, log: Logger): void {
  const there = leader.workers.map(({ worker }) => worker).join(", ");
  log.limited("cluster waits").info("the cluster is not complete", {
    phase,
    answered,
    workers: leader.numWorkers,
    there,
  });
}

/** Tells the workers to start, again whenever one of them is another process than before. */
async function watch(leader: ClusterLeader, signal: AbortSignal, log: Logger): Promise<void> {
  let startedBoots = "";
  const start = async (boots: string, answers: readonly WorkerAnswer[]): Promise<void> => {
    const workers = namesOf(answers.map(({ worker }) => worker));
    const { isComplete } = await leader.broadcast(START, [jsonFrame({ workers })], {
      timeoutMs: START_TIMEOUT_MS,
      signal,
    });
    if (!isComplete || boots === startedBoots) return;
    startedBoots = boots;
    log.info("all workers of the cluster are ready", { workers: leader.numWorkers });
  };
  await leader.watch(
    {
      plan: NO_CACHES,
      onLost: (worker) => log.warn("a worker of the cluster does not answer", { worker }),
      onBack: (worker) => log.info("a worker of the cluster is back", { worker }),
      onPing: (answers, isComplete) => {
        const boots = bootsOf(answers);
        // What ends it, ends the watch too.
        if (isComplete && boots !== startedBoots) start(boots, answers).catch(() => {});
      },
    },
    signal,
  );
}

function bootsOf(answers: readonly WorkerAnswer[]): string {
  return answers
    .map(({ boot }) => boot ?? "")
    .toSorted()
    .join();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
