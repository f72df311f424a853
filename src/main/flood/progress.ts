/**
 * How far a load test is, for whoever looks at a terminal: one line that is written over. Where there is no terminal it says
 * nothing before the end. MAIN THREAD.
 */
import { whole } from "./report-text.ts";

const BAR_COLUMNS = 24;
/** A test that is over by then needs no bar. */
const QUIET_MS = 1000;
const ERASE_LINE = "\r\u001B[2K";

export interface ProgressOptions {
  /** Columns of the terminal; null when it is none. */
  readonly columns: number | null;
  readonly write: (text: string) => void;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
}

export class Progress {
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  #shown: boolean = false;
  #lastMs: number;
  #lastEvents: number = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startMs = options.now();
    this.#lastMs = this.#startMs;
  }

  /** `label` says which part; `share` is from 0 to 1, null while it is not known; `events` counts from the part's start. */
  show(label: string, share: number | null, events: number): void {
    const { columns, write, now } = this.#options;
    const nowMs = now();
    const passedMs = nowMs - this.#lastMs;
    // A count that went back is that of another part.
    const perSecond = ((events - Math.min(events, this.#lastEvents)) * 1000) / Math.max(1, passedMs);
    this.#lastMs = nowMs;
    this.#lastEvents = events;
    if (columns === null || nowMs - this.#startMs < QUIET_MS) return;
    const done = Math.min(1, Math.max(0, share ?? 0));
    const filled = Math.round(done * BAR_COLUMNS);
    const bar = share === null ? "" : ` [${"#".repeat(filled)}${".".repeat(BAR_COLUMNS - filled)}]`;
    const line = `${label}${bar} ${whole(perSecond)} events/s`;
    // A line that wraps could not be written over.
    write(`${ERASE_LINE}${line.slice(0, Math.max(1, columns - 1))}`);
    this.#shown = true;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown) this.#options.write(ERASE_LINE);
    this.#shown = false;
  }
}
