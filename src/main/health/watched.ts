/**
 * One thing that is probed: its state, and how patient we are with it. MAIN THREAD, pure but for the clock.
 *
 * Patience bounds how fast a verdict can change. It turns bad after `failures` bad results in a row, and good again after `passes`
 * good ones, `holdMs` after it turned bad at the earliest. So with results at least `everyMs` apart it turns bad at most once in
 * max(holdMs, failures × everyMs).
 */
import { type ProbeEvent, type ProbeState, TRANSITIONS, VERDICTS } from "./state-table.ts";

export interface Patience {
  /** Bad results in a row that turn the verdict, at least 1. */
  readonly failures: number;
  /** Good results in a row that turn it back, at least 1. */
  readonly passes: number;
  /** How long a bad verdict stands at least. */
  readonly holdMs: number;
}

/** For facts that are seen and not probed. */
export const IMPATIENT: Patience = { failures: 1, passes: 1, holdMs: 0 };

export class Watched {
  readonly #patience: Patience;
  readonly #now: () => number;
  #state: ProbeState = "starting";
  #fails: number = 0;
  #passes: number = 0;
  #illAtMs: number = -Infinity;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(patience: Patience, now: () => number) {
    this.#patience = patience;
    this.#now = now;
  }

  get state(): ProbeState {
    return this.#state;
  }

  /** Null while nothing is known. */
  get ok(): boolean | null {
    return VERDICTS[this.#state];
  }

  pass(): void {
    this.#fails = 0;
    this.#passes++;
    this.#go(this.#passes >= this.#patience.passes && !this.#isHeld() ? "passed" : "pass");
  }

  fail(): void {
    this.#passes = 0;
    this.#fails++;
    this.#go(this.#fails >= this.#patience.failures ? "failed" : "fail");
  }

  /** It does its work, whatever probes say. */
  proof(): void {
    this.#fails = 0;
    this.#passes++;
    this.#go(this.#isHeld() ? "pass" : "proof");
  }

  /** There is nothing to be probed. */
  forget(): void {
    this.#fails = 0;
    this.#passes = 0;
    this.#go("void");
  }

  #isHeld(): boolean {
    return this.ok === false && this.#now() - this.#illAtMs < this.#patience.holdMs;
  }

  #go(event: ProbeEvent): void {
    const before = VERDICTS[this.#state];
    this.#state = TRANSITIONS[this.#state][event];
    if (before !== false && VERDICTS[this.#state] === false) this.#illAtMs = this.#now();
  }
}
