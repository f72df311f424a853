/**
 * When a stream takes its next snapshot: as soon as it is wanted, but not too often, and never where there are none. MAIN THREAD, or
 * any program that uses the library.
 */

/** From one snapshot to the next, and from a failure to the next try. */
const SNAPSHOT_PAUSE_MS = 1000;
const SNAPSHOT_FAILED_PAUSE_MS = 5000;

export class SyncSchedule {
  readonly #wake: () => void;
  readonly #now: () => number;
  #isWanted: boolean;
  #notBeforeMs: number = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed: boolean = false;

  /** `wake` is called when a snapshot that had to wait is due. `now` is a monotonic clock in milliseconds. */
  constructor(isWanted: boolean, wake: () => void, now: () => number = () => performance.now()) {
    this.#isWanted = isWanted;
    this.#wake = wake;
    this.#now = now;
  }

  get isDue(): boolean {
    return this.#isWanted && this.#now() >= this.#notBeforeMs;
  }

  /** What was told can no longer be vouched for. */
  want(): void {
    this.#isWanted = true;
    const waitMs = Math.max(0, this.#notBeforeMs - this.#now());
    clearTimeout(this.#timer);
    if (waitMs === Infinity || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#notBeforeMs = 0;
      this.#wake();
    }, waitMs);
  }

  /** A snapshot is being taken. */
  begin(): void {
    this.#isWanted = false;
  }

  taken(): void {
    this.#notBeforeMs = this.#now() + SNAPSHOT_PAUSE_MS;
  }

  /** It is wanted still. `isOff`: there will never be any. */
  failed(isOff: boolean): void {
    this.#notBeforeMs = isOff ? Infinity : this.#now() + SNAPSHOT_FAILED_PAUSE_MS;
    this.want();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
