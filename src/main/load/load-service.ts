/**
 * The load of one engine, from its statistics to NATS: the one reader, what routers and planners are told, and the
 * table that the metrics read. MAIN THREAD.
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
import { StatsPoller } from "./stats-poller.ts";

export interface LoadServiceOptions {
  readonly engine: EngineConfig;
  readonly workerId: bigint;
  readonly ranks: EngineRanks;
  readonly post: (message: LoadMessage) => void;
  /** Told of the cache blocks in use, all ranks together, with each row. */
  readonly onUsed: (blocks: number) => void;
  readonly log: LineLogger;
  /** The reader ended, which it never should. */
  readonly onFatal: (error: Error) => void;
}

export class LoadService {
  readonly table: LoadTable;
  readonly #publisher: LoadPublisher;
  readonly #poller: StatsPoller | null;
  readonly #onFatal: (error: Error) => void;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LoadServiceOptions) {
    const { engine, workerId, ranks, post, onUsed, log } = options;
    this.#onFatal = options.onFatal;
    this.table = new LoadTable(ranks.size);
    this.#publisher = new LoadPublisher({
      workerId,
      ranks,
      post,
      log,
      engineAnswers: () => this.#poller === null || this.#poller.counters.up === 1,
    });
    const subscribers = [this.table.note, this.#publisher.note, (): void => onUsed(this.table.usedBlocks)];
    this.#poller =
      engine.kind === "http"
        ? new StatsPoller({ config: engine, mode: "auto", attentionDpSize: ranks.size, log, subscribers })
        : null;
  }

  start(): void {
    this.#publisher.start();
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
    this.#publisher.stop();
    this.#poller?.stop();
    return this.#running;
  }
}
