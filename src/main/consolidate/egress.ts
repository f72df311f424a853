/**
 * From the tracker's queue into the pipeline. MAIN THREAD.
 *
 * What a drain interval gathers goes out together; a queue that grows too long goes out at once, and sources wait meanwhile. The
 * ring may be full: then the rest waits in the queue, and with it the sources.
 *
 * What a source has cleared is taken out between turns of the event loop, a few thousand holds at a time: sources go on
 * meanwhile, unless the queue is too long.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { PublishedEvent } from "../normalise/published-event.ts";
import type { EventOutlet } from "../intake.ts";
import type { Consolidator } from "./consolidator.ts";

/** Bytes that wait, beyond which nothing waits for the interval, and sources wait for the queue. */
export const MAX_QUEUED_BYTES: number = 4 << 20;
/** Holds between two turns: about a millisecond, and 20 KiB of events at most. */
const SWEPT_A_TURN = 1024;

export class Egress {
  readonly #consolidator: Consolidator;
  readonly #outlet: EventOutlet;
  readonly #intervalMs: number;
  readonly #offer: (event: PublishedEvent) => boolean;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  /** The drain that waits for room; null while none does. */
  #draining: Promise<void> | null = null;
  /** Null while nothing is left to be swept. */
  #sweeping: Promise<void> | null = null;
  #isStopping: boolean = false;

  constructor(consolidator: Consolidator, outlet: EventOutlet, intervalMs: number) {
    this.#consolidator = consolidator;
    this.#outlet = outlet;
    this.#intervalMs = intervalMs;
    this.#offer = (event): boolean => outlet.offer(event);
  }

  /** There may be something to send. Null: go on; otherwise wait for it first. */
  notify(): Promise<void> | null {
    if (this.#consolidator.isSweeping) this.#sweeping ??= this.#sweep();
    if (this.#draining !== null) return this.#draining;
    if (this.#consolidator.queuedBytes > MAX_QUEUED_BYTES) return this.drain();
    if (this.#intervalMs > 0) this.#timer ??= setTimeout(() => void this.drain(), this.#intervalMs);
    else this.#immediate ??= setImmediate(() => void this.drain());
    return null;
  }

  /** Sends all that waits; resolves when it is in the pipeline, or the pipeline stops. One at a time. */
  drain(): Promise<void> {
    this.#clear();
    this.#draining ??= this.#drain().finally(() => (this.#draining = null));
    return this.#draining;
  }

  /** The end: sends what waits, without waiting for the interval, and gives up what finds no room by then. */
  async stop(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => (this.#isStopping = true), Math.max(0, deadlineMs - performance.now()));
    await this.#sweeping;
    await this.drain();
    clearTimeout(timer);
    this.#clear();
  }

  async #drain(): Promise<void> {
    for (;;) {
      this.#consolidator.drain(this.#offer);
      this.#outlet.flush();
      if (this.#consolidator.queued === 0 || this.#isStopping) return;
      await this.#outlet.writable();
    }
  }

  async #sweep(): Promise<void> {
    do {
      await nextTurn();
      await this.notify();
    } while (!this.#isStopping && this.#consolidator.sweep(SWEPT_A_TURN));
    this.#sweeping = null;
    // Whoever called need not come back for the last of it.
    void this.notify();
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
  }
}
