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
import type { EngineCredentials, LoadedConfig, ServeConfig } from "./config/config.ts";
import { ClusterMember } from "./control/member.ts";
import type { Operated } from "./control/operated.ts";
import { operatedService } from "./control/operated-service.ts";
import { Engines } from "./engines.ts";
import { EnginePages } from "./engine-page/engine-pages.ts";
import { firstSequenceOf, newEpoch } from "./epoch.ts";
import { HealthBoard } from "./health/health-board.ts";
import { ENGINE_CHECKS, SERVICE_CHECKS } from "./health/health-report.ts";
import { serviceChecks } from "./health/service-checks.ts";
import { type HealthState, healthRoutes } from "./http/health.ts";
import { liveGate } from "./http/live-gate.ts";
import { liveRoutes } from "./http/live-routes.ts";
import { metricsRoute } from "./http/metrics-route.ts";
import { pageRoutes } from "./http/page-routes.ts";
import { perfRoute } from "./http/perf-route.ts";
import { RequestCounts } from "./http/request-counts.ts";
import { snapshotRoute } from "./http/snapshot-route.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import type { LiveHub } from "./live/live-hub.ts";
import { makeLiveHub } from "./live/make-live-hub.ts";
import type { Logger } from "./log.ts";
import { makePipeline } from "./make-pipeline.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import { Metrics } from "./metrics/registry.ts";
import { NO_SAVED_RANKS } from "./normalise/saved-ranks.ts";
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
  /** Where the configuration came from, for the live page. Default: that is not known. */
  readonly given?: Pick<LoadedConfig, "origins" | "texts">;
  readonly version: string;
  readonly log: Logger;
  /** A thread died that cannot be replaced. The service must be stopped, and the process end with a failure. */
  readonly onFatal: (error: Error) => void;
}

export class Service {
  readonly pipeline: Pipeline;
  readonly epoch: Epoch;
  readonly #options: ServiceOptions;
  readonly #engines: Engines;
  readonly #enginePages: EnginePages | null;
  readonly #stateSaver: StateSaver | null;
  readonly #firstSequence: number;
  readonly #startedMs: number = performance.now();
  readonly #board: HealthBoard;
  #live: LiveHub | null = null;
  #http: HttpServer | null = null;
  #isPageOpen: boolean = false;
  #member: ClusterMember | null = null;
  #running: Promise<void> = Promise.resolve();
  #draining: boolean = false;
  /** Told to read its engines no more, and to live on. */
  #drained: Promise<boolean> | null = null;
  #stopped: Promise<StopReport> | null = null;

  private constructor(options: ServiceOptions, pipeline: Pipeline, saved: SavedState | null) {
    const { config, log, onFatal } = options;
    this.#options = options;
    this.pipeline = pipeline;
    // After an orderly end the numbers go on, in the same epoch.
    const continued = saved?.clean === true ? saved : null;
    this.epoch = continued?.epoch ?? newEpoch();
    this.#firstSequence = continued?.nextSequence ?? firstSequenceOf(this.epoch, config.sequenceStart);
    this.#board = new HealthBoard({ names: [...SERVICE_CHECKS, ...ENGINE_CHECKS], log });
    this.#engines = new Engines({ config, pipeline, saved: saved?.ranks ?? NO_SAVED_RANKS, log, onFatal });
    this.#enginePages = config.engineMetrics === null ? null : new EnginePages(config, config.engineMetrics, log);
    this.#stateSaver = config.snapshot && config.stateDir !== null ? this.#makeStateSaver() : null;
  }

  #makeStateSaver(): StateSaver {
    const { pipeline } = this;
    return new StateSaver({
      epoch: () => this.epoch,
      ranks: () => this.#engines.followed(),
      cut: () => pipeline.cut(),
      save: (position, state) => pipeline.saveIndex(position, state),
      // Events that are not published have ids too.
      version: () => this.#engines.receivedEvents,
    });
  }

  /**
   * Binds sockets, starts threads, then reads the engines. Rejects with BindError or StateDirTakenError; nothing is left
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
    service.#watchHealth();
    try {
      await service.#startHttp();
      await service.#joinCluster();
    } catch (error) {
      service.#board.drain();
      await service.#http?.close();
      await pipeline.stop(0);
      throw error;
    }
    const stateSaver = service.#stateSaver;
    if (stateSaver !== null) {
      pipeline.onOrderlyEnd((nextSequence) => stateSaver.last(nextSequence));
      stateSaver.start();
    }
    service.#running = service.#run();
    return service;
  }

  /** The engines are not read before all workers of the cluster are ready, where they are waited for. */
  async #run(): Promise<void> {
    await this.#member?.started();
    if (!this.#draining && this.#drained === null) await this.#engines.run();
  }

  async #joinCluster(): Promise<void> {
    const { config, log } = this.#options;
    if (config.cluster === null) return;
    this.#member = await ClusterMember.join({
      config: config.cluster,
      httpPort: this.#http === null ? null : Number(new URL(this.#http.url).port),
      operated: this.#operated(),
      log,
    });
  }

  #operated(): Operated {
    const { log, version } = this.#options;
    return operatedService({
      version,
      epoch: this.epoch,
      pipeline: this.pipeline,
      log,
      health: () => this.#health(),
      drain: (timeoutMs) => this.drain(timeoutMs),
      clear: (isOver) => this.#engines.clear(() => this.#draining || isOver()),
    });
  }

  #watchHealth(): void {
    this.#board.add(...serviceChecks(this.pipeline, { isDraining: () => this.#draining, held: () => this.#held() }));
    for (const { health } of this.#engines.data) this.#board.add(...health.checks);
    this.#board.start();
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

  /** What is counted for each engine, in the order of the configuration. */
  get engines(): readonly EngineCounters[] {
    return this.#engines.counters;
  }

  /** Without a trailing slash; null when HTTP is off. */
  get httpUrl(): string | null {
    return this.#http?.url ?? null;
  }

  /** Where the live page is; null when nobody may see it. */
  get pageUrl(): string | null {
    return this.#http === null || !this.#isPageOpen ? null : `${this.#http.url}/`;
  }

  get httpImplementation(): string | null {
    return this.#http?.implementation ?? null;
  }

  /** Null where no cluster is joined. */
  get clusterName(): string | null {
    return this.#member?.name ?? null;
  }

  get memoryBoundBytes(): number {
    return memoryBoundBytes(this.#options.config, this.pipeline.memoryBytes());
  }

  /** The credentials of all engines' connections from their next requests on. */
  renewCredentials(credentials: EngineCredentials): void {
    this.#engines.renew(credentials);
    this.#enginePages?.renew(credentials);
  }

  /**
   * Stops reading the engines for good and publishes what was taken; everything else lives on. False: after `timeoutMs` some of it
   * was still on its way. Callers that come later wait for the same end, each as long as it likes.
   */
  async drain(timeoutMs: number): Promise<boolean> {
    this.#drained ??= this.#drain();
    return (await within(this.#drained, timeoutMs)) === true;
  }

  async #drain(): Promise<boolean> {
    this.#options.log.info("draining: the engines are read no more");
    this.#member?.release();
    this.#engines.stop();
    await this.#running;
    await this.pipeline.emptied();
    this.#options.log.info("drained: everything taken was published");
    return true;
  }

  /** Stops polling, publishes what was taken, ends all threads. Any number of callers share one shutdown. */
  stop(): Promise<StopReport> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<StopReport> {
    this.#draining = true;
    this.#board.drain();
    const endMs = performance.now() + SHUTDOWN_DEADLINE_MS;
    // First of all: what a source still brings in needs room, which there is none of while the publisher waits.
    this.pipeline.hurry();
    // What it answered last, as to a drain, has until the end to leave.
    const left = this.#member?.close(SHUTDOWN_DEADLINE_MS - MIN_DRAIN_MS);
    this.#stateSaver?.stop();
    this.#engines.stop();
    this.#enginePages?.stop();
    // A source that waits for the ring is let go by the pipeline's stop at the latest.
    await within(this.#running, SHUTDOWN_DEADLINE_MS - MIN_DRAIN_MS);
    const report = await this.pipeline.stop(endMs - performance.now());
    await within(this.#running, Math.max(0, endMs - performance.now()));
    await left;
    this.#live?.close();
    await this.#http?.close();
    return report;
  }

  /** Why no engine is read, on purpose; null where they are. */
  #held(): string | null {
    return this.#drained === null ? (this.#member?.waitsFor ?? null) : "a command of the cluster has drained it";
  }

  #health(): HealthState {
    return healthOf({
      board: this.#board,
      probes: this.#options.config.probes,
      watchesEngines: true,
      engines: this.engines,
      pipeline: this.pipeline,
      epoch: this.epoch,
      version: this.#options.version,
      uptimeMs: performance.now() - this.#startedMs,
    });
  }

  async #startHttp(): Promise<void> {
    const { config, log, version } = this.#options;
    if (config.systemPort === null) return;
    const requests = new RequestCounts();
    const live = (this.#live = makeLiveHub({
      ...this.#options,
      engines: this.#engines,
      pipeline: this.pipeline,
      epoch: this.epoch,
      board: this.#board,
    }));
    const metrics = new Metrics({
      engines: this.engines,
      data: this.#engines.data,
      health: this.#board,
      pipeline: this.pipeline,
      version,
      epoch: this.epoch,
      logCounts: log.counts,
      requests,
      live,
      ...(this.#enginePages === null ? {} : { enginePages: this.#enginePages }),
    });
    const gate = liveGate({ mode: config.livePage, host: config.systemHost, allowedHosts: config.liveAllowedHosts });
    this.#http = await startHttpServer({
      host: config.systemHost,
      port: config.systemPort,
      webConfigFile: config.webConfigFile,
      insecure: config.insecure,
      routes: [
        // First, so that a path that was chosen for health goes before one of the page's.
        ...liveRoutes(live, gate),
        ...pageRoutes(gate),
        metricsRoute(metrics),
        ...healthRoutes(config.probes, () => this.#health()),
        snapshotRoute(() => this.pipeline.openSnapshot()),
        perfRoute(this.#engines.data),
      ],
      log,
      requests,
    });
    // What nobody may see need not be kept.
    this.#isPageOpen = gate.isOn && this.#http.servesPrivate;
    if (this.#isPageOpen || (gate.isOn && config.webConfigFile !== null)) live.start();
  }
}

/** A start that fails, for an engine's address or for what its state directory holds, leaves no thread behind. */
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
