/**
 * What main makes of threads that die: why one did, and when it is no accident any more. MAIN THREAD; pure.
 */
import type { WorkerRestartReason } from "../metrics/pipeline-view.ts";

/** More deaths than this within the window are no accident any more: the service ends, so that a supervisor acts. */
export const MAX_DEATHS = 10;
export const DEATH_WINDOW_MS = 60_000;

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

/** The label for what ended a thread; `error` is what the runtime said, null when it only exited. */
export function deathReason(error: unknown): WorkerRestartReason {
  if (error === null) return "exit";
  if (error instanceof Error) {
    if ("code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY") return "oom";
    if (/exited with code|terminat/i.test(error.message)) return "exit";
  }
  return "error";
}
