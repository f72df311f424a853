/**
 * One engine of the service: all that belongs to it alone, between its connection and the pipeline. MAIN THREAD.
 *
 * Engines share the pipeline and nothing else. Each has its own loop, which waits for that engine or for room in the ring, and
 * for no other engine; so one that hangs, fails or sends garbage costs itself only.
 */
import type { EngineCredentials } from "./config/config.ts";
import type { EngineData } from "./engine-data.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import type { SavedRanks } from "./normalise/saved-ranks.ts";

export interface EngineRuntime {
  readonly counters: EngineCounters;
  /** What is read of it beside its events. */
  readonly data: EngineData;
  /** Sends the clears of the start, then reads the engine until `stop()`. Once. Rejects only on a bug. */
  run(): Promise<void>;
  /** Ends reading and waiting; `run()` resolves soon after. Safe to call twice, and before `run()`. */
  stop(): void;
  /** The credentials of the engine's connections from their next requests on. */
  renew(credentials: EngineCredentials): void;
  /** Has all its ranks cleared, at any time; resolves as `clearRanks` does. */
  clear(isOver: () => boolean): Promise<number | null>;
  /**
   * Of each rank, by the number that is published, the state behind the last event that was dealt with in full; null while
   * one waits for room.
   */
  followed(): SavedRanks | null;
}
