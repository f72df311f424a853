/**
 * `kvcast cluster`: leads for the time of one command. MAIN THREAD.
 *
 *   bind, asking a worker that keeps the place to leave it ─► gather: who is there ─► the command, once ─► answers
 *
 * Workers go on trying to connect, each once a second at least, so all that can be reached are there soon after the addresses are
 * bound. The command itself is sent once only, when they are: it may do something.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BindError } from "../../shared/errors.ts";
import { askToYield } from "../cluster/ask-to-yield.ts";
import { ClusterCancelledError } from "../cluster/cluster-error.ts";
import { ClusterLeader } from "../cluster/leader.ts";
import { isInUse } from "../cluster/leader-sockets.ts";
import type { WorkerAnswer } from "../cluster/pending-call.ts";
import type { ClusterCommandConfig } from "../config/load-cluster.ts";
import { bindable } from "./bindable.ts";
import { functionOf, HELLO, type Hello, helloOf, jsonFrame } from "./commands.ts";

/** First try to get the place: a worker may have it, and gives it when asked. */
const FIRST_PATIENCE_MS = 20;
/** Between two times that it is asked. */
const PATIENCE_MS = 500;
const ROUND_MS = 1000;
const PAUSE_MS = 20;
/** No worker has come for so long: no more will. A worker tries once in 1.1 s to connect. */
const SETTLED_MS = 1500;
/** What a worker is granted, of the time for its answer: it must still say that it was not enough. */
const WORK_SHARE = 0.9;
const MANY = 65_536;

export interface AskPorts {
  readonly signal: AbortSignal;
  /** Told how many are there, while they are gathered. */
  readonly onGathered: (there: number, wanted: number | null) => void;
  /** Told before the command is sent. */
  readonly onAsked: (names: readonly string[]) => void;
  readonly onAnswer: (answer: WorkerAnswer) => void;
}

export interface Asked {
  readonly answers: readonly WorkerAnswer[];
  /** Workers that have not answered, or that the others know and that never came. */
  readonly missing: readonly string[];
  /** Workers that should be there, never came, and are known to nobody by name. */
  readonly absent: number;
  /** Names that more than one worker has: of those only one counts. */
  readonly shared: readonly string[];
}

/** Rejects with BindError when the place cannot be had, or with ClusterCancelledError when `signal` says so. */
export async function ask(config: ClusterCommandConfig, ports: AskPorts): Promise<Asked> {
  const shared = new Set<string>();
  const leader = await bind(config, ports.signal, (worker) => shared.add(worker));
  try {
    const found = await gather(leader, config, ports);
    const size = wantedOf(config, found);
    ports.onAsked([...found.keys()]);
    const answers =
      found.size === 0
        ? []
        : (
            await leader.broadcast(functionOf(config.command), [jsonFrame(dataOf(config))], {
              timeoutMs: config.timeoutMs,
              wanted: found.size,
              signal: ports.signal,
              onAnswer: ports.onAnswer,
            })
          ).answers;
    const heard = new Set(answers.map(({ worker }) => worker));
    const absent = Math.max(0, (size ?? 0) - found.size);
    const named = absentNames(found, absent);
    return {
      answers,
      missing: [...[...found.keys()].filter((name) => !heard.has(name)), ...named].toSorted(),
      absent: absent - named.length,
      shared: [...shared].toSorted(),
    };
  } finally {
    leader.close();
  }
}

function dataOf({ level, timeoutMs }: ClusterCommandConfig): Readonly<Record<string, unknown>> {
  return { timeout_ms: Math.ceil(timeoutMs * WORK_SHARE), ...(level === null ? {} : { level }) };
}

/** In the time of a command hardly any worker is started anew: two processes with one name are two workers. */
async function bind(
  { leader, gatherMs, curve }: ClusterCommandConfig,
  signal: AbortSignal,
  onRestart: (worker: string) => void,
): Promise<ClusterLeader> {
  const endpoints = await bindable(leader);
  const endMs = performance.now() + gatherMs;
  for (let patienceMs = FIRST_PATIENCE_MS; ; patienceMs = PATIENCE_MS) {
    try {
      return await ClusterLeader.bind({ endpoints, numWorkers: MANY, onRestart, patienceMs, curve });
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      if (!isInUse(error.cause)) {
        const hint = "kvcast cluster runs on the machine whose addresses the workers were given";
        throw new BindError(error.endpoint, `${error.message}; ${hint}`, error);
      }
      if (signal.aborted) throw new ClusterCancelledError("the addresses were still in use");
      if (performance.now() >= endMs) {
        const who = "another kvcast cluster, or a program that is no kvcast";
        throw new BindError(error.endpoint, `${error.message}: ${who}, has the address and keeps it`, error);
      }
      await askToYield(connectable(endpoints.ack), curve);
    }
  }
}

/** Where a socket that is bound so can be reached from this machine. */
function connectable(endpoint: string): string {
  return endpoint
    .replace(/^tcp:\/\/(?:\*|0\.0\.0\.0):/, "tcp://127.0.0.1:")
    .replace(/^tcp:\/\/\[::\]:/, "tcp://[::1]:");
}

/** The workers that say hello, by name, until all that there should be have, no more come, or the time is up. */
async function gather(
  leader: ClusterLeader,
  config: ClusterCommandConfig,
  { signal, onGathered }: AskPorts,
): Promise<ReadonlyMap<string, Hello>> {
  const found = new Map<string, Hello>();
  const endMs = performance.now() + config.gatherMs;
  let lastNewMs = performance.now();
  const take = ({ worker, payload }: WorkerAnswer): void => {
    if (worker === null || found.has(worker)) return;
    found.set(worker, helloOf(payload));
    lastNewMs = performance.now();
    onGathered(found.size, wantedOf(config, found));
  };
  onGathered(0, config.size);
  for (;;) {
    const wanted = wantedOf(config, found);
    const nowMs = performance.now();
    const settledMs = wanted === null && found.size > 0 ? lastNewMs + SETTLED_MS : Infinity;
    const leftMs = Math.min(endMs, settledMs) - nowMs;
    if (found.size >= (wanted ?? MANY) || leftMs <= 0) return found;
    await leader.broadcast(HELLO, [], {
      timeoutMs: Math.min(ROUND_MS, leftMs),
      wanted: wanted ?? MANY,
      signal,
      hurries: true,
      onAnswer: take,
    });
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

/** How many there should be: what the user says, or else what the workers were told; null when nobody knows. */
function wantedOf({ size }: ClusterCommandConfig, found: ReadonlyMap<string, Hello>): number | null {
  if (size !== null) return size;
  const told = [...found.values()].map((hello) => hello.size ?? 0);
  const most = Math.max(0, ...told);
  return most > 0 ? Math.max(most, found.size) : null;
}

/** Names of those that should be there, as far as the others know them. None if they know of more: of those some were replaced. */
function absentNames(found: ReadonlyMap<string, Hello>, absent: number): readonly string[] {
  const told = new Set([...found.values()].flatMap(({ workers }) => workers));
  const names = [...told].filter((name) => !found.has(name));
  return names.length <= absent ? names : [];
}
