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
import { isSingleEvent } from "../shared/wire-format.ts";
import { EngineCounters } from "./metrics/engine-counters.ts";
import type { EngineConfig, EngineCredentials, ServeConfig } from "./config/config.ts";
import { firstSequenceOf, newEpoch } from "./epoch.ts";
import { HttpSource } from "./engine/http-source.ts";
import type { EngineSource, EventSink } from "./engine/source.ts";
import { SyntheticSource } from "./engine/synthetic-source.ts";
import { UsagePoller } from "./engine/usage-poller.ts";
import { healthRoutes } from "./http/health.ts";
import { metricsRoute } from "./http/metrics-route.ts";
import { RequestCounts } from "./http/request-counts.ts";
import { snapshotRoute } from "./http/snapshot-route.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import { Intake } from "./intake.ts";
import { LoadService } from "./load/load-service.ts";
import type { Logger } from "./log.ts";
import { Metrics } from "./metrics/registry.ts";
import { type ClearPolicy, Injections } from "./normalise/injections.ts";
import { Normaliser } from "./normalise/normaliser.ts";
import { NO_SAVED_RANKS, type SavedRanks } from "./normalise/saved-ranks.ts";
import { UnknownRanks } from "./normalise/unknown-ranks.ts";
import { noticeLog } from "./notice-log.ts";
import { makePipeline } from "./make-pipeline.ts";
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
  readonly counters: EngineCounters;
  readonly pipeline: Pipeline;
  readonly epoch: Epoch;
  readonly #options: ServiceOptions;
  readonly #intake: Intake;
  readonly #source: EngineSource;
  readonly #usage: UsagePoller | null;
  readonly #load: LoadService | null;
  readonly #stateSaver: StateSaver | null;
  readonly #firstSequence: number;
  readonly #startedMs: number = performance.now();
  #http: HttpServer | null = null;
  #running: Promise<void> = Promise.resolve();
  #draining: boolean = false;
  #stopped: Promise<StopReport> | null = null;

  private constructor(options: ServiceOptions, pipeline: Pipeline, saved: SavedState | null) {
    const { config, log } = options;
    this.#options = options;
    this.pipeline = pipeline;
    this.counters = new EngineCounters(config.engine.name, config.engine.kind, config.attentionDpSize);
    // After an orderly end the numbers go on, in the same epoch.
    const continued = saved?.clean === true ? saved : null;
    this.epoch = continued?.epoch ?? newEpoch();
    this.#firstSequence = continued?.nextSequence ?? firstSequenceOf(this.epoch, config.sequenceStart);
    const savedRanks = saved?.ranks ?? NO_SAVED_RANKS;
    const injections = new Injections({
      policy: clearPolicy(config),
      attentionDpSize: config.attentionDpSize,
      saved: savedRanks,
      counters: this.counters,
      offer: (event) => this.pipeline.offer(event),
    });
    const normaliser = new Normaliser({
      kvBlockSizeTokens: config.kvBlockSizeTokens,
      attentionDpSize: config.attentionDpSize,
      mmTokenOffset: config.mmTokenOffset,
      counters: this.counters,
      onNotice: noticeLog(log, config.engine.name),
      watch: config.snapshot
        ? new UnknownRanks(injections, savedRanks, (ranks) => pipeline.setUnknownRanks(ranks))
        : injections,
      saved: savedRanks,
    });
    this.#intake = new Intake(normaliser, injections, this.pipeline);
    this.#source = makeSource(config, this.#intake, this.counters, log);
    this.#usage = this.#makeUsagePoller(config);
    this.#load = this.#makeLoad(config);
    this.#stateSaver = config.snapshot && config.stateDir !== null ? this.#makeStateSaver(savedRanks) : null;
  }

  #makeUsagePoller({ engine, snapshot }: ServeConfig): UsagePoller | null {
    if (engine.kind !== "http" || !snapshot) return null;
    return new UsagePoller({ config: engine, onUsed: (blocks) => (this.counters.usedBlocks = blocks) });
  }

  #makeLoad({ engine, nats, attentionDpSize }: ServeConfig): LoadService | null {
    if (nats?.load !== true) return null;
    const { log, onFatal } = this.#options;
    return new LoadService({
      engine,
      workerId: nats.place.workerId,
      attentionDpSize,
      post: (message) => this.pipeline.postLoad(message),
      onUsed: (blocks) => (this.counters.usedBlocks = blocks),
      log,
      onFatal,
    });
  }

  #makeStateSaver(saved: SavedRanks): StateSaver {
    const { pipeline } = this;
    return new StateSaver({
      epoch: () => this.epoch,
      ranks: () => {
        // An event that was given up has an id that subscribers never heard of.
        if (this.counters.droppedAtShutdown > 0) return null;
        const followed = this.#intake.followed();
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
    service.#usage?.start();
    service.#load?.start();
    service.#running = service.#run().catch((error: unknown) => {
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

  /** The engine is not read before what belongs in front of its events has found room. */
  async #run(): Promise<void> {
    await this.#intake.begin(() => this.#draining);
    await this.#source.run();
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
    this.#source.renew(credentials);
    this.#usage?.renew(credentials);
    this.#load?.renew(credentials);
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
    this.#usage?.stop();
    const loadEnd = this.#load?.stop();
    this.#stateSaver?.stop();
    this.#source.stop();
    // A source that waits for the ring is let go by the pipeline's stop at the latest.
    await within(this.#running, SHUTDOWN_DEADLINE_MS - MIN_DRAIN_MS);
    const report = await this.pipeline.stop(endMs - performance.now());
    await within(this.#running, Math.max(0, endMs - performance.now()));
    if (loadEnd !== undefined) await within(loadEnd, Math.max(0, endMs - performance.now()));
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

function makeSource(config: ServeConfig, sink: EventSink, counters: EngineCounters, log: Logger): EngineSource {
  const engine: EngineConfig = config.engine;
  switch (engine.kind) {
    case "http":
      return new HttpSource({
        config: engine,
        profile: config.pollProfile,
        sink,
        counters,
        log,
      });
    case "synthetic":
      return new SyntheticSource({ traffic: engine.traffic, kvBlockSize: config.kvBlockSizeTokens, sink, counters });
  }
}

/**
 * When ranks are cleared. The class that the dynamo formats copy never clears: there --clear-on-start says whether clears
 * may be sent at all. But the index learns from the published events only, so with one every restart must be among them.
 */
function clearPolicy(config: ServeConfig): ClearPolicy {
  return {
    onStart: config.clearOnStart,
    onRestart: config.clearOnStart || config.snapshot || !isSingleEvent(config.wireFormat),
    onGap: config.onEngineGap === "clear",
  };
}

/** Which option an address that could not be bound came from. */
function optionOf(endpoint: string, config: ServeConfig): string {
  return endpoint === config.replayEndpoint ? "--replay-endpoint" : "--zmq-endpoint";
}
