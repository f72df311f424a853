/**
 * All engines of the service, side by side. MAIN THREAD.
 *
 * Their loops run each for itself; what is asked of all of them at once is here.
 */
import type { EngineCredentials, ServeConfig } from "./config/config.ts";
import type { EngineData } from "./engine-data.ts";
import type { EngineRuntime } from "./engine-runtime.ts";
import type { Logger } from "./log.ts";
import { makeEngineRuntime } from "./make-engine-runtime.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import { ranksAt } from "./normalise/engine-ranks.ts";
import type { SavedRanks } from "./normalise/saved-ranks.ts";
import { UnknownRankSet } from "./normalise/unknown-ranks.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";

export interface EnginesOptions {
  readonly config: ServeConfig;
  readonly pipeline: Pipeline;
  /** Where an earlier run ended, by the ranks that are published. */
  readonly saved: SavedRanks;
  readonly log: Logger;
  /** The loop of an engine ended that never should. */
  readonly onFatal: (error: Error) => void;
}

export class Engines {
  /** In the order of the configuration. */
  readonly counters: readonly EngineCounters[];
  readonly data: readonly EngineData[];
  readonly #engines: readonly EngineRuntime[];
  readonly #saved: SavedRanks;
  readonly #onFatal: (error: Error) => void;

  /** Nothing is read before `run()`. Throws ConfigError for an address that is refused. */
  constructor({ config, pipeline, saved, log, onFatal }: EnginesOptions) {
    this.#saved = saved;
    this.#onFatal = onFatal;
    const unknown = config.snapshot ? new UnknownRankSet((ranks) => pipeline.setUnknownRanks(ranks)) : null;
    this.#engines = config.engines.map((engine, position) =>
      makeEngineRuntime(engine, {
        config,
        outlet: pipeline,
        ranks: ranksAt(position, config.engines.length, config.attentionDpSize),
        saved,
        unknown,
        postLoad: (message) => pipeline.postLoad(message),
        log,
        onFatal,
      }),
    );
    this.counters = this.#engines.map(({ counters }) => counters);
    this.data = this.#engines.map(({ data }) => data);
  }

  /** Reads all of them until `stop()`. Never rejects. */
  async run(): Promise<void> {
    await Promise.all(
      this.#engines.map((engine) =>
        engine.run().catch((error: unknown) => {
          this.#onFatal(error instanceof Error ? error : new Error(String(error)));
        }),
      ),
    );
  }

  stop(): void {
    for (const engine of this.#engines) engine.stop();
  }

  renew(credentials: EngineCredentials): void {
    for (const engine of this.#engines) engine.renew(credentials);
  }

  /** Has all ranks of all engines cleared; resolves with their number, or with null when `isOver()` was true before. */
  async clear(isOver: () => boolean): Promise<number | null> {
    const counts = await Promise.all(this.#engines.map((engine) => engine.clear(isOver)));
    return counts.reduce<number | null>((sum, count) => (sum === null || count === null ? null : sum + count), 0);
  }

  /** The state of all ranks behind what was dealt with in full; null while an event is in between, or was given up. */
  followed(): SavedRanks | null {
    // A rank that has not been heard of since is as it was left.
    const ranks = new Map(this.#saved);
    for (const engine of this.#engines) {
      const followed = engine.followed();
      // An event that was given up has an id that subscribers never heard of.
      if (followed === null || engine.counters.droppedAtShutdown > 0) return null;
      for (const [rank, state] of followed) ranks.set(rank, state);
    }
    return ranks;
  }

  /** Moves with every event of any of them, published or not. */
  get receivedEvents(): number {
    return this.counters.reduce((sum, counters) => sum + counters.receivedEvents, 0);
  }
}
