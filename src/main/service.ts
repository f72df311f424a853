/**
 * The service: builds the stages, connects them, owns the life cycle. MAIN THREAD.
 *
 *   starting ──sockets bound──► running ──stop()──► draining ──► stopped
 *
 * Stages do not know each other; here the next one is handed to the one before it. Shutdown goes down the stream: stop
 * polling, let the pipeline publish what was taken, then close what only looks on.
 */
import { BindError } from "../shared/errors.ts";
import { EngineCounters } from "./metrics/engine-counters.ts";
import type { EngineConfig, ServeConfig } from "./config/config.ts";
import { HttpSource } from "./engine/http-source.ts";
import type { EngineSource, EventSink } from "./engine/source.ts";
import { SyntheticSource } from "./engine/synthetic-source.ts";
import { healthRoutes, type HealthState } from "./http/health.ts";
import { metricsRoute } from "./http/metrics-route.ts";
import { RequestCounts } from "./http/request-counts.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import { Intake } from "./intake.ts";
import type { Logger } from "./log.ts";
import { Metrics } from "./metrics/registry.ts";
import { Normaliser } from "./normalise/normaliser.ts";
import { noticeLog } from "./notice-log.ts";
import { Pipeline, type StopReport } from "./pipeline/pipeline.ts";
import { memoryBoundBytes } from "./memory-bound.ts";
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
  readonly #options: ServiceOptions;
  readonly #source: EngineSource;
  readonly #startedMs: number = performance.now();
  #http: HttpServer | null = null;
  #running: Promise<void> = Promise.resolve();
  #draining: boolean = false;
  #stopped: Promise<StopReport> | null = null;

  private constructor(options: ServiceOptions) {
    const { config, log } = options;
    this.#options = options;
    this.counters = new EngineCounters(config.engine.name, config.engine.kind, config.attentionDpSize);
    this.pipeline = new Pipeline({
      encoders: config.encoders,
      ringSlots: config.ringSlots,
      slotBytes: config.slotBytes,
      wireFormat: config.wireFormat,
      kvBlockSizeTokens: config.kvBlockSizeTokens,
      zmq:
        config.zmqEndpoint === null
          ? null
          : {
              endpoint: config.zmqEndpoint,
              topic: config.zmqTopic,
              queueBytes: config.zmqQueueBytes,
              waitSubscribers: config.waitSubscribers,
              waitSubscribersTimeoutMs: config.waitSubscribersTimeoutMs,
            },
      onEncoderRestart: (encoder, reason, message, recovered) =>
        log.error("an encoder thread died and is started again", {
          encoder,
          reason,
          message,
          recovered_slots: recovered,
        }),
      onGateOpen: (subscribers, timedOut) =>
        timedOut
          ? log.warn("publishing without the subscribers that were waited for", {
              subscribers,
              wanted: config.waitSubscribers,
            })
          : log.info("the subscribers that were waited for are there", { subscribers }),
      onSendFailed: (reason, sequence) =>
        log.limited("send failed").error("the ZMQ socket refused a message", { reason, sequence }),
      onFatal: options.onFatal,
      sharesZmq: false,
    });
    const normaliser = new Normaliser({
      kvBlockSizeTokens: config.kvBlockSizeTokens,
      attentionDpSize: config.attentionDpSize,
      mmTokenOffset: config.mmTokenOffset,
      counters: this.counters,
      onNotice: noticeLog(log, config.engine.name),
    });
    this.#source = makeSource(config, new Intake(normaliser, this.pipeline), this.counters, log);
  }

  /** Binds sockets, starts threads, then reads the engine. Rejects with BindError; nothing is left running then. */
  static async start(options: ServiceOptions): Promise<Service> {
    const service = new Service(options);
    try {
      await service.pipeline.start();
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      throw new BindError(error.endpoint, `${error.message}; choose another address with --zmq-endpoint`, error);
    }
    try {
      await service.#startHttp();
    } catch (error) {
      await service.pipeline.stop(0);
      throw error;
    }
    service.#running = service.#source.run().catch((error: unknown) => {
      options.onFatal(error instanceof Error ? error : new Error(String(error)));
    });
    return service;
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
    this.#source.stop();
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
      logCounts: log.counts,
      requests,
    });
    this.#http = await startHttpServer({
      host: config.systemHost,
      port: config.systemPort,
      routes: [metricsRoute(metrics), ...healthRoutes(() => this.#health())],
      log,
      requests,
    });
  }

  #health(): HealthState {
    const { counters, pipeline } = this;
    const engineUp = counters.up === 1;
    const dead = pipeline.workers().filter((worker) => !worker.up);
    const endpoint = pipeline.zmqEndpoint();
    const notReady = [
      ...(this.#draining ? ["the service is shutting down"] : []),
      ...(engineUp ? [] : [`engine ${counters.engine} does not answer`]),
      ...dead.map((worker) => `thread ${worker.name} is not running`),
    ];
    return {
      notReady,
      uptimeMs: performance.now() - this.#startedMs,
      version: this.#options.version,
      engines: [{ name: counters.engine, kind: counters.kind, up: engineUp }],
      ring: { capacitySlots: pipeline.ringCapacitySlots, occupiedSlots: pipeline.occupiedSlots() },
      sinks:
        endpoint === null ? [] : [{ name: "zmq", up: !dead.some((worker) => worker.name === "publisher"), endpoint }],
    };
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
