/**
 * The built-in engine: made-up traffic straight into the normaliser, paced or as fast as the pipeline takes it.
 * MAIN THREAD.
 *
 * It stands in for a polling source, so it behaves like one: it works in bounded steps, gives the event loop a turn
 * between them, waits where the sink is full and catches up afterwards, and after its last event it stays up and silent.
 */
import type { TrafficConfig } from "../config/config.ts";
import type { EngineCounters } from "../metrics/engine-counters.ts";
import { RawEvent } from "./raw-event.ts";
import { dueAtMs, dueEvents } from "./pace.ts";
import type { EngineSource, EventSink } from "./source.ts";
import { Traffic } from "./traffic.ts";

/** Most events of one step; at about a microsecond each the event loop waits a millisecond at most. */
const MAX_STEP_EVENTS = 1024;
/** Longest wait for the next event of a slow traffic. */
const MAX_WAIT_MS = 1000;

/** Time as the source sees it; tests bring their own. */
export interface SourceClock {
  /** Monotonic, in milliseconds. */
  now(): number;
  /** Seconds since 1970. */
  wallSeconds(): number;
  /** Calls back once, at the earliest after `ms`; 0 means after the event loop had its turn. Returns how to cancel. */
  after(ms: number, callback: () => void): () => void;
}

const SYSTEM_CLOCK: SourceClock = {
  now: () => performance.now(),
  wallSeconds: () => Date.now() / 1000,
  after(ms, callback) {
    if (ms === 0) {
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export interface SyntheticSourceOptions {
  readonly traffic: TrafficConfig;
  /** The block size that the normaliser expects; only told to the reader of `describe()`. */
  readonly kvBlockSize: number;
  readonly sink: EventSink;
  readonly counters: EngineCounters;
  readonly clock?: SourceClock;
}

function nothing(): void {}

export class SyntheticSource implements EngineSource {
  readonly #config: TrafficConfig;
  readonly #kvBlockSize: number;
  readonly #sink: EventSink;
  readonly #counters: EngineCounters;
  readonly #clock: SourceClock;
  readonly #traffic: Traffic;
  readonly #raw: RawEvent = new RawEvent();
  #stopping = false;
  /** Ends the wait that the source is in; every wait has a promise of its own, so that none of them pile up. */
  #wake: () => void = nothing;

  constructor(options: SyntheticSourceOptions) {
    this.#config = options.traffic;
    this.#kvBlockSize = options.kvBlockSize;
    this.#sink = options.sink;
    this.#counters = options.counters;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#traffic = new Traffic(options.traffic);
  }

  async run(): Promise<void> {
    this.#counters.up = 1;
    try {
      await this.#generate();
      await this.#wait(nothing);
    } finally {
      this.#counters.up = 0;
    }
  }

  stop(): void {
    this.#stopping = true;
    this.#wake();
  }

  renew(): void {
    // It has no connection.
  }

  describe(): string {
    const { events, ratePerSecond, blocks, tokens, ranks, removed, seed, burst = 1 } = this.#config;
    const parts = [
      ratePerSecond === Infinity ? "as fast as possible" : `${ratePerSecond} events/s`,
      ...(burst === 1 ? [] : [`in bursts at ${burst} times that`]),
      `${blocks} x ${tokens} tokens`,
      ranks === 1 ? "1 rank" : `${ranks} ranks`,
      `${Math.round(removed * 1000) / 10} % removals`,
      `seed ${seed}`,
      events === Infinity ? "without end" : `${events} events`,
    ];
    const misfit =
      tokens === this.#kvBlockSize ? "" : ` (no block has the configured size of ${this.#kvBlockSize} tokens)`;
    return `made-up traffic: ${parts.join(", ")}${misfit}`;
  }

  /** Until all events are made or `stop()`. */
  async #generate(): Promise<void> {
    const { events } = this.#config;
    const start = this.#clock.now();
    while (!this.#stopping) {
      const due = Math.min(events, dueEvents(this.#config, this.#clock.now() - start));
      await this.#step(Math.floor(due));
      const { made } = this.#traffic;
      if (made >= events) return;
      // Whole milliseconds: timers have no finer grain, and what becomes due meanwhile leaves together.
      const untilNext = Math.ceil(dueAtMs(this.#config, made + 1) - (this.#clock.now() - start));
      await this.#pause(made < Math.floor(due) ? 0 : Math.min(Math.max(untilNext, 1), MAX_WAIT_MS));
    }
  }

  /** Makes the events up to the number `due`, as many of them as a step may hold. */
  async #step(due: number): Promise<void> {
    const traffic = this.#traffic;
    const { ranks } = this.#config;
    let n = 0;
    for (; n < MAX_STEP_EVENTS && (traffic.made < due || traffic.emitted.created < ranks); n++) {
      traffic.next(this.#raw);
      if (!this.#sink.accept(this.#raw) && !(await this.#offerAgain())) return;
    }
    if (n === 0) return;
    this.#counters.usedBlocks = traffic.emitted.storedBlocks - traffic.emitted.removedBlocks;
    this.#counters.lastEventTimestampSeconds = this.#clock.wallSeconds();
    this.#sink.flush();
  }

  /** False when the source was stopped before there was room. The refused event was counted nowhere. */
  async #offerAgain(): Promise<boolean> {
    this.#sink.flush();
    for (;;) {
      await this.#wait((wake, fail) => {
        this.#sink.writable().then(wake, fail);
      });
      if (this.#stopping) return false;
      if (this.#sink.retry()) return true;
      // A pipeline that is stopping says "writable" at once; without a turn of the event loop this would spin.
      await this.#pause(0);
    }
  }

  async #pause(ms: number): Promise<void> {
    let cancel = nothing;
    await this.#wait((wake) => {
      cancel = this.#clock.after(ms, wake);
    });
    cancel();
  }

  /** Until what `begin` started calls back, or `stop()`. */
  #wait(begin: (wake: () => void, fail: (error: unknown) => void) => void): Promise<void> {
    if (this.#stopping) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      begin(resolve, reject);
    });
  }
}
