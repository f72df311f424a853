/**
 * Publishes the engine's load: to the routers how full each rank's cache is, to the planner what it works on. MAIN THREAD.
 *
 * It makes the bodies of messages and decides when they are due; envelope, numbers and connection belong to the publisher
 * thread. A successor of that thread hears everything within a heartbeat.
 */
import type { LoadMessage } from "../../shared/nats-messages.ts";
import type { LineLogger } from "../log.ts";
import type { EngineRanks } from "../normalise/engine-ranks.ts";
import { ActiveLoads } from "./active-loads.ts";
import { ForwardPasses } from "./forward-passes.ts";
import type { IterationStat } from "./iteration-stat.ts";

/** Longest silence of a rank: so long a router that has just come does without its load. */
export const LOAD_HEARTBEAT_MS = 1000;
/** How often is looked for ranks that are due; so much later than that they may be. */
const TICK_MS = 250;

export interface LoadPublisherOptions {
  /** u64. */
  readonly workerId: bigint;
  readonly ranks: EngineRanks;
  /** To the publisher thread. Must not throw. */
  readonly post: (message: LoadMessage) => void;
  readonly log: LineLogger;
  /** Whether the engine's statistics can be read at present. */
  readonly engineAnswers: () => boolean;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export class LoadPublisher {
  readonly #loads: ActiveLoads;
  readonly #passes: ForwardPasses;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: LoadPublisherOptions) {
    const { workerId, ranks, post, log, engineAnswers: answers } = options;
    const now = options.now ?? ((): number => performance.now());
    this.#loads = new ActiveLoads({ workerId, ranks, post, heartbeatMs: LOAD_HEARTBEAT_MS, now });
    this.#passes = new ForwardPasses({ workerId, ranks, post, log, answers, now });
  }

  /** Posts a zero for each rank and begins to beat. */
  start(): void {
    this.#loads.postAll();
    this.#timer = setInterval(() => this.beat(), TICK_MS);
    this.#timer.unref();
  }

  /** Takes a row. A field, so that it can be handed on as it is. */
  readonly note = (stat: IterationStat): void => {
    this.#loads.note(stat);
    this.#passes.note(stat);
  };

  /** Posts what is due by now. The timer calls it. */
  beat(): void {
    this.#loads.beat();
    this.#passes.beat();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
