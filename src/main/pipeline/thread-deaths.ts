/**
 * What main makes of threads that die or hang: why one died, when that is no accident any more, and how long one has stood still.
 * MAIN THREAD; pure.
 */
import { codeOf, ThreadDiedError } from "../../shared/errors.ts";
import type { WorkerRestartReason } from "../metrics/pipeline-view.ts";

/** More deaths than this within the window are no accident any more: the service ends, so that a supervisor acts. */
const MAX_DEATHS = 10;
const DEATH_WINDOW_MS = 60_000;

/** Counts the deaths of the last minute. */
export class DeathBudget {
  readonly #deathsMs: number[] = [];

  /** Notes a death at a time of the monotonic clock. True: there have been too many. */
  spend(nowMs: number): boolean {
    this.#deathsMs.push(nowMs);
    while (this.#deathsMs.length > 0 && nowMs - (this.#deathsMs[0] as number) > DEATH_WINDOW_MS) this.#deathsMs.shift();
    return this.#deathsMs.length >= MAX_DEATHS;
  }
}

/** What ends the service when the budget of a thread is spent. `name` begins the message, `last` says what ended it last. */
export function tooManyDeaths(thread: string, name: string, last: string, cause: unknown): ThreadDiedError {
  return new ThreadDiedError(thread, `${name} died ${MAX_DEATHS} times in ${DEATH_WINDOW_MS / 1000} s: ${last}`, cause);
}

/** The label for what ended a thread; `error` is what the runtime said, null when it only exited. */
export function deathReason(error: unknown): WorkerRestartReason {
  if (error === null) return "exit";
  if (error instanceof Error) {
    if (codeOf(error) === "ERR_WORKER_OUT_OF_MEMORY") return "oom";
    if (/exited with code|terminat/i.test(error.message)) return "exit";
  }
  return "error";
}

/** Restarts of a thread, none so far. */
export function noRestarts(): Record<WorkerRestartReason, number> {
  return { error: 0, oom: 0, exit: 0, heartbeat: 0 };
}

/**
 * Time as a judge of other threads may count it: only between looks that came when they were due. When the process was
 * stopped, or starved of its cores, main was late itself, and no thread can be blamed for what it could not do either.
 */
export class Looks {
  readonly #lateMs: number;
  #lastMs: number = Number.NEGATIVE_INFINITY;

  /** A look is due every `everyMs`. */
  constructor(everyMs: number) {
    this.#lateMs = 2 * everyMs;
  }

  /** Milliseconds since the last look; null if this one came too late, or is the first. `nowMs` is monotonic. */
  look(nowMs: number): number | null {
    const sinceLastMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    return sinceLastMs > this.#lateMs ? null : sinceLastMs;
  }
}
