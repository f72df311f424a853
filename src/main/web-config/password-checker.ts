/**
 * Asks the password thread, which lives from the first question on. MAIN THREAD.
 *
 * One check is under way at a time and few wait: whoever floods a server with guesses keeps one thread of the lowest priority
 * busy, and nothing else. Each address has one place in the queue, so that one who guesses does not keep others out.
 */
import { Worker } from "node:worker_threads";
import type { PasswordAnswer, PasswordQuestion } from "../../shared/password-messages.ts";
import { workerUrl } from "../../shared/thread-url.ts";

const MAX_WAITING = 32;
/** Much more than the library needs. */
const HEAP_MB = 64;

interface Waiting extends PasswordQuestion {
  readonly address: string;
  readonly done: (isRight: boolean | null) => void;
}

export class PasswordChecker {
  #worker: Worker | null = null;
  #nextId: number = 0;
  /** The first one is with the thread. */
  #queue: Waiting[] = [];

  /** Null: too many are waiting, or the thread is gone; nothing was decided. `address` is whose question it is. */
  check(password: string, hash: string, address: string): Promise<boolean | null> {
    const isWaiting = this.#queue.slice(1).some((other) => other.address === address);
    if (isWaiting || this.#queue.length >= MAX_WAITING) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#queue.push({ id: this.#nextId++, password, hash, address, done: resolve });
      if (this.#queue.length === 1) this.#ask();
    });
  }

  close(): void {
    this.#giveUp();
    void this.#worker?.terminate();
    this.#worker = null;
  }

  #ask(): void {
    const [first] = this.#queue;
    if (first === undefined) return;
    const { id, password, hash } = first;
    const question: PasswordQuestion = { id, password, hash };
    try {
      (this.#worker ??= this.#start()).postMessage(question);
    } catch {
      // There are as many threads as the system allows.
      this.#giveUp();
    }
  }

  #start(): Worker {
    const worker = new Worker(workerUrl("password"), {
      name: "kvcast-password",
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    // It never keeps the process alive.
    worker.unref();
    worker.on("message", ({ id, isRight }: PasswordAnswer) => {
      if (this.#queue[0]?.id !== id) return;
      this.#queue.shift()?.done(isRight);
      this.#ask();
    });
    // The error comes before the exit, which says enough: the next question starts a new thread.
    worker.on("error", () => {});
    worker.on("exit", () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#giveUp();
    });
    return worker;
  }

  #giveUp(): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const { done } of queue) done(null);
  }
}
