/**
 * How often clients of the replay socket may ask. PUBLISHER THREAD; pure.
 *
 * A request is a few bytes and its answer may be the whole window, so asking is what has to be bounded: each connection has a bucket
 * of requests that fills up again, and all of them together have another, because whoever connects anew is somebody new here. A
 * client that gains nothing rests for a while: one that took nothing of an answer until it expired, and one that asks for the
 * same messages again and again, which it has been sent. Who is refused gets an end marker at once, as an empty window would
 * give it; nobody is left to wait.
 */

export interface PaceLimits {
  /** Requests of one connection at once, and of those so many more a second. */
  readonly burst: number;
  readonly perSecond: number;
  /** The same of all connections together. */
  readonly allBurst: number;
  readonly allPerSecond: number;
  /** Requests from no higher a number than the one before, in a row, that a connection may make without resting. */
  readonly repeats: number;
  readonly restMs: number;
}

export const PACE_LIMITS: PaceLimits = {
  burst: 64,
  perSecond: 8,
  allBurst: 1024,
  allPerSecond: 256,
  repeats: 3,
  restMs: 30_000,
};

/** `throttled`: too often; `resting`: it is to rest. */
export type PaceVerdict = "admitted" | "throttled" | "resting";

/** Connections that are remembered; the one that was silent for longest is forgotten first. */
const MAX_KNOWN = 4096;

interface Known {
  tokens: number;
  /** Of the last request. */
  atMs: number;
  /** The lowest number asked for in the row that goes on, and its length. */
  start: number;
  repeats: number;
  restsUntilMs: number;
  /** `start` and `repeats` before the last request. */
  before: readonly [start: number, repeats: number];
}

export class ReplayPace {
  readonly #limits: PaceLimits;
  /** By identity; who asked last comes last. */
  readonly #known: Map<string, Known> = new Map();
  #allTokens: number;
  #allAtMs: number = 0;

  constructor(limits: PaceLimits) {
    this.#limits = limits;
    this.#allTokens = limits.allBurst;
  }

  /** Whether a request may be answered. `start`: the first number wanted; null
   * where the answer is no run of messages. `nowMs` is a monotonic clock. */
  judge(key: string, start: number | null, nowMs: number): PaceVerdict {
    const { burst, perSecond, allBurst, allPerSecond, repeats, restMs } = this.#limits;
    const known = this.#recall(key, nowMs);
    known.tokens = Math.min(burst, known.tokens + ((nowMs - known.atMs) / 1000) * perSecond);
    // Whoever was silent for that long does not repeat itself in a loop.
    if (nowMs - known.atMs >= restMs) known.repeats = 0;
    known.atMs = nowMs;
    if (nowMs < known.restsUntilMs) return "resting";
    this.#allTokens = Math.min(allBurst, this.#allTokens + (Math.max(0, nowMs - this.#allAtMs) / 1000) * allPerSecond);
    this.#allAtMs = nowMs;
    if (known.tokens < 1 || this.#allTokens < 1) return "throttled";
    known.tokens--;
    this.#allTokens--;
    known.before = [known.start, known.repeats];
    if (start === null) return "admitted";
    known.repeats = start <= known.start ? known.repeats + 1 : 0;
    known.start = start;
    if (known.repeats < repeats) return "admitted";
    known.repeats = 0;
    known.restsUntilMs = nowMs + restMs;
    return "resting";
  }

  /** The request that was admitted just now could not be answered after all: whoever asks again repeats nothing. */
  unanswered(key: string): void {
    const known = this.#known.get(key);
    if (known !== undefined) [known.start, known.repeats] = known.before;
  }

  /** A client took nothing of its answer for so long that it was given up. */
  expired(key: string, nowMs: number): void {
    this.#recall(key, nowMs).restsUntilMs = nowMs + this.#limits.restMs;
  }

  #recall(key: string, nowMs: number): Known {
    const { burst } = this.#limits;
    const fresh = { tokens: burst, atMs: nowMs, start: -1, repeats: 0, restsUntilMs: 0, before: [-1, 0] as const };
    const known: Known = this.#known.get(key) ?? fresh;
    this.#known.delete(key);
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    return known;
  }
}
