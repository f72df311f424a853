/**
 * When to poll an engine again. MAIN THREAD, pure: time and chance come from outside.
 *
 *   poll brought events ──► again at once, waits restart at the minimum
 *   poll was empty      ──► wait s, then s = min(max, s × factor)
 *   poll failed         ──► wait e, then e = min(1 s, e × factor), each ± 20 %; the loop never ends for it
 *
 * A failure that comes after events, or that says nothing about the engine, does not wait, once: a broken answer at the
 * end of a good one is no reason to be slow. A second failure in a row waits in any case, so that an engine which
 * always breaks after its first event cannot keep a core busy.
 */
import type { PollProfile } from "../config/config.ts";

/** Longest wait after failures: an engine that is back is noticed within this time. */
export const MAX_ERROR_SLEEP_MS = 1000;
/** Many sidecars start together with many engines; the jitter keeps them from knocking in step. */
const ERROR_JITTER = 0.2;

export interface PollReport {
  /** Events that were handed on, also when the poll failed after them. */
  readonly events: number;
  readonly failed: boolean;
  /** The failure says nothing about the engine: asking again at once is fine. */
  readonly again: boolean;
}

export class PollBackoff {
  readonly #profile: PollProfile;
  readonly #random: () => number;
  #idleMs: number;
  #errorMs: number;
  #failures: number = 0;

  /** `random` gives numbers in [0, 1); 0.5 means no jitter. */
  constructor(profile: PollProfile, random: () => number = Math.random) {
    this.#profile = profile;
    this.#random = random;
    this.#idleMs = profile.minSleepMs;
    this.#errorMs = profile.minSleepMs;
  }

  /** Milliseconds to wait before the next poll; 0 means at once. */
  next(report: PollReport): number {
    const { minSleepMs, maxSleepMs, factor } = this.#profile;
    if (report.failed) return this.#afterFailure(report);
    this.#failures = 0;
    this.#errorMs = minSleepMs;
    if (report.events > 0) {
      this.#idleMs = minSleepMs;
      return 0;
    }
    const ms = this.#idleMs;
    this.#idleMs = Math.min(maxSleepMs, ms * factor);
    return ms;
  }

  #afterFailure(report: PollReport): number {
    const { minSleepMs, factor } = this.#profile;
    this.#failures++;
    // An engine that comes back has news as a rule: the first empty polls after it are short again.
    this.#idleMs = minSleepMs;
    if (this.#failures === 1 && (report.events > 0 || report.again)) return 0;
    const ms = this.#errorMs;
    this.#errorMs = Math.min(MAX_ERROR_SLEEP_MS, ms * factor);
    return Math.min(MAX_ERROR_SLEEP_MS, ms * (1 + ERROR_JITTER * (2 * this.#random() - 1)));
  }
}

export interface PollPorts {
  /** One poll. Does not reject for what an engine does. */
  poll(): Promise<PollReport>;
  /** Resolves after `ms`, or earlier when the loop is to stop. */
  sleep(ms: number): Promise<void>;
  /** Told before each wait, and with 0 when there is none. */
  waiting(ms: number): void;
  stopped(): boolean;
}

/** Polls until stopped. Rejects only when a port does. */
export async function runPollLoop(ports: PollPorts, backoff: PollBackoff): Promise<void> {
  while (!ports.stopped()) {
    const ms = backoff.next(await ports.poll());
    ports.waiting(ms);
    if (ms > 0 && !ports.stopped()) await ports.sleep(ms);
  }
}

/** A sleep that can be ended. One sleeper at a time. */
export class Sleeper {
  #wake: () => void = () => {};

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the running sleep, if any. */
  wake(): void {
    this.#wake();
  }
}
