/**
 * Waiting for room in the ring, by whoever waits: a source, an open batch, the stop. MAIN THREAD.
 *
 * The ring's bell has room for one sleeper, so all share one wait. How long sources wait is measured here.
 */
import type { RingProducer } from "../../shared/ring.ts";
import { Histogram } from "../metrics/histogram.ts";
import { RING_WAIT_BUCKETS } from "../metrics/pipeline-view.ts";

/** A lost wake-up would be a bug; this bounds what it could cost a waiting source. */
export const MAX_WAIT_MS = 100;

export class RoomWait {
  /** How long each wait of sources took, in seconds. */
  readonly waits: Histogram = new Histogram(RING_WAIT_BUCKETS);
  readonly #ring: RingProducer;
  readonly #hasRoom: () => boolean;
  #room: Promise<void> | null = null;
  #waiting: Promise<void> | null = null;
  #waitingSinceMs: number | null = null;
  #fullSeconds: number = 0;

  constructor(ring: RingProducer, hasRoom: () => boolean) {
    this.#ring = ring;
    this.#hasRoom = hasRoom;
  }

  /** Resolves when there may be room, or after `timeoutMs`, or that of whoever waits already. */
  soon(timeoutMs: number): Promise<void> {
    this.#room ??= this.#ring.whenFree(timeoutMs, this.#hasRoom).finally(() => {
      this.#room = null;
    });
    return this.#room;
  }

  /** The same for sources, whose waits are measured. Any number of them share one. */
  writable(): Promise<void> {
    this.#waiting ??= this.#measured();
    return this.#waiting;
  }

  /** Seconds in which sources have waited, the wait under way included. */
  fullSeconds(): number {
    const since = this.#waitingSinceMs;
    return this.#fullSeconds + (since === null ? 0 : (performance.now() - since) / 1000);
  }

  async #measured(): Promise<void> {
    const startedMs = performance.now();
    this.#waitingSinceMs = startedMs;
    try {
      await this.soon(MAX_WAIT_MS);
    } finally {
      const seconds = (performance.now() - startedMs) / 1000;
      this.#waiting = null;
      this.#waitingSinceMs = null;
      this.#fullSeconds += seconds;
      this.waits.observe(seconds);
    }
  }
}
