/**
 * The consolidator as a service: sources, tracker, the pipeline behind them, HTTP. MAIN THREAD.
 *
 *   source ─► feed ─┐
 *   source ─► feed ─┴─► tracker ─► queue ─► egress ─► pipeline (ring, encoders, publisher)
 *
 * The way from the pipeline on is that of `serve`, with the same parts.
 */
import { BindError } from "../../shared/errors.ts";
import type { Epoch } from "../../shared/index-messages.ts";
import type { ConsolidateConfig } from "../config/load-consolidate.ts";
import { firstSequenceOf, newEpoch } from "../epoch.ts";
import { HealthBoard } from "../health/health-board.ts";
import { SERVICE_CHECKS, SOURCE_CHECKS } from "../health/health-report.ts";
import { serviceChecks } from "../health/service-checks.ts";
import { sourceChecks } from "../health/source-checks.ts";
import { healthRoutes } from "../http/health.ts";
import { metricsRoute } from "../http/metrics-route.ts";
import { RequestCounts } from "../http/request-counts.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import type { Logger } from "../log.ts";
import { makePipeline } from "../make-pipeline.ts";
import { memoryBoundBytes } from "../memory-bound.ts";
import { Metrics } from "../metrics/registry.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { StopReport } from "../pipeline/pipeline-contract.ts";
import { healthOf } from "../service-health.ts";
import { within } from "../within.ts";
import { socketBoundBytes } from "../zmq-engine/queue-bytes.ts";
import { ConsolidateSource } from "./consolidate-source.ts";
import { Consolidator, type SourceKind } from "./consolidator.ts";
import { Egress, MAX_QUEUED_BYTES } from "./egress.ts";
import { SourceCounters } from "./source-counters.ts";
import { TierSource } from "./tier-source.ts";
import { rootRoute } from "../http/root-route.ts";

/** The whole shutdown, so that a supervisor that waits 5 s never has to kill. */
const SHUTDOWN_DEADLINE_MS = 4500;
/** A program's own tiers are what Dynamo's block manager is. */
const TIERS_KIND: SourceKind = "kvbm";
/** What is kept of that for the stages behind the tracker. */
const MIN_DRAIN_MS = 1500;

export interface ConsolidateServiceOptions {
  readonly config: ConsolidateConfig;
  readonly version: string;
  readonly log: Logger;
  /** A part is gone that cannot be replaced. The service must be stopped, and the process end with a failure. */
  readonly onFatal: (error: Error) => void;
}

export class ConsolidateService {
  readonly pipeline: Pipeline;
  readonly epoch: Epoch = newEpoch();
  readonly consolidator: Consolidator;
  readonly #options: ConsolidateServiceOptions;
  readonly #egress: Egress;
  readonly #sources: readonly ConsolidateSource[];
  readonly #tiers: TierSource | null;
  readonly #counters: readonly SourceCounters[];
  readonly #startedMs: number = performance.now();
  readonly #board: HealthBoard;
  #http: HttpServer | null = null;
  #running: Promise<void> = Promise.resolve();
  #isDraining: boolean = false;
  #stopped: Promise<StopReport> | null = null;

  private constructor(options: ConsolidateServiceOptions, pipeline: Pipeline, hasTiers: boolean) {
    const { config, log } = options;
    this.#options = options;
    this.pipeline = pipeline;
    this.consolidator = new Consolidator({
      mode: config.mode,
      identity: config.identity,
      compat: config.compat,
      sources: [...config.sources.map(({ kind }) => kind), ...(hasTiers ? [TIERS_KIND] : [])],
      maxBlocks: config.maxBlocks,
    });
    this.#board = new HealthBoard({ names: [...SERVICE_CHECKS, ...SOURCE_CHECKS], log });
    this.#egress = new Egress(this.consolidator, pipeline, config.drainIntervalMs);
    this.#sources = config.sources.map(
      (_, number) => new ConsolidateSource(number, config, this.consolidator, this.#egress, log),
    );
    this.#tiers = hasTiers ? this.#makeTiers() : null;
    this.#counters = [...this.#sources, ...(this.#tiers === null ? [] : [this.#tiers])].map(({ counters }) => counters);
  }

  /** The same with one more source, whose blocks come by calls. */
  static async startWithTiers(
    options: ConsolidateServiceOptions,
  ): Promise<{ readonly service: ConsolidateService; readonly tiers: TierSource }> {
    const service = await ConsolidateService.#start(options, true);
    if (service.#tiers === null) throw new RangeError("there are no tiers: this is a bug");
    return { service, tiers: service.#tiers };
  }

  /** Binds sockets, starts threads, then subscribes. Rejects with BindError; nothing is left running then. */
  static start(options: ConsolidateServiceOptions): Promise<ConsolidateService> {
    return ConsolidateService.#start(options, false);
  }

  static async #start(options: ConsolidateServiceOptions, hasTiers: boolean): Promise<ConsolidateService> {
    const { config, log, onFatal } = options;
    const pipeline = makePipeline(config, log, onFatal);
    const service = new ConsolidateService(options, pipeline, hasTiers);
    try {
      const { epoch } = service;
      await pipeline.start({ epoch, firstSequence: firstSequenceOf(epoch, config.sequenceStart) });
      service.#watchHealth();
      await service.#startHttp();
    } catch (error) {
      service.#board.drain();
      await pipeline.stop(0);
      if (!(error instanceof BindError)) throw error;
      const option = optionOf(error.endpoint, config);
      // That of the HTTP server says what to do itself.
      if (option === null) throw error;
      throw new BindError(error.endpoint, `${error.message}; choose another address with ${option}`, error);
    }
    service.#running = service.#run();
    return service;
  }

  #watchHealth(): void {
    this.#board.add(...serviceChecks(this.pipeline, { isDraining: () => this.#isDraining }));
    for (const counters of this.sources) this.#board.add(...sourceChecks(counters));
    this.#board.start();
  }

  /** Never rejects: each source waits for its own publisher only. */
  async #run(): Promise<void> {
    const { onFatal } = this.#options;
    await Promise.all(
      this.#sources.map((source) =>
        source.run().catch((error: unknown) => {
          onFatal(error instanceof Error ? error : new Error(String(error)));
        }),
      ),
    );
  }

  get sources(): readonly SourceCounters[] {
    return this.#counters;
  }

  get httpUrl(): string | null {
    return this.#http?.url ?? null;
  }

  /** Bytes that events on their way can take up, with what waits of each source; live blocks are extra. */
  get memoryBoundBytes(): number {
    const { config } = this.#options;
    const waiting = config.sources.map(({ replayEndpoint }) => socketBoundBytes(1, replayEndpoint !== null));
    const sources = waiting.reduce((sum, bytes) => sum + bytes, 0);
    return memoryBoundBytes(config, this.pipeline.memoryBytes()) + sources + 2 * MAX_QUEUED_BYTES;
  }

  /** Stops reading, sends what was gathered, ends all threads. Any number of callers share one shutdown. */
  stop(): Promise<StopReport> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<StopReport> {
    this.#isDraining = true;
    this.#board.drain();
    const endMs = performance.now() + SHUTDOWN_DEADLINE_MS;
    this.pipeline.hurry();
    for (const source of this.#sources) source.stop();
    const drainByMs = endMs - MIN_DRAIN_MS;
    await within(this.#running, SHUTDOWN_DEADLINE_MS - MIN_DRAIN_MS);
    await this.#egress.stop(drainByMs);
    const waiting = this.consolidator.queued;
    const report = await this.pipeline.stop(endMs - performance.now());
    await this.#http?.close();
    return { ...report, droppedEvents: report.droppedEvents + waiting };
  }

  #makeTiers(): TierSource {
    const { config } = this.#options;
    const source = config.sources.length;
    return new TierSource({
      source,
      consolidator: this.consolidator,
      counters: new SourceCounters(`${TIERS_KIND}${source}`, TIERS_KIND),
      egress: this.#egress,
      identity: config.identity,
      onlyBlockSizeTokens: config.onlyBlockSizeTokens,
    });
  }

  async #startHttp(): Promise<void> {
    const { config, log, version } = this.#options;
    if (config.systemPort === null) return;
    const requests = new RequestCounts();
    const metrics = new Metrics({
      engines: [],
      health: this.#board,
      consolidator: { tracker: this.consolidator, sources: this.sources },
      pipeline: this.pipeline,
      version,
      epoch: this.epoch,
      logCounts: log.counts,
      requests,
    });
    this.#http = await startHttpServer({
      host: config.systemHost,
      port: config.systemPort,
      webConfigFile: config.webConfigFile,
      insecure: config.insecure,
      routes: [
        rootRoute("kvcast consolidate", "One stream of KV-cache events out of several. No live page.", config.probes),
        metricsRoute(metrics),
        ...healthRoutes(config.probes, () =>
          healthOf({
            board: this.#board,
            probes: config.probes,
            watchesEngines: false,
            engines: this.sources.map((source) => ({
              engine: source.source,
              kind: source.kind,
              up: source.up,
              dirtyRanks: () => [],
            })),
            pipeline: this.pipeline,
            epoch: this.epoch,
            version,
            uptimeMs: performance.now() - this.#startedMs,
          }),
        ),
      ],
      log,
      requests,
    });
  }
}

/** The option of a ZMQ address; null for that of the HTTP server. */
function optionOf(endpoint: string, { zmqEndpoint, replayEndpoint }: ConsolidateConfig): string | null {
  if (endpoint === zmqEndpoint) return "--output-endpoint";
  return endpoint === replayEndpoint ? "--replay-endpoint" : null;
}
