/**
 * The three phases in which a leader gathers its workers. MAIN THREAD.
 *
 *   worker_metadata   in rounds, until all have answered the same one with their blocks
 *   leader_metadata   in rounds, until all have got the sizes of the caches
 *   ping              again and again, until all have said in answer to one of them that they are ready
 *
 * A subscriber misses what was sent before it came, hence the rounds; each is a new command with a new id. A worker that
 * restarts in between answers the next round, since no phase minds being repeated.
 */
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type BroadcastOptions, type BroadcastResult, missingText } from "./broadcast.ts";
import { ClusterCancelledError, ClusterPayloadError, ClusterTimeoutError } from "./cluster-error.ts";
import { decodeWorkerMetadata, encodeLeaderMetadata, type LeaderMetadata, type WorkerMetadata } from "./metadata.ts";
import type { WorkerAnswer } from "./pending-call.ts";

const ROUND_MS = 2000;
const PING_EVERY_MS = 500;
/** A ready worker on a slow network may answer a ping when later ones are under way. */
const PING_WAIT_MS = 5000;
/** Between two rounds of which the first was cut short by a newcomer. */
const PAUSE_MS = 20;
/** Between two of which the first had all answers, and one of them was no good: that worker may need a moment. */
const BAD_ANSWER_PAUSE_MS = 200;

const PHASES = {
  workers: "Handshake timed out (device-config collection).",
  caches: "Handshake timed out (allocation-config broadcast).",
  ready: "Timed out waiting for ping readiness after handshake.",
} as const;
export type HandshakePhase = keyof typeof PHASES;

export interface HandshakeOptions {
  /** For all phases together. */
  readonly timeoutMs: number;
  /** The sizes of the caches for these workers; what it throws ends the handshake. Default: no caches. */
  readonly plan?: (workers: readonly WorkerMetadata[]) => LeaderMetadata;
  readonly signal?: AbortSignal | undefined;
  /** Told after each round how many have answered it. */
  readonly onProgress?: (phase: HandshakePhase, answered: number) => void;
  /** Longest round of the first two phases. Default: 2 s. */
  readonly roundMs?: number;
  /** Default: 500 ms. */
  readonly pingEveryMs?: number;
}

export interface HandshakeResult {
  /** What each worker answered to `worker_metadata`. */
  readonly workers: readonly WorkerAnswer[];
  readonly metadata: readonly WorkerMetadata[];
  readonly plan: LeaderMetadata;
}

/** The part of a leader that the handshake needs. */
export interface Broadcaster {
  readonly numWorkers: number;
  broadcast(name: string, data: readonly Uint8Array[], options: BroadcastOptions): Promise<BroadcastResult>;
}

/** Rejects with ClusterTimeoutError, with ClusterCancelledError, or with what `plan` throws. */
export async function handshake(leader: Broadcaster, options: HandshakeOptions): Promise<HandshakeResult> {
  const run = new Handshake(leader, options);
  try {
    const workers = await run.rounds("workers", "worker_metadata", [], (answers) => {
      // A worker that cannot answer may be able to in the next round; one without a name cannot even say so.
      return answers.every(({ outcome, payload }) => outcome === "done" && isMetadata(payload));
    });
    const metadata = workers.map(({ payload }) => decodeWorkerMetadata(payload ?? Buffer.alloc(0)));
    const plan = options.plan?.(metadata) ?? { numHostBlocks: 0, numDiskBlocks: 0 };
    await run.rounds("caches", "leader_metadata", [encodeLeaderMetadata(plan)], () => true);
    await run.pings();
    return { workers, metadata, plan };
  } catch (error) {
    if (error instanceof ClusterCancelledError) throw new ClusterCancelledError(`Startup canceled: ${error.message}`);
    throw error;
  }
}

class Handshake {
  readonly #leader: Broadcaster;
  readonly #options: HandshakeOptions;
  readonly #deadlineMs: number;

  constructor(leader: Broadcaster, options: HandshakeOptions) {
    this.#leader = leader;
    this.#options = options;
    this.#deadlineMs = performance.now() + options.timeoutMs;
  }

  /** Resolves with the answers of the first round that all have answered, and to which `isGood` agrees. */
  async rounds(
    phase: HandshakePhase,
    name: string,
    data: readonly Uint8Array[],
    isGood: (answers: readonly WorkerAnswer[]) => boolean,
  ): Promise<readonly WorkerAnswer[]> {
    const { roundMs = ROUND_MS, signal, onProgress } = this.#options;
    for (;;) {
      const timeoutMs = Math.min(roundMs, this.#leftMs());
      const result = await this.#leader.broadcast(name, data, { timeoutMs, signal, hurries: true });
      onProgress?.(phase, result.answers.length);
      if (result.isComplete && isGood(result.answers)) return result.answers;
      if (this.#leftMs() <= PAUSE_MS) throw this.#timedOut(phase, result);
      if (result.end === "hurried") await this.#pause(PAUSE_MS);
      else if (result.end === "complete") await this.#pause(Math.min(BAD_ANSWER_PAUSE_MS, this.#leftMs()));
    }
  }

  /** Resolves when all have answered one ping. Several may be under way, each with a deadline of its own. */
  async pings(): Promise<void> {
    const { pingEveryMs = PING_EVERY_MS, signal, onProgress } = this.#options;
    const done = new AbortController();
    const any = signal === undefined ? done.signal : AbortSignal.any([done.signal, signal]);
    // One for each ping under way, and one for the pause.
    setMaxListeners(0, any);
    let best: BroadcastResult | null = null;
    let failure: unknown = null;
    const watch = async (): Promise<void> => {
      try {
        const timeoutMs = Math.min(PING_WAIT_MS, this.#leftMs());
        const result = await this.#leader.broadcast("ping", [], { timeoutMs, signal: any });
        onProgress?.("ready", result.answers.length);
        if (best === null || result.answers.length >= best.answers.length) best = result;
        if (result.isComplete) done.abort();
      } catch (error) {
        if (done.signal.aborted) return;
        failure = error;
        done.abort();
      }
    };
    const under: Promise<void>[] = [];
    while (!done.signal.aborted && this.#leftMs() > 0) {
      under.push(watch());
      if (under.length > PING_WAIT_MS / pingEveryMs + 1) await under.shift();
      await sleep(Math.min(pingEveryMs, Math.max(1, this.#leftMs())), undefined, { signal: any }).catch(() => {});
      if (signal?.aborted === true) break;
    }
    await Promise.all(under);
    if (failure !== null) throw failure;
    if (signal?.aborted === true && !done.signal.aborted) throw new ClusterCancelledError("ping: canceled");
    if (!done.signal.aborted)
      throw this.#timedOut("ready", best ?? { answers: [], missing: [], isComplete: false, end: "timeout" });
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.signal }).catch(() => {});
  }

  #leftMs(): number {
    return this.#deadlineMs - performance.now();
  }

  #timedOut(phase: HandshakePhase, result: BroadcastResult): ClusterTimeoutError {
    const text = `${PHASES[phase]} ${missingText(result, this.#leader.numWorkers)}`;
    return new ClusterTimeoutError(text, result.missing);
  }
}

function isMetadata(payload: Buffer | null): boolean {
  try {
    return payload !== null && decodeWorkerMetadata(payload).numDeviceBlocks >= 0;
  } catch (error) {
    if (error instanceof ClusterPayloadError) return false;
    throw error;
  }
}
