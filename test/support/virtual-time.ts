/** Time that passes only when a test says so, for loops that wait. */
import { setImmediate as nextTurn } from "node:timers/promises";

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export class VirtualTime {
  #nowMs: number = 0;
  readonly #sleepers: Set<Sleeper> = new Set();

  readonly now = (): number => this.#nowMs;

  readonly sleep = (ms: number): Promise<void> =>
    new Promise((wake) => this.#sleepers.add({ atMs: this.#nowMs + Math.max(0, ms), wake }));

  /** Lets time pass until then, one sleeper after the other. */
  async until(ms: number): Promise<void> {
    for (;;) {
      // All that follows without waiting has happened behind this.
      await nextTurn();
      const next = [...this.#sleepers].reduce<Sleeper | null>(
        (first, each) => (first === null || each.atMs < first.atMs ? each : first),
        null,
      );
      if (next === null || next.atMs > ms) break;
      this.#sleepers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
    }
    this.#nowMs = Math.max(this.#nowMs, ms);
  }
}
