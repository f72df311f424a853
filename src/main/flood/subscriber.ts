/** The parent's side of the counting subscriber: starts it, hears what it says, notices when it falls silent. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SubscriberMessage, SubscriberOrder, SubscriberReport } from "./subscriber-process.ts";
import type { TallyFigures } from "./tally.ts";

const PROCESS = fileURLToPath(new URL("./subscriber-process.js", import.meta.url));
/** A publisher that is asked for a finite stream and sends nothing for so long has lost the rest. */
const STALL_MS = 20_000;

export class FloodSubscriber {
  /** Latest figures that it told; a moment old. */
  figures: TallyFigures | null = null;
  /** Whether there has been a connection. */
  connected: boolean = false;
  readonly #child: ChildProcess;
  readonly #order: SubscriberOrder;
  readonly #onProgress: (figures: TallyFigures) => void;
  readonly #warm: PromiseWithResolve<TallyFigures> = promiseWithResolve();
  readonly #done: PromiseWithResolve<SubscriberReport> = promiseWithResolve();
  #report: PromiseWithResolve<SubscriberReport> = promiseWithResolve();
  readonly #broken: PromiseWithResolve<never> = promiseWithResolve();
  #stall: NodeJS.Timeout | undefined;

  constructor(order: SubscriberOrder, onProgress: (figures: TallyFigures) => void = nothing) {
    this.#order = order;
    this.#onProgress = onProgress;
    this.#broken.promise.catch(nothing);
    // A Ctrl-C is for this process; the child ends with the channel to it.
    this.#child = fork(PROCESS, [JSON.stringify(order)], { detached: true });
    this.#child.on("message", (message: SubscriberMessage) => this.#onMessage(message));
    this.#child.on("exit", (code, signal) => {
      this.#fail(`the counting subscriber ended with ${code ?? signal ?? "nothing"}`);
    });
    if (order.events !== null) this.#watch();
  }

  /** When the warm-up is over. Rejects when messages are missing or nothing comes any more; so do the others. */
  warm(): Promise<TallyFigures> {
    return Promise.race([this.#warm.promise, this.#broken.promise]);
  }

  /** When all events are there. */
  done(): Promise<SubscriberReport> {
    return Promise.race([this.#done.promise, this.#broken.promise]);
  }

  /** Its figures as they are now. */
  report(): Promise<SubscriberReport> {
    this.#report = promiseWithResolve();
    this.#child.send("report");
    return Promise.race([this.#report.promise, this.#broken.promise]);
  }

  /** Never resolves; rejects with what went wrong, when it does. */
  broken(): Promise<never> {
    return this.#broken.promise;
  }

  stop(): void {
    clearTimeout(this.#stall);
    this.#child.removeAllListeners("exit");
    this.#child.kill("SIGKILL");
  }

  #onMessage(message: SubscriberMessage): void {
    switch (message.type) {
      case "ready":
        break;
      case "connected":
        this.connected = true;
        break;
      case "warm":
      case "progress":
        this.figures = message.figures;
        this.#onProgress(message.figures);
        if (this.#order.events !== null) this.#watch();
        if (message.type === "warm") this.#warm.resolve(message.figures);
        break;
      case "done":
        clearTimeout(this.#stall);
        this.#done.resolve(message.report);
        break;
      case "report":
        this.#report.resolve(message.report);
        break;
      case "broken":
        this.#fail(message.reason);
        break;
    }
  }

  #watch(): void {
    clearTimeout(this.#stall);
    this.#stall = setTimeout(() => {
      this.report().then(
        ({ events, lastSequence }) =>
          this.#fail(
            `nothing came for ${STALL_MS / 1000} s after ${events} of ${this.#order.events ?? "endless"} events, ` +
              `the last one in message ${lastSequence}`,
          ),
        nothing,
      );
    }, STALL_MS);
  }

  #fail(reason: string): void {
    clearTimeout(this.#stall);
    this.#broken.reject(new Error(reason));
  }
}

interface PromiseWithResolve<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function nothing(): void {}

function promiseWithResolve<T>(): PromiseWithResolve<T> {
  let resolve: (value: T) => void = nothing;
  let reject: (error: Error) => void = nothing;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
