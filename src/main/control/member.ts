/**
 * A `kvcast serve` as a worker of a cluster: it hears commands, waits for the others at its start, and keeps the leader's place
 * warm. MAIN THREAD.
 */
import { hostname } from "node:os";
import { ClusterWorker } from "../cluster/worker.ts";
import type { WorkerProblem } from "../cluster/worker-desk.ts";
import type { ClusterConfig } from "../config/load-cluster.ts";
import type { Logger } from "../log.ts";
import { HELLO, jsonFrame, jsonOf, namesOf, START } from "./commands.ts";
import { handlersOf, type Operated } from "./operated.ts";
import { keepSeat } from "./seat.ts";
import { type BarrierEnd, StartBarrier } from "./start-barrier.ts";

/** It has no caches, of which the protocol's own functions speak. */
const NO_BLOCKS = { numDeviceBlocks: 0, bytesPerBlock: 0 };

export interface MemberOptions {
  readonly config: ClusterConfig;
  /** Of the system port; null when there is none. */
  readonly httpPort: number | null;
  readonly operated: Operated;
  readonly log: Logger;
}

export class ClusterMember {
  readonly name: string;
  readonly #options: MemberOptions;
  readonly #barrier: StartBarrier;
  readonly #closing: AbortController = new AbortController();
  /** Names of all, as the leader told them last. */
  #workers: readonly string[] = [];
  #worker: ClusterWorker | null = null;
  #seat: Promise<void> = Promise.resolve();

  private constructor(options: MemberOptions) {
    const { config, httpPort } = options;
    this.#options = options;
    this.name = config.name ?? `${hostname()}:${httpPort ?? `pid-${process.pid}`}`;
    this.#barrier = new StartBarrier(config.timeoutMs);
    if (config.size === null) this.#barrier.open("ready");
  }

  /** Begins to connect. Rejects for an address that libzmq does not take; nothing is left open then. */
  static async join(options: MemberOptions): Promise<ClusterMember> {
    const member = new ClusterMember(options);
    try {
      await member.#connect();
    } catch (error) {
      member.release();
      throw error;
    }
    return member;
  }

  /** Resolves when the engines may be read: all are ready, the time is over, or `release()` was called. */
  started(): Promise<BarrierEnd> {
    return this.#barrier.opened;
  }

  /** Why no engine is read yet; null when they may be. */
  get waitsFor(): string | null {
    if (this.#barrier.isOpen) return null;
    return `not all of the ${this.#options.config.size} workers of the cluster are ready`;
  }

  /** Nothing is waited for any more. */
  release(): void {
    this.#barrier.open("stopped");
  }

  /** Leaves the cluster. What was answered may still leave for `lingerMs`. */
  async close(lingerMs: number): Promise<void> {
    this.release();
    this.#closing.abort();
    this.#worker?.close(lingerMs);
    await this.#seat;
  }

  async #connect(): Promise<void> {
    const { config, operated, log } = this.#options;
    const { size, leader, curve } = config;
    const worker = await ClusterWorker.connect({
      endpoints: leader,
      name: this.name,
      curve,
      metadata: () => NO_BLOCKS,
      handlers: {
        ...handlersOf(operated),
        [HELLO]: async () => jsonFrame({ size, workers: this.#workers }),
        [START]: async ([frame]) => {
          this.#workers = namesOf(jsonOf(frame)["workers"]);
          this.#barrier.open("ready");
          return null;
        },
      },
      onProblem: (problem) => tellProblem(problem, log),
    });
    this.#worker = worker;
    if (size === null) return;
    log.info("waiting for the workers of the cluster", { workers: size, leader: leader.pub, name: this.name });
    void this.#tellStart(size);
    this.#seat = keepSeat({ leader, size, curve, isTaken: () => worker.isConnected, log }, this.#closing.signal);
  }

  async #tellStart(size: number): Promise<void> {
    const { config, log } = this.#options;
    const end = await this.#barrier.opened;
    if (end === "ready") log.info("the cluster is ready", { workers: size });
    if (end !== "timeout") return;
    log.warn("starting without all workers of the cluster", { workers: size, waited_s: config.timeoutMs / 1000 });
  }
}

function tellProblem({ kind, message }: WorkerProblem, log: Logger): void {
  log.limited(`cluster ${kind}`).warn("a command of the cluster's leader came to grief", { kind, message });
}
