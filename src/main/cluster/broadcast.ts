/** What a broadcast is told and what it tells. MAIN THREAD; pure. */
import type { CallEnd, WorkerAnswer } from "./pending-call.ts";

export interface BroadcastOptions {
  /** The wait ends then, whoever has answered. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told each answer as it comes. What it throws ends the broadcast, which rejects with it. */
  readonly onAnswer?: ((answer: WorkerAnswer) => void) | undefined;
  /** Answers to wait for. Default: one of each worker. */
  readonly wanted?: number;
  /** Whether the wait ends early when another worker connects, which cannot have heard the command. Default: no. */
  readonly hurries?: boolean;
}

export interface BroadcastResult {
  readonly answers: readonly WorkerAnswer[];
  /** Whether all that were wanted have answered, well or not. */
  readonly isComplete: boolean;
  /** Workers that were heard of lately and have not answered. */
  readonly missing: readonly string[];
  readonly end: Exclude<CallEnd, "cancelled" | "closed" | "failed">;
}

/** `2 of 3 workers answered; missing: a`, for messages. */
export function missingText({ answers, missing }: BroadcastResult, wanted: number): string {
  const unnamed = wanted - answers.length - missing.length;
  const names = [...missing, ...(unnamed > 0 ? [`${unnamed} that never told a name`] : [])];
  return `${answers.length} of ${wanted} workers answered${names.length === 0 ? "" : `; missing: ${names.join(", ")}`}`;
}
