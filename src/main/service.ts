/**
 * The service: connects the stages and owns the life cycle. MAIN THREAD. How the stream begins is in `service-stream.ts`, what is
 * answered over HTTP in `service-http.ts`, what it says of its health in `service-health.ts`.
 *
 *   starting ──sockets bound──► running ──stop()──► draining ──► stopped
 *
 * Stages do not know each other; here the next one is handed to the one before it. Shutdown goes down the stream: stop
 * polling, let the pipeline publish what was taken, then close what only looks on.
 */
import type { Epoch } from "../shared/index-messages.ts";
import type { EngineCredentials, LoadedConfig, ServeConfig } from "./config/config.ts";
import { ClusterMember } from "./control/member.ts";
import type { Operated } from "./control/operated.ts";
import { operatedService } from "./control/operated-service.ts";
import { EnginePages } from "./engine-page/engine-pages.ts";
import { Engines } from "./engines.ts";
import { HealthBoard } from "./health/health-board.ts";
import { ENGINE_CHECKS, SERVICE_CHECKS } from "./health/health-report.ts";
import { serviceChecks } from "./health/service-checks.ts";
import type { HealthState } from "./http/health.ts";
import type { Logger } from "./log.ts";
import { memoryBoundBytes } from "./memory-bound.ts";
import type { EngineCounters } from "./metrics/engine-counters.ts";
import { NO_SAVED_RANKS } from "./normalise/saved-ranks.ts";
import type { StopReport } from "./pipeline/pipeline-contract.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";
import type { StateSaver } from "./pipeline/state-saver.ts";
import { healthOf } from "./service-health.ts";
import { type ServiceHttp, startServiceHttp } from "./service-http.ts";
import { openStream, orStop, type ServiceStream, startStream, stateSaverOf } from "./service-stream.ts";
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
  readonly #startedMs: number = performance.now();
  readonly #board: HealthBoard;
  #http: ServiceHttp | null = null;
  #member: ClusterMember | null = null;
  #running: Promise<void> = Promise.resolve();
  #draining: boolean = false;
  /** Told to read its engines no more, and to live on. */
  #drained: Promise<boolean> | null = null;
  #stopped: Promise<StopReport> | null = null;

  private constructor(options: ServiceOptions, { pipeline, epoch, saved }: ServiceStream) {
    const { config, log, onFatal } = options;
    this.#options = options;
    this.pipeline = pipeline;
    this.epoch = epoch;
    this.#board = new HealthBoard({ names: [...SERVICE_CHECKS, ...ENGINE_CHECKS], log });
    this.#engines = new Engines({ config, pipeline, saved: saved?.ranks ?? NO_SAVED_RANKS, log, onFatal });
    this.#enginePages = config.engineMetrics === null ? null : new EnginePages(config, config.engineMetrics, log);
    this.#stateSaver = stateSaverOf(config, this.#engines, this);
  }

  /**
   * Binds sockets, starts threads, then reads the engines. Rejects with BindError or StateDirTakenError; nothing is left
   * running then.
   */
  static async start(options: ServiceOptions): Promise<Service> {
    const stream = await openStream(options);
    const { pipeline } = stream;
    const service = await orStop(pipeline, () => new Service(options, stream));
    await startStream(stream, options);
    service.#watchHealth();
    try {
      service.#http = await service.#startHttp();
      await service.#joinCluster();
    } catch (error) {
      service.#board.drain();
      await service.#http?.close();
      await pipeline.stop(0);
      throw error;
    }
    const saver = service.#stateSaver;
    // Only now: a start that fails leaves what an earlier run left.
    if (saver !== null) pipeline.onOrderlyEnd((nextSequence) => saver.last(nextSequence));
    saver?.start();
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
    return this.#http?.isPageOpen === true ? `${this.#http.url}/` : null;
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

  #startHttp(): Promise<ServiceHttp | null> {
    return startServiceHttp({
      ...this.#options,
      epoch: this.epoch,
      pipeline: this.pipeline,
      engines: this.#engines,
      enginePages: this.#enginePages,
      board: this.#board,
      health: () => this.#health(),
    });
  }
}
