/**
 * One broadcast that waits for its answers. MAIN THREAD; no sockets.
 *
 * Answers of workers with names are counted once each, whatever is sent twice. Workers without names cannot be told apart, so each
 * of their answers counts, as it does at the leader of Dynamo's block manager.
 */
import type { Outcome } from "./answer-note.ts";
import type { Answer } from "./frames.ts";

export interface WorkerAnswer {
  /** Null for a worker that does not tell its name. */
  readonly worker: string | null;
  /** Differs after each start of the worker; null if it does not say. */
  readonly boot: string | null;
  readonly outcome: Outcome;
  /** Why it failed or was refused. */
  readonly error: string | null;
  readonly payload: Buffer | null;
  /** From the broadcast to this answer. */
  readonly afterMs: number;
}

/** How the wait ended. */
export type CallEnd = "complete" | "timeout" | "cancelled" | "closed" | "hurried" | "failed";

export interface CallOptions {
  /** Answers that make it complete; with 0 it is from the beginning. */
  readonly wanted: number;
  readonly onAnswer?: ((answer: WorkerAnswer) => void) | undefined;
}

export class PendingCall {
  readonly answers: WorkerAnswer[] = [];
  readonly #wanted: number;
  readonly #onAnswer: ((answer: WorkerAnswer) => void) | undefined;
  readonly #names: Set<string> = new Set();
  readonly #startMs: number = performance.now();
  #ended: CallEnd | null = null;
  #failure: unknown = null;
  #onEnd: () => void = () => {};

  constructor({ wanted, onAnswer }: CallOptions) {
    this.#wanted = wanted;
    this.#onAnswer = onAnswer;
    if (wanted <= 0) this.#ended = "complete";
  }

  /** Counts an answer. False: the worker has answered before. */
  take({ note, payload, isRefusal }: Answer): boolean {
    const worker = note?.worker ?? null;
    if (this.#ended !== null || (worker !== null && this.#names.has(worker))) return false;
    if (worker !== null) this.#names.add(worker);
    const answer: WorkerAnswer = {
      worker,
      boot: note?.boot ?? null,
      outcome: isRefusal ? "refused" : (note?.outcome ?? "done"),
      error: note?.error ?? null,
      payload,
      afterMs: performance.now() - this.#startMs,
    };
    this.answers.push(answer);
    try {
      this.#onAnswer?.(answer);
    } catch (error) {
      // It belongs to whoever waits, and not to the loop that reads.
      this.#failure = error;
      this.end("failed");
    }
    if (this.answers.length >= this.#wanted) this.end("complete");
    return true;
  }

  /** What the listener threw, where that ended the wait. */
  get failure(): unknown {
    return this.#failure;
  }

  hasAnswered(worker: string): boolean {
    return this.#names.has(worker);
  }

  /** Ends the wait, unless it has ended. */
  end(how: CallEnd): void {
    if (this.#ended !== null) return;
    this.#ended = how;
    this.#onEnd();
  }

  /** Resolves when it ends, after `timeoutMs` or when `signal` says so at the latest. Leaves no timer and no listener. */
  async wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<CallEnd> {
    if (signal?.aborted === true) this.end("cancelled");
    if (this.#ended !== null) return this.#ended;
    const timer = setTimeout(() => this.end("timeout"), Math.max(0, timeoutMs));
    const cancel = (): void => this.end("cancelled");
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      await new Promise<void>((resolve) => (this.#onEnd = resolve));
      return this.#ended ?? "closed";
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
    }
  }
}
