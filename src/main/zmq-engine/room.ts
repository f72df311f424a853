/**
 * Waits for room in the pipeline, until it is no use to wait any longer. MAIN THREAD; one for each engine.
 *
 * Those who wait are let go together when the time is over. Not a race of promises: that would pile up on a lasting one.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EventOutlet } from "../intake.ts";

export class Room {
  readonly #outlet: EventOutlet;
  readonly #waiting: Set<() => void> = new Set();
  #expired: boolean = false;

  constructor(outlet: EventOutlet) {
    this.#outlet = outlet;
  }

  /** Nobody waits any more, now and later. */
  expire(): void {
    this.#expired = true;
    for (const letGo of this.#waiting) letGo();
  }

  /** Tries until it succeeds; false when the time was over before. What waits in open batches leaves meanwhile. */
  async until(attempt: () => boolean): Promise<boolean> {
    while (!attempt()) {
      if (this.#expired) return false;
      this.#outlet.flush();
      await this.#writable();
      // A pipeline that is stopping resolves at once without room; timers must still get their turn.
      await nextTurn();
    }
    return true;
  }

  async #writable(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const letGo = (): void => {
        this.#waiting.delete(letGo);
        resolve();
      };
      this.#waiting.add(letGo);
      this.#outlet.writable().then(letGo, reject);
    });
  }
}
