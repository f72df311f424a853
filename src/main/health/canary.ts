/**
 * When the canary is sent to an engine, and what follows from its fate. MAIN THREAD.
 *
 *   silence of `waitMs` ──► one canary ──► its outcome, and the wait begins again
 *   traffic of others   ──► the engine does its work: nothing needs to be sent
 *
 * The next one is sent `waitMs` after the end of the one before, so there are never two, and the verdict turns bad at most once in
 * failures × waitMs. What the engine tells of the canary itself is no traffic: from its start until `ECHO_MS` after its end one
 * request counts as ours.
 */
import type { EngineCredentials } from "../config/config.ts";
import { Sleeper } from "../engine/poll-loop.ts";
import { type CanarySender, PROBE_OUTCOMES, type ProbeOutcome } from "./canary-client.ts";
import { FINE, type Finding, notYet, type Problem } from "./check.ts";
import { type Patience, Watched } from "./watched.ts";
import { zeros } from "../metrics/zeros.ts";

/** So late an engine may tell of a request that has ended: its statistics are read once a second. */
export const ECHO_MS = 3000;

export interface CanaryOptions {
  readonly engine: string;
  readonly sender: CanarySender;
  readonly waitMs: number;
  readonly timeoutMs: number;
  readonly patience: Patience;
  /** Told of each good response: something moves in the engine. */
  readonly onAnswer: () => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
}

export class Canary {
  readonly counts: Record<ProbeOutcome, number>;
  readonly #options: CanaryOptions;
  readonly #watched: Watched;
  readonly #now: () => number;
  readonly #sleeper: Sleeper = new Sleeper();
  readonly #sleep: (ms: number) => Promise<void>;
  /** The last sign of traffic, or end of a canary. */
  #idleSinceMs: number;
  #endedMs: number = -Infinity;
  #isUnderWay: boolean = false;
  #last: ProbeOutcome = "ok";
  #stopped: boolean = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
    this.counts = zeros(PROBE_OUTCOMES);
    this.#now = options.now ?? ((): number => performance.now());
    this.#watched = new Watched(options.patience, this.#now);
    this.#sleep = options.sleep ?? ((ms): Promise<void> => this.#sleeper.sleep(ms));
    this.#idleSinceMs = this.#now();
  }

  /** Requests of the engine that may be ours at present: 0 or 1. */
  get ownRequests(): number {
    return this.#isUnderWay || this.#now() - this.#endedMs < ECHO_MS ? 1 : 0;
  }

  /** The engine works for others. */
  noteTraffic(): void {
    this.#idleSinceMs = this.#now();
    this.#watched.proof();
  }

  async run(): Promise<void> {
    const { waitMs } = this.#options;
    while (!this.#stopped) {
      const dueInMs = this.#idleSinceMs + waitMs - this.#now();
      if (dueInMs > 0) await this.#sleep(dueInMs);
      else await this.#sendOne();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#sleeper.wake();
    this.#options.sender.close();
  }

  renew(credentials: EngineCredentials): void {
    this.#options.sender.renew(credentials);
  }

  look(): Finding {
    const { engine } = this.#options;
    const { ok } = this.#watched;
    if (ok === null) return notYet(`engine ${engine} has answered neither a canary nor anyone else yet`);
    return ok ? FINE : { ok: false, ...this.#problem() };
  }

  async #sendOne(): Promise<void> {
    this.#isUnderWay = true;
    const outcome = await this.#options.sender.send();
    this.#isUnderWay = false;
    if (this.#stopped) return;
    this.#endedMs = this.#idleSinceMs = this.#now();
    this.counts[outcome]++;
    if (outcome === "ok") {
      this.#watched.pass();
      this.#options.onAnswer();
    } else {
      this.#last = outcome;
      this.#watched.fail();
    }
  }

  #problem(): Problem {
    const { engine, timeoutMs } = this.#options;
    const { reason, fix } = PROBLEMS[this.#last];
    return { reason: `engine ${engine}: ${reason.replace("TIMEOUT", `${timeoutMs / 1000} s`)}`, fix };
  }
}

const HANGS = "The engine takes requests and does not generate: look at its log, and restart it.";
const REFUSES =
  "Send it a request to /v1/completions by hand; --canary-payload and --bos-token-id change what is sent.";

const PROBLEMS: { readonly [O in ProbeOutcome]: Problem } = {
  ok: { reason: "it has answered too few canaries yet", fix: "Wait for the next one." },
  timeout: { reason: "no response to the canary within TIMEOUT", fix: HANGS },
  unreachable: { reason: "the canary cannot be sent: no connection", fix: "Start the engine, or look at its address." },
  http_status: { reason: "the canary was answered with an HTTP error", fix: REFUSES },
  error_response: { reason: "the canary was answered with an error", fix: REFUSES },
  malformed: { reason: "the canary was answered with something that is no completion", fix: REFUSES },
  no_response: { reason: "the answer to the canary had no response in it", fix: HANGS },
};
