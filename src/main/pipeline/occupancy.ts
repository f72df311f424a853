/**
 * The most ring slots in use during the last minute. MAIN THREAD.
 *
 * A fixed window and not "since the last scrape": two scrapers would steal the maximum from each other.
 */
const WINDOWS = 6;
const WINDOW_MS = 10_000;

export class OccupancyWindow {
  readonly #maxima: Float64Array = new Float64Array(WINDOWS);
  #window: number = 0;

  /** `nowMs` is monotonic. */
  note(occupied: number, nowMs: number): void {
    this.#advance(nowMs);
    const cell = this.#window % WINDOWS;
    if (occupied > (this.#maxima[cell] as number)) this.#maxima[cell] = occupied;
  }

  max(nowMs: number): number {
    this.#advance(nowMs);
    return Math.max(...this.#maxima);
  }

  #advance(nowMs: number): void {
    const window = Math.floor(nowMs / WINDOW_MS);
    for (let w = Math.max(this.#window + 1, window - WINDOWS + 1); w <= window; w++) this.#maxima[w % WINDOWS] = 0;
    this.#window = window;
  }
}
