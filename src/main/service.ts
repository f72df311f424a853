/**
 * The service: builds the stages, connects them, owns the life cycle. MAIN THREAD.
 *
 *   starting ──sockets bound──► running ──stop()──► draining ──► stopped
 *
 * Stages do not know each other; here the next one is handed to the one before it. Shutdown goes down the stream: stop
 * polling, let the pipeline publish what was taken, then close what only looks on.
 */
import { INDEX_CELLS } from "../shared/counters.ts";
import { BindError } from "../shared/errors.ts";
import type { Epoch, SavedState } from "../shared/index-messages.ts";
import type { EngineCredentials, ServeConfig } from "./config/config.ts";
import type { EngineRuntime } from "./engine-runtime.ts";
import { firstSequenceOf, newEpoch } from "./epoch.ts";
import { healthRoutes } from "./http/health.ts";
import { metricsRoute } from "./http/metrics-route.ts";
import { RequestCounts } from "./http/request-counts.ts";
import { snapshotRoute } from "./http/snapshot-route.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import type { Logger } from "./log.ts";
import { makeEngineRuntime } from "./make-engine-runtime.ts";
import { makePipeline } from "./make-pipeline.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import { Metrics } from "./metrics/registry.ts";
import { ranksOfOnly } from "./normalise/engine-ranks.ts";
import { NO_SAVED_RANKS, type SavedRanks } from "./normalise/saved-ranks.ts";
import { UnknownRankSet } from "./normalise/unknown-ranks.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import type { StopReport } from "./pipeline/pipeline-contract.ts";
import { StateSaver } from "./pipeline/state-saver.ts";
import { memoryBoundBytes } from "./memory-bound.ts";
import { healthOf } from "./service-health.ts";
import { within } from "./within.ts";

/** The whole shutdown, so that a supervisor that waits 5 s never has to kill. */
export const SHUTDOWN_DEADLINE_MS = 4500;
/** What the stages behind the source must have left of that. */
const MIN_DRAIN_MS = 1000;

export interface ServiceOptions {
  readonly config: ServeConfig;
  readonly version: string;
  readonly log: Logger;
  /** A thread died that cannot be replaced. The service must be stopped, and the process end with a failure. */
  readonly onFatal: (error: Error) => void;
}

export class Service {
  readonly pipeline: Pipeline;
  readonly epoch: Epoch;
  readonly #options: ServiceOptions;
  readonly #engine: EngineRuntime;
  readonly #stateSaver: StateSaver | null;
  readonly #firstSequence: number;
  readonly #startedMs: number = performance.now();
  #http: HttpServer | null = null;
  #running: Promise<void> = Promise.resolve();
  #draining: boolean = false;
  #stopped: Promise<StopReport> | null = null;

  private constructor(options: ServiceOptions, pipeline: Pipeline, saved: SavedState | null) {
    const { config, log, onFatal } = options;
    this.#options = options;
    this.pipeline = pipeline;
    // After an orderly end the numbers go on, in the same epoch.
    const continued = saved?.clean === true ? saved : null;
    this.epoch = continued?.epoch ?? newEpoch();
    this.#firstSequence = continued?.nextSequence ?? firstSequenceOf(this.epoch, config.sequenceStart);
    const savedRanks = saved?.ranks ?? NO_SAVED_RANKS;
    this.#engine = makeEngineRuntime(config.engine, {
      config,
      outlet: pipeline,
      ranks: ranksOfOnly(config.attentionDpSize),
      saved: savedRanks,
      unknown: config.snapshot ? new UnknownRankSet((ranks) => pipeline.setUnknownRanks(ranks)) : null,
      postLoad: (message) => pipeline.postLoad(message),
      log,
      onFatal,
    });
    this.#stateSaver = config.snapshot && config.stateDir !== null ? this.#makeStateSaver(savedRanks) : null;
  }

  #makeStateSaver(saved: SavedRanks): StateSaver {
    const { pipeline } = this;
    return new StateSaver({
      epoch: () => this.epoch,
      ranks: () => {
        // An event that was given up has an id that subscribers never heard of.
        if (this.counters.droppedAtShutdown > 0) return null;
        const followed = this.#engine.followed();
        // A rank that has not been heard of since is as it was left.
        return followed === null ? null : new Map([...saved, ...followed]);
      },
      cut: () => pipeline.cut(),
      save: (position, state) => pipeline.saveIndex(position, state),
      // Events that are not published have ids too.
      version: () => Object.values(this.counters.received).reduce((sum, events) => sum + events, 0),
    });
  }

  /**
   * Binds sockets, starts threads, then reads the engine. Rejects with BindError or StateDirTakenError; nothing is left
   * running then.
   */
  static async start(options: ServiceOptions): Promise<Service> {
    const pipeline = makePipeline(options.config, options.log, options.onFatal);
    const { saved, refusal } = await orStop(pipeline, () => pipeline.loadIndex());
    if (refusal !== null) options.log.warn("the saved index is not used", { reason: refusal });
    const service = await orStop(pipeline, () => new Service(options, pipeline, saved));
    if (saved !== null) service.#tellRestored(saved);
    try {
      await pipeline.start({
        epoch: service.epoch,
        firstSequence: service.#firstSequence,
        isContinued: saved?.clean === true,
      });
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      const { config } = options;
      throw new BindError(
        error.endpoint,
        `${error.message}; choose another address with ${optionOf(error.endpoint, config)}`,
        error,
      );
    }
    try {
      await service.#startHttp();
    } catch (error) {
      await pipeline.stop(0);
      throw error;
    }
    const stateSaver = service.#stateSaver;
    if (stateSaver !== null) {
      pipeline.onOrderlyEnd((nextSequence) => stateSaver.last(nextSequence));
      stateSaver.start();
    }
    service.#running = service.#engine.run().catch((error: unknown) => {
      options.onFatal(error instanceof Error ? error : new Error(String(error)));
    });
    return service;
  }

  #tellRestored({ clean, ranks }: SavedState): void {
    const { index } = this.pipeline;
    this.#options.log.info("the index of an earlier run is there again", {
      blocks: index?.read(INDEX_CELLS.blocks) ?? 0,
      ranks: ranks.size,
      orderly_end: clean,
      next_sequence: this.#firstSequence,
    });
  }

  get counters(): EngineCounters {
    return this.#engine.counters;
  }

  /** Without a trailing slash; null when HTTP is off. */
  get httpUrl(): string | null {
    return this.#http?.url ?? null;
  }

  get httpImplementation(): string | null {
    return this.#http?.implementation ?? null;
  }

  get memoryBoundBytes(): number {
    return memoryBoundBytes(this.#options.config, this.pipeline.memoryBytes());
  }

  /** The credentials of the engine's connection from its next request on. */
  renewCredentials(credentials: EngineCredentials): void {
    this.#engine.renew(credentials);
  }

  /** Stops polling, publishes what was taken, ends all threads. Any number of callers share one shutdown. */
  stop(): Promise<StopReport> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<StopReport> {
    this.#draining = true;
    const endMs = performance.now() + SHUTDOWN_DEADLINE_MS;
    // First of all: what a source still brings in needs room, which there is none of while the publisher waits.
    this.pipeline.hurry();
    this.#stateSaver?.stop();
    this.#engine.stop();
    // A source that waits for the ring is let go by the pipeline's stop at the latest.
    await within(this.#running, SHUTDOWN_DEADLINE_MS - MIN_DRAIN_MS);
    const report = await this.pipeline.stop(endMs - performance.now());
    await within(this.#running, Math.max(0, endMs - performance.now()));
    await this.#http?.close();
    return report;
  }

  async #startHttp(): Promise<void> {
    const { config, log, version } = this.#options;
    if (config.systemPort === null) return;
    const requests = new RequestCounts();
    const metrics = new Metrics({
      engines: [this.counters],
      pipeline: this.pipeline,
      version,
      epoch: this.epoch,
      logCounts: log.counts,
      requests,
    });
    this.#http = await startHttpServer({
      host: config.systemHost,
      port: config.systemPort,
      routes: [
        metricsRoute(metrics),
        ...healthRoutes(() =>
          healthOf({
            counters: this.counters,
            pipeline: this.pipeline,
            epoch: this.epoch,
            version,
            isDraining: this.#draining,
            uptimeMs: performance.now() - this.#startedMs,
          }),
        ),
        snapshotRoute(() => this.pipeline.openSnapshot()),
      ],
      log,
      requests,
    });
  }
}

/** A start that fails, for its engine's address or for what its state directory holds, leaves no thread behind. */
async function orStop<Made>(pipeline: Pipeline, make: () => Made | Promise<Made>): Promise<Made> {
  try {
    return await make();
  } catch (error) {
    await pipeline.stop(0);
    throw error;
  }
}

/** Which option an address that could not be bound came from. */
function optionOf(endpoint: string, config: ServeConfig): string {
  return endpoint === config.replayEndpoint ? "--replay-endpoint" : "--zmq-endpoint";
}
