/**
 * The way of events into the ring: batches, their flushing, and waiting for room. MAIN THREAD, the ring's one producer.
 *
 * `offer` never blocks: false means full, nothing was taken, `await writable()` and offer again. What was taken is counted in
 * `enqueuedEvents`, and is in a slot, in an open batch, or told as the number that `close` returns. Once closed it takes no
 * more; what it has taken still goes into slots.
 */
import type { RingMemory } from "../../shared/ring-memory.ts";
import { RingProducer } from "../../shared/ring.ts";
import type { Histogram } from "../metrics/histogram.ts";
import type { PublishedEvent } from "../normalise/published-event.ts";
import { Batcher } from "./batcher.ts";
import { OccupancyWindow } from "./occupancy.ts";
import { OversizeBuffer } from "./oversize-buffer.ts";
import { MAX_WAIT_MS, RoomWait } from "./room-wait.ts";

/** Turns of the event loop in which busy encoders are waited for; an encoder needs less, unless it died or hangs. */
const MAX_FLUSH_TURNS = 100;
const SLOW_FLUSH_MS = 1;

export interface RingFeedOptions {
  readonly memory: RingMemory;
  readonly encoders: number;
  /** Whether messages carry one event each. */
  readonly singleEvent: boolean;
  /** Whether encoders write messages for the event plane too. */
  readonly plane: boolean;
}

export class RingFeed {
  /** For those who give slots back: the pool and the index thread's keeper. */
  readonly ring: RingProducer;
  readonly oversize: OversizeBuffer = new OversizeBuffer();
  readonly #batcher: Batcher;
  readonly #room: RoomWait;
  readonly #occupancy: OccupancyWindow = new OccupancyWindow();
  #flushScheduled: boolean = false;
  #flushTurns: number = 0;
  #closed: boolean = false;

  constructor({ memory, encoders, singleEvent, plane }: RingFeedOptions) {
    this.ring = new RingProducer(memory, encoders);
    this.#batcher = new Batcher({
      ring: this.ring,
      oversize: this.oversize,
      singleEvent,
      plane,
      onCommit: (occupied) => {
        this.#flushTurns = 0;
        this.#occupancy.note(occupied, performance.now());
      },
    });
    this.#room = new RoomWait(this.ring, () => this.#batcher.hasRoom);
  }

  /** Takes one event, or says false: full, or closed. */
  offer(event: PublishedEvent): boolean {
    return !this.#closed && this.#batcher.add(event);
  }

  /** End of a source's step: what is complete may leave now, or a moment later if the encoders are busy. */
  flush(): void {
    if (this.#batcher.flush(false) || this.#flushScheduled) return;
    this.#flushScheduled = true;
    const again = (): void => {
      this.#flushScheduled = false;
      if (!this.#closed) this.flush();
    };
    // A full ring may stay full for long. Encoders are busy for a moment only, as a rule.
    if (!this.#batcher.hasRoom) void this.#room.soon(MAX_WAIT_MS).then(again);
    else if (this.#flushTurns++ < MAX_FLUSH_TURNS) setImmediate(again);
    else setTimeout(again, SLOW_FLUSH_MS);
  }

  /**
   * Resolves when there may be room again; after a turn of the event loop when closed, so that a caller that only looks for
   * room cannot keep the stop from its work. Any number of callers share one wait.
   */
  writable(): Promise<void> {
    if (this.#closed) return new Promise((resolve) => setImmediate(resolve));
    return this.#room.writable();
  }

  /** Puts all that was taken into slots. The position behind them, or null when there was no room, or it is closed. */
  cut(): number | null {
    return !this.#closed && this.#batcher.flush(true) ? this.ring.memory.head() : null;
  }

  /** Whether all that was taken has been in a slot, and left it. Puts open batches into slots, where there is room. */
  isEmptied(): boolean {
    return this.#batcher.flush(true) && this.ring.memory.occupied() === 0;
  }

  /**
   * Takes nothing from now on, and puts what was taken into slots, as long as `leftMs` is above 0 and `isRead` says that
   * someone empties them. Resolves with the number of events for which that was not so: they are lost.
   */
  async close(leftMs: () => number, isRead: () => boolean): Promise<number> {
    this.#closed = true;
    while (!this.#batcher.flush(true) && leftMs() > 0 && isRead()) {
      await this.#room.soon(Math.min(MAX_WAIT_MS, leftMs()));
    }
    return this.#batcher.discard();
  }

  /** Events taken so far. */
  get enqueuedEvents(): number {
    return this.#batcher.enqueuedEvents;
  }

  /** How long each wait for room took, in seconds. */
  get waits(): Histogram {
    return this.#room.waits;
  }

  /** Seconds in which sources have waited for room. */
  fullSeconds(): number {
    return this.#room.fullSeconds();
  }

  occupiedSlotsMax60s(): number {
    return this.#occupancy.max(performance.now());
  }

  /** Bytes of the ring, the open batches and the oversize buffer. */
  get memoryBytes(): number {
    return this.ring.memory.buffer.byteLength + this.#batcher.memoryBytes + this.oversize.bytes;
  }
}
