/**
 * What every engine source has in common. MAIN THREAD.
 *
 * A source reads one engine and hands event by event to an `EventSink`. It waits where the sink is full (the engine's
 * own buffer takes the pressure), it yields to the event loop between steps, and it never throws for what an engine
 * sends: that is counted.
 */
import type { EngineCredentials } from "../config/config.ts";
import type { RawEvent } from "./raw-event.ts";

/** Where a source puts events; the normaliser and the batcher stand behind it. */
export interface EventSink {
  /**
   * Judges and takes one event; all its counts are made in this one synchronous step. True: done with it (published,
   * filtered or refused), the scratch may be reused. False: full, it stands in no sum of events yet; await `writable()`
   * and call `retry()` until it is true.
   */
  accept(event: RawEvent): boolean;
  /** Offers the event that was refused last again. */
  retry(): boolean;
  /** Resolves when there may be room again, or at once when the pipeline is stopping. */
  writable(): Promise<void>;
  /** End of a step (a chunk, a tick): what was accepted may leave now. */
  flush(): void;
}

export interface EngineSource {
  /** Runs until `stop()`. Resolves then; rejects only on a bug. */
  run(): Promise<void>;
  /** Ends waiting and polling; `run()` resolves soon after. Safe to call twice. */
  stop(): void;
  /** For the next request on; one under way is not touched. Nothing to do for a source without a connection. */
  renew(credentials: EngineCredentials): void;
  /** One line for the start card: what is read, without secrets. */
  describe(): string;
}
