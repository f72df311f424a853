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
import { ConsolidateSource } from "./consolidate-source.ts";
import { Consolidator } from "./consolidator.ts";
import { Egress } from "./egress.ts";
import type { SourceCounters } from "./source-counters.ts";

/** The whole shutdown, so that a supervisor that waits 5 s never has to kill. */
const SHUTDOWN_DEADLINE_MS = 4500;
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
  readonly #startedMs: number = performance.now();
  readonly #board: HealthBoard;
  #http: HttpServer | null = null;
  #running: Promise<void> = Promise.resolve();
  #isDraining: boolean = false;
  #stopped: Promise<StopReport> | null = null;

  private constructor(options: ConsolidateServiceOptions, pipeline: Pipeline) {
    const { config, log } = options;
    this.#options = options;
    this.pipeline = pipeline;
    this.consolidator = new Consolidator({
      mode: config.mode,
      identity: config.identity,
      compat: config.compat,
      sources: config.sources.map(({ kind }) => kind),
      maxBlocks: config.maxBlocks,
    });
    this.#board = new HealthBoard({ names: [...SERVICE_CHECKS, ...SOURCE_CHECKS], log });
    this.#egress = new Egress(this.consolidator, pipeline, config.drainIntervalMs);
    this.#sources = config.sources.map(
      (_, number) => new ConsolidateSource(number, config, this.consolidator, this.#egress, log),
    );
  }

  /** Binds sockets, starts threads, then subscribes. Rejects with BindError; nothing is left running then. */
  static async start(options: ConsolidateServiceOptions): Promise<ConsolidateService> {
    const { config, log, onFatal } = options;
    const pipeline = makePipeline(config, log, onFatal);
    const service = new ConsolidateService(options, pipeline);
    try {
      const { epoch } = service;
      await pipeline.start({ epoch, firstSequence: firstSequenceOf(epoch, config.sequenceStart) });
      service.#watchHealth();
      await service.#startHttp();
    } catch (error) {
      service.#board.drain();
      await pipeline.stop(0);
      if (!(error instanceof BindError)) throw error;
      const option = error.endpoint === config.zmqEndpoint ? "--output-endpoint" : "another option";
      throw new BindError(error.endpoint, `${error.message}; choose another address with ${option}`, error);
    }
    service.#running = service.#run();
    return service;
  }

  #watchHealth(): void {
    this.#board.add(...serviceChecks(this.pipeline, () => this.#isDraining));
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
    return this.#sources.map(({ counters }) => counters);
  }

  get httpUrl(): string | null {
    return this.#http?.url ?? null;
  }

  get memoryBoundBytes(): number {
    return memoryBoundBytes(this.#options.config, this.pipeline.memoryBytes());
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
      routes: [
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
