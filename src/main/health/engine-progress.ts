/**
 * Whether something moves in an engine that has requests. MAIN THREAD, pure but for the clock.
 *
 * An engine whose ranks are dead may go on to answer: 200 on `/health`, and empty lists for events and statistics. What gives it
 * away is that it had requests when it last told of them, and that since then neither an iteration nor an event id has moved.
 *
 * Of a request that runs alone some releases tell nothing before it ends. So the limit is long, and an answered canary counts as
 * movement.
 */
import { FINE, type Finding, notHere } from "./check.ts";

/** What a row of statistics says of a rank; null for what it does not say. */
export interface RankRow {
  readonly rank: number;
  readonly iteration: number | null;
  readonly active: number | null;
  readonly queued: number | null;
  /** Of the active ones, those that ended in this iteration. */
  readonly completed: number | null;
}

interface RankState {
  readonly iteration: number;
  /** Requests that were left behind the iteration. */
  readonly requests: number;
}

export class EngineProgress {
  readonly #engine: string;
  /** Null: it is not judged. */
  readonly #stallAfterMs: number | null;
  readonly #now: () => number;
  readonly #ranks: Map<number, RankState> = new Map();
  #movedMs: number;
  #events: number = 0;

  constructor(engine: string, stallAfterMs: number | null, now: () => number) {
    this.#engine = engine;
    this.#stallAfterMs = stallAfterMs;
    this.#now = now;
    this.#movedMs = now();
  }

  /** Whether the row is of an iteration that was not known. */
  noteRow({ rank, iteration, active, queued, completed }: RankRow): boolean {
    if (active === null) return false;
    const before = this.#ranks.get(rank);
    // An iteration that goes back is one of an engine that began anew. Without numbers each row is one.
    const moved = before === undefined || iteration === null || iteration !== before.iteration;
    const requests = Math.max(0, active - (completed ?? 0)) + (queued ?? 0);
    // A request that comes to an idle engine gives it as long as any other.
    if (moved || before?.requests === 0) this.moved();
    this.#ranks.set(rank, { iteration: iteration ?? -1, requests });
    return moved;
  }

  /** So many events have come by now. */
  noteEvents(total: number): void {
    if (total !== this.#events) this.moved();
    this.#events = total;
  }

  /** What was known is of an engine that may be gone. */
  forget(): void {
    this.#ranks.clear();
    this.moved();
  }

  /** Something has moved. */
  moved(): void {
    this.#movedMs = this.#now();
  }

  look(): Finding {
    if (this.#stallAfterMs === null) return notHere("it is switched off");
    if (this.#ranks.size === 0) return notHere(`engine ${this.#engine} has told nothing of its requests`);
    const requests = [...this.#ranks.values()].reduce((sum, rank) => sum + rank.requests, 0);
    const stillMs = this.#now() - this.#movedMs;
    if (requests === 0 || stillMs < this.#stallAfterMs) return FINE;
    return {
      ok: false,
      reason: `engine ${this.#engine} has requests, and nothing has moved for more than ${this.#stallAfterMs / 1000} s: neither iterations nor events`,
      fix: "Restart the engine: its server answers, but what generates behind it is gone or stuck. Where long requests run alone, set --engine-stall-after higher, or --canary on.",
    };
  }
}
