/**
 * The load of one engine, from its statistics to NATS: the one reader, what routers and planners are told, and the
 * table that the metrics read. MAIN THREAD. Whoever else needs the statistics subscribes here.
 *
 * An engine without statistics, like the built-in one, still has its ranks announced, with a load of zero: a router does not
 * choose a worker of whose load it knows nothing.
 */
import type { LoadMessage } from "../../shared/nats-messages.ts";
import type { EngineConfig, EngineCredentials } from "../config/config.ts";
import type { LineLogger } from "../log.ts";
import type { EngineRanks } from "../normalise/engine-ranks.ts";
import { LoadPublisher } from "./load-publisher.ts";
import { LoadTable } from "./load-table.ts";
import type { StatsCounters } from "./stats-counters.ts";
import type { StatsMode } from "./stats-pace.ts";
import { StatsPoller, type StatSubscriber } from "./stats-poller.ts";

/** Metrics need no more than this; a router that chooses by load does. */
const CALM_SLEEP_MS = 1000;

export interface LoadServiceOptions {
  readonly engine: EngineConfig;
  /** `off`: the statistics are not read. */
  readonly mode: StatsMode | "off";
  /** Null: nobody is told. */
  readonly publish: { readonly workerId: bigint; readonly post: (message: LoadMessage) => void } | null;
  readonly ranks: EngineRanks;
  /** Told of each row, behind the table. */
  readonly subscribers: readonly StatSubscriber[];
  readonly log: LineLogger;
  /** The reader ended, which it never should. */
  readonly onFatal: (error: Error) => void;
}

export class LoadService {
  readonly table: LoadTable;
  readonly #publisher: LoadPublisher | null;
  readonly #poller: StatsPoller | null;
  readonly #onFatal: (error: Error) => void;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LoadServiceOptions) {
    const { engine, mode, publish, ranks, log } = options;
    this.#onFatal = options.onFatal;
    this.table = new LoadTable(ranks.size);
    const engineAnswers = (): boolean => this.#poller === null || this.#poller.counters.up === 1;
    this.#publisher = publish === null ? null : new LoadPublisher({ ...publish, ranks, log, engineAnswers });
    const publisher = this.#publisher === null ? [] : [this.#publisher.note];
    const subscribers = [this.table.note, ...publisher, ...options.subscribers];
    const minSleepMs = publish === null ? CALM_SLEEP_MS : 0;
    this.#poller =
      engine.kind === "http" && mode !== "off"
        ? new StatsPoller({ config: engine, mode, attentionDpSize: ranks.size, log, subscribers, minSleepMs })
        : null;
  }

  /** What is counted while the statistics are read; null where they are not. */
  get counters(): StatsCounters | null {
    return this.#poller?.counters ?? null;
  }

  start(): void {
    this.#publisher?.start();
    if (this.#poller === null) return;
    this.#running = this.#poller.run().catch((error: unknown) => {
      this.#onFatal(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** The credentials of the engine's connection from its next request on. */
  renew(credentials: EngineCredentials): void {
    this.#poller?.renew(credentials);
  }

  /** Resolves when the reader has ended. */
  stop(): Promise<void> {
    this.#publisher?.stop();
    this.#poller?.stop();
    return this.#running;
  }
}
