/**
 * The leader of a cluster: sends a command to all workers and knows when each has answered. MAIN THREAD.
 *
 * It speaks the active messages of Dynamo's block manager (docs/cluster.md). Unlike there, every broadcast has a deadline,
 * nothing of it is left behind when it is over, and whatever a worker sends costs that worker's answer at most.
 *
 * The sockets live on the main thread, like the objects that commands are about: a thread between would only pass on, and would
 * answer for a main thread that stands still. Nothing here is on the way of an event.
 */
import { randomInt } from "node:crypto";
import type { CurveKeyPair } from "../../shared/curve.ts";
import { type BroadcastOptions, type BroadcastResult, missingText } from "./broadcast.ts";
import { ClusterCancelledError, ClusterNotReadyError, ClusterTimeoutError } from "./cluster-error.ts";
import type { LeaderEndpoints } from "./endpoints.ts";
import { commandFrames, isYield, parseAnswer } from "./frames.ts";
import { handshake, type HandshakeOptions, type HandshakeResult } from "./handshake.ts";
import { LeaderSockets } from "./leader-sockets.ts";
import { type LivenessOptions, watchWorkers } from "./liveness.ts";
import { callOutside } from "./outside.ts";
import { PendingCall, type WorkerAnswer } from "./pending-call.ts";
import { type KnownWorker, Roster } from "./roster.ts";
import { encodeTransfer, type TransferRequest } from "./transfer.ts";

/** Silence after which a worker is not expected to answer any more. */
const DEFAULT_FORGET_MS = 30_000;
/** Broadcasts that may wait at once. */
const MAX_PENDING = 65_536;

export interface ClusterLeaderOptions {
  readonly endpoints: LeaderEndpoints;
  /** How many workers there are. */
  readonly numWorkers: number;
  /**
   * Id of the first command. Default: a random one, so that an answer to an earlier leader on the same address never counts here.
   * Dynamo's leader begins with 1.
   */
  readonly firstId?: bigint;
  /** A worker that was silent for so long is no longer named as missing. Default: 30 s. */
  readonly forgetMs?: number;
  /** The key pair that all of the cluster share: who does not have it is not heard, and hears nothing. Default: none. */
  readonly curve?: CurveKeyPair | null;
  /** How long an address that is in use is tried. Default: 1 s. */
  readonly patienceMs?: number;
  /** Someone asks for the place of the leader. Default: it is not given up. */
  readonly onYield?: () => void;
  /** A worker that was known came back as another process. */
  readonly onRestart?: (worker: string) => void;
}

/** What came in and counted for nothing. */
export interface LeaderCounters {
  /** Messages that are no answers. */
  malformed: number;
  /** Answers to what nobody waits for any more, or never did. */
  stale: number;
  /** Second answers of one worker to one command. */
  duplicate: number;
}

export class ClusterLeader {
  readonly counters: LeaderCounters = { malformed: 0, stale: 0, duplicate: 0 };
  readonly numWorkers: number;
  readonly #options: ClusterLeaderOptions;
  readonly #calls: Map<bigint, PendingCall> = new Map();
  readonly #hurried: Set<PendingCall> = new Set();
  readonly #roster: Roster;
  #sockets: LeaderSockets | null = null;
  #nextId: bigint;
  #subscribers: number = 0;
  #isReady: boolean = false;

  private constructor(options: ClusterLeaderOptions) {
    this.#options = options;
    this.numWorkers = options.numWorkers;
    this.#nextId = options.firstId ?? BigInt(randomInt(2 ** 47, 2 ** 48 - 1));
    this.#roster = new Roster((worker) => callOutside(() => options.onRestart?.(worker)));
  }

  /** Binds both addresses. Rejects with BindError; nothing stays open then. */
  static async bind(options: ClusterLeaderOptions): Promise<ClusterLeader> {
    const leader = new ClusterLeader(options);
    const ears = {
      onAnswer: (frames: readonly Buffer[]): void => leader.#take(frames),
      onSubscription: (isNew: boolean): void => leader.#onSubscription(isNew),
    };
    leader.#sockets = await LeaderSockets.bind(options.endpoints, ears, options.patienceMs, options.curve);
    return leader;
  }

  /** With the real ports. */
  get endpoints(): LeaderEndpoints {
    return this.#sockets?.endpoints ?? this.#options.endpoints;
  }

  /** Broadcasts that wait. */
  get pending(): number {
    return this.#calls.size;
  }

  /** Connections that hear commands: workers, as a rule. */
  get subscribers(): number {
    return this.#subscribers;
  }

  /** The workers that told their names and were heard of lately. */
  get workers(): readonly KnownWorker[] {
    return this.#roster.known(this.#forgetMs);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get #forgetMs(): number {
    return this.#options.forgetMs ?? DEFAULT_FORGET_MS;
  }

  /**
   * Sends a command to all workers; resolves when all have answered or the time is up. Rejects with ClusterCancelledError
   * when `signal` says so or the leader is closed.
   */
  async broadcast(name: string, data: readonly Uint8Array[], options: BroadcastOptions): Promise<BroadcastResult> {
    const sockets = this.#sockets;
    if (sockets === null) throw new ClusterCancelledError(`${name}: the leader is closed`);
    if (this.#calls.size >= MAX_PENDING) throw new ClusterCancelledError(`${name}: ${MAX_PENDING} broadcasts wait`);
    const id = this.#nextId++;
    const call = new PendingCall({ wanted: options.wanted ?? this.numWorkers, onAnswer: options.onAnswer });
    this.#calls.set(id, call);
    if (options.hurries === true) this.#hurried.add(call);
    try {
      await sockets.send(commandFrames({ id, name, data: data.map((frame) => Buffer.from(frame)) }));
      const end = await call.wait(options.timeoutMs, options.signal);
      if (end === "failed") throw call.failure;
      if (end === "cancelled") throw new ClusterCancelledError(`${name}: canceled`);
      if (end === "closed") throw new ClusterCancelledError(`${name}: the leader was closed`);
      return {
        answers: call.answers,
        isComplete: end === "complete",
        missing: end === "complete" ? [] : this.#missingIn(call),
        end,
      };
    } finally {
      this.#calls.delete(id);
      this.#hurried.delete(call);
    }
  }

  /** Makes all workers known and ready. Rejects with ClusterTimeoutError or ClusterCancelledError. May be repeated. */
  async handshake(options: HandshakeOptions): Promise<HandshakeResult> {
    const result = await handshake(this, options);
    this.#isReady = true;
    return result;
  }

  /**
   * Has all workers copy blocks; resolves with their answers, among them those of workers whose copy failed. Rejects with
   * ClusterNotReadyError before the handshake is done, and with ClusterTimeoutError when not all have answered in time.
   */
  async transferBlocks(request: TransferRequest, options: BroadcastOptions): Promise<readonly WorkerAnswer[]> {
    if (!this.#isReady) throw new ClusterNotReadyError();
    const result = await this.broadcast("transfer_blocks", [encodeTransfer(request)], options);
    if (result.isComplete) return result.answers;
    throw new ClusterTimeoutError(`transfer_blocks: ${missingText(result, this.numWorkers)}`, result.missing);
  }

  /** All workers that ever told their names, silent ones too. */
  known(): readonly KnownWorker[] {
    return this.#roster.known();
  }

  /** Pings the workers from now on, and tells who is lost and who is back. Ends with the leader, or when `signal` says so. */
  async watch(options: LivenessOptions, signal: AbortSignal = new AbortController().signal): Promise<void> {
    await watchWorkers(this, options, signal);
  }

  /** What was sent may still leave for `lingerMs`; all that wait are told. Safe to call twice. */
  close(lingerMs: number = 0): void {
    this.#sockets?.close(lingerMs);
    this.#sockets = null;
    for (const call of this.#calls.values()) call.end("closed");
  }

  #onSubscription(isNew: boolean): void {
    this.#subscribers = Math.max(0, this.#subscribers + (isNew ? 1 : -1));
    if (isNew) for (const call of this.#hurried) call.end("hurried");
  }

  #take(frames: readonly Buffer[]): void {
    if (isYield(frames)) {
      callOutside(() => this.#options.onYield?.());
      return;
    }
    const answer = parseAnswer(frames);
    if (typeof answer === "string") {
      this.counters.malformed++;
      return;
    }
    if (answer.note !== null) this.#roster.heard(answer.note);
    const call = this.#calls.get(answer.id);
    if (call === undefined) this.counters.stale++;
    else if (!call.take(answer)) this.counters.duplicate++;
  }

  #missingIn(call: PendingCall): string[] {
    return this.#roster
      .known(this.#forgetMs)
      .map(({ worker }) => worker)
      .filter((worker) => !call.hasAnswered(worker));
  }
}
