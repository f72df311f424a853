/**
 * Tells the planner what each rank's forward passes worked on, and that a rank is idle. MAIN THREAD.
 *
 *   unchecked ──first row is complete──► on: one message a row; zeros after a second without a row
 *        └──────first row is not───────► off, for the life of the process
 *
 * To the planner zeros mean "idle", and it scales by them. So nothing may be zero for another reason: an engine whose
 * rows lack a figure is not published at all, nothing goes out before that is known, and an engine that does not answer
 * is not called idle.
 */
import type { LoadMessage } from "../../shared/nats-messages.ts";
import { FORWARD_PASS_TOPIC } from "../../shared/plane-envelope.ts";
import type { LineLogger } from "../log.ts";
import type { EngineRanks } from "../normalise/engine-ranks.ts";
import { encodeForwardPass, IDLE } from "./forward-pass.ts";
import type { ForwardPassFigures, IterationStat } from "./iteration-stat.ts";

/** A rank without a row for this time is idle. The planner expects a message a second. */
export const IDLE_HEARTBEAT_MS = 1000;

export interface ForwardPassesOptions {
  /** u64. */
  readonly workerId: bigint;
  readonly ranks: EngineRanks;
  readonly post: (message: LoadMessage) => void;
  readonly log: LineLogger;
  /** Whether the engine's statistics can be read at present. */
  readonly answers: () => boolean;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class ForwardPasses {
  readonly #options: ForwardPassesOptions;
  readonly #workerId: string;
  readonly #counters: Float64Array;
  readonly #postedAt: Float64Array;
  #state: "unchecked" | "on" | "off" = "unchecked";

  constructor(options: ForwardPassesOptions) {
    this.#options = options;
    this.#workerId = options.workerId.toString();
    this.#counters = new Float64Array(options.ranks.size);
    this.#postedAt = new Float64Array(options.ranks.size);
  }

  /** The first row has been seen, and decided whether anything is published. */
  get state(): "unchecked" | "on" | "off" {
    return this.#state;
  }

  note(stat: IterationStat): void {
    if (stat.rank >= this.#counters.length) return;
    if (this.#state === "unchecked") this.#check(stat);
    if (this.#state === "on") this.#post(stat.rank, stat.iterationSeconds, stat.forwardPass);
  }

  /** Posts zeros for the ranks that have been silent for a second. */
  beat(): void {
    if (this.#state !== "on" || !this.#options.answers()) return;
    const due = this.#options.now() - IDLE_HEARTBEAT_MS;
    for (let rank = 0; rank < this.#counters.length; rank++) {
      if ((this.#postedAt[rank] as number) <= due) this.#post(rank, 0, IDLE);
    }
  }

  #check(stat: IterationStat): void {
    this.#state = stat.forwardPassComplete ? "on" : "off";
    // A rank is idle a second from now at the earliest.
    this.#postedAt.fill(this.#options.now());
    if (this.#state === "on") return;
    this.#options.log.warn("the engine's statistics lack figures of the forward pass: the planner is told nothing", {
      hint: "a newer TensorRT-LLM release has them",
    });
  }

  #post(rank: number, wallTimeSeconds: number, figures: ForwardPassFigures): void {
    const counterId = (this.#counters[rank] as number) + 1;
    this.#counters[rank] = counterId;
    this.#postedAt[rank] = this.#options.now();
    const published = this.#options.ranks.base + rank;
    const message = { workerId: this.#workerId, rank: published, counterId, wallTimeSeconds, figures };
    const payload = encodeForwardPass(message);
    this.#options.post({ type: "load", topic: FORWARD_PASS_TOPIC, rank: published, payload });
  }
}
