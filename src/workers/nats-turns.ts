/**
 * When the NATS sink takes its turns of the event loop: when somebody has asked for one, and every 50 ms. PUBLISHER THREAD.
 *
 * Beside ZMQ they are a pace apart, unless the sink is pressed: ZMQ is not to pay for a turn after each offer and each answer.
 */
const STEP_MS = 50;

export interface TurnParts {
  /** Milliseconds between two turns that were asked for; 0 for none. */
  readonly paceMs: number;
  /** Whether a turn is worth it at once. */
  readonly isPressed: () => boolean;
  /** Takes a turn; `nowMs` on the clock of `performance.now()`. */
  readonly take: (nowMs: number) => void;
}

export class NatsTurns {
  readonly #parts: TurnParts;
  readonly #timer: NodeJS.Timeout;
  #isWoken: boolean = false;
  /** The turn that waits for the pace; null when there is none. */
  #paced: NodeJS.Timeout | null = null;
  #lastMs: number = 0;
  #afterTurn: () => void = () => {};

  constructor(parts: TurnParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#stepAtRest(), STEP_MS);
    this.#timer.unref();
  }

  /** Asks for a turn: at the end of this one of the event loop, or when the pace allows it; once for all who ask. */
  wake(): void {
    if (this.#isWoken) return;
    const { paceMs, isPressed } = this.#parts;
    const waitMs = isPressed() ? 0 : this.#lastMs + paceMs - performance.now();
    if (waitMs > 0) {
      this.#paced ??= setTimeout(() => this.#turn(), waitMs);
      return;
    }
    this.#isWoken = true;
    setImmediate(() => {
      this.#isWoken = false;
      this.#turn();
    });
  }

  /** Resolves behind the turn after which that is so, or at `deadlineMs` on the clock of `performance.now()`. One at a time. */
  until(isSo: () => boolean, deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#afterTurn = (): void => {};
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, deadlineMs - performance.now()));
      this.#afterTurn = (): void => {
        if (isSo()) end();
      };
      this.wake();
    });
  }

  /** No turn comes by itself any more. */
  end(): void {
    clearInterval(this.#timer);
    if (this.#paced !== null) clearTimeout(this.#paced);
  }

  #turn(): void {
    if (this.#paced !== null) clearTimeout(this.#paced);
    this.#paced = null;
    this.#take(performance.now());
  }

  /** Nobody has asked for a turn, and time passes. */
  #stepAtRest(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastMs >= STEP_MS / 2) this.#take(nowMs);
  }

  #take(nowMs: number): void {
    this.#lastMs = nowMs;
    this.#parts.take(nowMs);
    this.#afterTurn();
  }
}
