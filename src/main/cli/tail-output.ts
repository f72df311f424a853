/**
 * Standard output of `kvcast tail`: many short lines, few writes. MAIN THREAD.
 */
import { once } from "node:events";

const FLUSH_CHARS = 65_536;

export class TailOutput {
  /** Resolves when nobody reads any more, as after `kvcast tail | head`. */
  readonly gone: Promise<void>;
  /** Columns of the terminal; null when it is none, or one that cannot go back in its line. */
  readonly columns: number | null;
  #pending: string = "";
  #scheduled: boolean = false;

  /** `terminal` is the variable TERM. */
  constructor(terminal: string | undefined) {
    this.columns = process.stdout.isTTY && terminal !== "dumb" ? process.stdout.columns : null;
    this.gone = new Promise((resolve) => process.stdout.once("error", () => resolve()));
  }

  write(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= FLUSH_CHARS) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.flush());
    }
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#pending === "") return;
    process.stdout.write(this.#pending);
    this.#pending = "";
  }

  /** Waits while the reader is behind, so that what it has not read does not pile up here. */
  async drained(): Promise<void> {
    if (process.stdout.writableNeedDrain) await Promise.race([once(process.stdout, "drain"), this.gone]);
  }
}
