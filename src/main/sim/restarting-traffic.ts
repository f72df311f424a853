/**
 * Traffic of an engine that may be started anew in the middle: ids from 0 again, other hashes. MAIN THREAD.
 */
import type { TrafficConfig } from "../config/config.ts";
import { scramble } from "../engine/random.ts";
import type { RawEvent } from "../engine/raw-event.ts";
import { Traffic, type TrafficCounts } from "../engine/traffic.ts";

export class RestartingTraffic {
  /** All events so far, `created` ones included. */
  made: number = 0;
  restarts: number = 0;
  readonly #config: TrafficConfig;
  /** Publishable events before each restart, ascending; owned and extended by the caller. */
  readonly #restartsAt: readonly number[];
  #traffic: Traffic;
  /** What earlier lives of the engine made. */
  readonly #before: TrafficCounts;

  constructor(config: TrafficConfig, restartsAt: readonly number[]) {
    this.#config = config;
    this.#restartsAt = restartsAt;
    this.#traffic = new Traffic(config);
    this.#before = { ...this.#traffic.emitted };
  }

  /** Publishable events so far, over all lives. */
  get published(): number {
    return this.#before.stored + this.#before.removed + this.#traffic.made;
  }

  /** What was made over all lives. */
  get counts(): TrafficCounts {
    return sum(this.#before, this.#traffic.emitted);
  }

  /** Blocks in the cache of the present life. */
  get liveBlocks(): number {
    return this.#traffic.emitted.storedBlocks - this.#traffic.emitted.removedBlocks;
  }

  /** Requests that run in the present life. */
  get runningRequests(): number {
    return this.#traffic.emitted.requestsStarted - this.#traffic.emitted.requestsFinished;
  }

  /** Last id by rank in the present life; -1 before the first. */
  get lastEventId(): Float64Array {
    return this.#traffic.lastEventId;
  }

  /** As `Traffic.next`. */
  next(raw: RawEvent): boolean {
    const { published } = this;
    if (this.#restartsAt[this.restarts] === published && published < this.#config.events) this.#restart(published);
    if (!this.#traffic.next(raw)) return false;
    this.made++;
    return true;
  }

  #restart(published: number): void {
    Object.assign(this.#before, this.counts);
    this.restarts++;
    const seed = scramble((this.#config.seed | 0) + this.restarts) >>> 0;
    this.#traffic = new Traffic({ ...this.#config, events: this.#config.events - published, seed });
  }
}

function sum(a: TrafficCounts, b: TrafficCounts): TrafficCounts {
  return {
    created: a.created + b.created,
    stored: a.stored + b.stored,
    removed: a.removed + b.removed,
    storedBlocks: a.storedBlocks + b.storedBlocks,
    removedBlocks: a.removedBlocks + b.removedBlocks,
    requestsStarted: a.requestsStarted + b.requestsStarted,
    requestsFinished: a.requestsFinished + b.requestsFinished,
    reusedBlocks: a.reusedBlocks + b.reusedBlocks,
  };
}
