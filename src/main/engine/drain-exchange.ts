/**
 * One HTTP request for one drain, and the answer's body as it comes. MAIN THREAD.
 *
 * Node's events of a request may arrive in many orders (an error after the end, a close without either, a reset while
 * we are the ones who pause), so everything here runs into one `#finish`, which takes the first and ignores the rest.
 * It settles only when the consumer has put down the chunk in its hands: whoever waits for `settled` may reuse it.
 */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { DeadlineClock } from "./deadline-clock.ts";
import { DrainError, drainErrorFrom } from "./drain-error.ts";

/**
 * Takes one piece of the body. True: go on. False: enough, cut the answer. A promise of either: no further piece comes
 * and the deadline does not run until it resolves. The bytes belong to the consumer until then, not longer.
 */
export type OnChunk = (chunk: Buffer) => boolean | Promise<boolean>;

export interface ExchangeResult {
  /** Null when the whole body was handed over, and when we cut it. */
  readonly error: DrainError | null;
  /** We ended it ourselves: the consumer refused a chunk, or `abort()` was called. */
  readonly cut: boolean;
}

const COMPLETE: ExchangeResult = { error: null, cut: false };
const CUT: ExchangeResult = { error: null, cut: true };

export class Exchange {
  /** Rejects only when the consumer threw. */
  readonly settled: Promise<ExchangeResult>;
  readonly #request: ClientRequest;
  readonly #clock: DeadlineClock;
  readonly #maxBytes: number;
  readonly #onChunk: OnChunk;
  #settle: (result: ExchangeResult) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #response: IncomingMessage | null = null;
  #bytes: number = 0;
  #result: ExchangeResult | null = null;
  /** A chunk is with the consumer, whose promise is pending. */
  #handling: boolean = false;

  /** `request` must not have been ended yet; it is, with `body` if there is one. */
  constructor(
    request: ClientRequest,
    clock: DeadlineClock,
    maxBytes: number,
    onChunk: OnChunk,
    body: Buffer | null = null,
  ) {
    this.#request = request;
    this.#clock = clock;
    this.#maxBytes = maxBytes;
    this.#onChunk = onChunk;
    this.settled = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#reject = reject;
    });
    request.on("response", (response) => this.#begin(response));
    request.on("error", (error) => this.#fail(error));
    request.on("close", () => {
      if (this.#response === null) this.#closed();
    });
    if (body === null) request.end();
    else request.end(body);
  }

  /** The head of an answer with status 200 has arrived. */
  get answering(): boolean {
    return this.#response !== null;
  }

  abort(): void {
    this.#finish(CUT);
  }

  timeOut(limitMs: number): void {
    const lost = this.#response === null ? "" : ": the rest of the answer is lost";
    this.#finish({ error: new DrainError("timeout", `no complete answer within ${limitMs} ms${lost}`), cut: false });
  }

  /** A close follows the end or an error as a rule, and then says nothing new. */
  #closed(): void {
    if (this.#result === null) this.#fail(new Error("closed early"));
  }

  #fail(error: unknown): void {
    if (this.#result !== null) return;
    const cause = drainErrorFrom(error, this.#response !== null, this.#request.reusedSocket);
    this.#finish({ error: cause, cut: false });
  }

  #begin(response: IncomingMessage): void {
    const status = response.statusCode ?? 0;
    // A redirect ends here like any other status: where an engine may send us is not for the engine to decide.
    if (status !== 200) return this.#refuse(new DrainError("http_status", `HTTP status ${status}`, { status }));
    const encoding = response.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
    if (encoding !== "identity") {
      return this.#refuse(new DrainError("decode", "the answer is compressed although that was not accepted"));
    }
    // A length announced beyond the cap is no reason to stop: the engine has already forgotten the events, and those
    // that stand before the cap can still be saved.
    this.#response = response;
    response.on("data", (chunk: Buffer) => this.#take(chunk));
    response.on("end", () => this.#finish(COMPLETE));
    response.on("error", (error) => this.#fail(error));
    response.on("close", () => this.#closed());
  }

  #refuse(error: DrainError): void {
    this.#finish({ error, cut: false });
  }

  #take(chunk: Buffer): void {
    if (this.#result !== null) return;
    const room = this.#maxBytes - this.#bytes;
    const over = chunk.length > room;
    this.#bytes += chunk.length;
    this.#clock.pause();
    let verdict: boolean | Promise<boolean>;
    try {
      verdict = this.#onChunk(over ? chunk.subarray(0, room) : chunk);
    } catch (error) {
      return this.#crash(error);
    }
    if (typeof verdict === "boolean") return this.#taken(verdict, over);
    this.#response?.pause();
    this.#handling = true;
    verdict.then(
      (goOn) => this.#taken(goOn, over),
      (error: unknown) => this.#crash(error),
    );
    return undefined;
  }

  #crash(error: unknown): void {
    this.#reject(error);
    this.#handling = false;
    this.#finish(CUT);
  }

  #taken(goOn: boolean, over: boolean): void {
    const waited = this.#handling;
    this.#handling = false;
    if (this.#result !== null) return this.#settle(this.#result);
    if (!goOn) return this.#finish(CUT);
    if (over) {
      const message = `the answer is longer than ${this.#maxBytes} bytes: the rest of it is lost`;
      return this.#finish({ error: new DrainError("oversize", message), cut: false });
    }
    this.#clock.resume();
    if (waited) this.#response?.resume();
    return undefined;
  }

  #finish(result: ExchangeResult): void {
    if (this.#result !== null) return;
    this.#result = result;
    this.#clock.pause();
    // Only a body that was read to its end leaves a connection that can be used again.
    if (result !== COMPLETE) this.#request.destroy();
    if (!this.#handling) this.#settle(result);
  }
}
