/** What holds the first event back until all workers of the cluster are ready. MAIN THREAD. */

/** How it was opened. */
export type BarrierEnd = "ready" | "timeout" | "stopped";

export class StartBarrier {
  /** Resolves once, when it opens. */
  readonly opened: Promise<BarrierEnd>;
  #isOpen: boolean = false;
  readonly #timer: NodeJS.Timeout;
  #onOpen: (end: BarrierEnd) => void = () => {};

  /** Opens by itself after `timeoutMs`. */
  constructor(timeoutMs: number) {
    this.opened = new Promise((resolve) => (this.#onOpen = resolve));
    this.#timer = setTimeout(() => this.open("timeout"), timeoutMs);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The first call counts. */
  open(end: BarrierEnd): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    clearTimeout(this.#timer);
    this.#onOpen(end);
  }
}
