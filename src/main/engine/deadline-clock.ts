/**
 * The deadline of one drain, which counts only the time the engine takes. MAIN THREAD.
 *
 * An answer may wait for us: while the ring is full the response is paused on purpose, so that TCP pushes back on the
 * engine. That time must not run against the engine, or a slow subscriber would look like a slow engine and cost the
 * rest of a drain. One timer serves the whole drain; a pause only moves numbers, so that a chunk costs no timer.
 */

/** Longest delay that Node's timers take; a longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class DeadlineClock {
  readonly #limitMs: number;
  readonly #onExpired: () => void;
  readonly #now: () => number;
  /** Running time before the last pause. */
  #spentMs: number = 0;
  #runningSince: number;
  #running: boolean = true;
  /** Undefined while no timer is set: stopped, or it fired during a pause. */
  #timer: NodeJS.Timeout | undefined;

  /** Starts at once. `onExpired` is called once at most, never while paused. `now` is a monotonic clock in ms. */
  constructor(limitMs: number, onExpired: () => void, now: () => number = () => performance.now()) {
    this.#limitMs = limitMs;
    this.#onExpired = onExpired;
    this.#now = now;
    this.#runningSince = now();
    this.#arm();
  }

  /** Milliseconds that counted so far. */
  get elapsedMs(): number {
    return this.#spentMs + (this.#running ? this.#now() - this.#runningSince : 0);
  }

  pause(): void {
    this.#spentMs = this.elapsedMs;
    this.#running = false;
  }

  resume(): void {
    if (this.#running) return;
    this.#running = true;
    this.#runningSince = this.#now();
    if (this.#timer === undefined) this.#arm();
  }

  /** Ends the watch; `elapsedMs` keeps its value. */
  stop(): void {
    this.pause();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    // Rounded up: a timer may fire a fraction of a millisecond early and would then be set again for nothing.
    const ms = Math.min(Math.max(1, Math.ceil(this.#limitMs - this.elapsedMs)), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#fired(), ms);
  }

  #fired(): void {
    this.#timer = undefined;
    if (!this.#running) return;
    if (this.elapsedMs < this.#limitMs) this.#arm();
    else this.#onExpired();
  }
}
