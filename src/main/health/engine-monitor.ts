/**
 * Asks an engine's `/health` again and again, and keeps what follows from the answers. MAIN THREAD.
 *
 * One question at a time, `intervalMs` after the answer to the one before. So the verdict turns bad at most once in
 * failures × interval, and a hang is known after failures × (timeout + interval).
 */
import type { EngineCredentials } from "../config/config.ts";
import { Sleeper } from "../engine/poll-loop.ts";
import { FINE, type Finding, notHere, notYet, type Problem } from "./check.ts";
import type { HealthAnswer, HealthAsker } from "./health-client.ts";
import { type Patience, Watched } from "./watched.ts";

export interface EngineMonitorOptions {
  readonly engine: string;
  readonly asker: HealthAsker;
  readonly intervalMs: number;
  readonly patience: Patience;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<void>;
}

export class EngineMonitor {
  readonly #options: EngineMonitorOptions;
  readonly #watched: Watched;
  readonly #sleeper: Sleeper = new Sleeper();
  readonly #sleep: (ms: number) => Promise<void>;
  #problem: Problem | null = null;
  #isAbsent: boolean = false;
  #skewSeconds: number | null = null;
  #stopped: boolean = false;

  constructor(options: EngineMonitorOptions) {
    const now = options.now ?? ((): number => performance.now());
    this.#options = options;
    this.#watched = new Watched(options.patience, now);
    this.#sleep = options.sleep ?? ((ms): Promise<void> => this.#sleeper.sleep(ms));
  }

  /** Seconds by which the engine's clock is ahead of ours; null while it is not known. */
  get skewSeconds(): number | null {
    return this.#skewSeconds;
  }

  async run(): Promise<void> {
    const { asker, intervalMs } = this.#options;
    while (!this.#stopped) {
      const answer = await asker.ask();
      if (this.#stopped) return;
      this.#take(answer);
      await this.#sleep(intervalMs);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#sleeper.wake();
    this.#options.asker.close();
  }

  renew(credentials: EngineCredentials): void {
    this.#options.asker.renew(credentials);
  }

  look(): Finding {
    const { engine } = this.#options;
    if (this.#isAbsent) return notHere(`engine ${engine} has no /health`);
    const { ok } = this.#watched;
    if (ok === null) return notYet(`engine ${engine} has not answered its /health yet`);
    return ok || this.#problem === null ? FINE : { ok: false, ...this.#problem };
  }

  #take(answer: HealthAnswer): void {
    this.#skewSeconds = answer.skewSeconds ?? this.#skewSeconds;
    this.#isAbsent = answer.kind === "absent";
    if (answer.kind === "ill") {
      this.#problem = answer.problem;
      this.#watched.fail();
    } else if (answer.kind === "well") this.#watched.pass();
    else this.#watched.forget();
  }
}
