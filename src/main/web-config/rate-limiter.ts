/** The rate limit of a web configuration: a bucket of `burst` requests, into which one comes back each interval. MAIN THREAD; pure. */
import type { RateLimit } from "./web-config.ts";

export class RateLimiter {
  readonly #limit: RateLimit;
  #left: number;
  #atMs: number;

  constructor(limit: RateLimit, nowMs: number) {
    this.#limit = limit;
    this.#left = limit.burst;
    this.#atMs = nowMs;
  }

  /** Whether one more request may come at `nowMs`, on a clock that only goes on. */
  take(nowMs: number): boolean {
    const { burst, intervalMs } = this.#limit;
    this.#left = Math.min(burst, this.#left + (nowMs - this.#atMs) / intervalMs);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
