/**
 * The index of a router as a service: inputs, indices, HTTP. MAIN THREAD; all of it, as there is nothing here that blocks.
 *
 *   publisher ─► ZMQ input ──┐
 *   NATS ──────► NATS input ─┴─► block feed ─► index ◄─ queries ◄─ HTTP
 */
import { openConnection } from "../config/load-nats.ts";
import { BindError, ConfigError } from "../../shared/errors.ts";
import type { Epoch } from "../../shared/index-messages.ts";
import type { IndexConfig } from "../config/load-index.ts";
import { newEpoch } from "../epoch.ts";
import { metricsRoute } from "../http/metrics-route.ts";
import { RequestCounts } from "../http/request-counts.ts";
import type { WholeRoute } from "../http/routes.ts";
import type { Response } from "../http/response.ts";
import { type HttpServer, startHttpServer } from "../http/server.ts";
import type { Logger } from "../log.ts";
import { IndexMetrics } from "../metrics/registry.ts";
import { bigJson } from "../router-feed/big-json.ts";
import { Models } from "../router-feed/models.ts";
import { NatsInput } from "../router-feed/nats-input.ts";
import { Workers } from "../router-feed/workers.ts";
import { within } from "../within.ts";
import { routerRoutes } from "./router-routes.ts";

/** So that a supervisor that waits 5 s never has to kill. */
const SHUTDOWN_DEADLINE_MS = 4500;

export interface IndexServiceOptions {
  readonly config: IndexConfig;
  readonly version: string;
  readonly log: Logger;
}

export class IndexService {
  readonly models: Models;
  readonly workers: Workers;
  readonly epoch: Epoch = newEpoch();
  readonly #options: IndexServiceOptions;
  readonly #nats: NatsInput | null;
  readonly #startedMs: number = performance.now();
  #http: HttpServer | null = null;
  #isStopping: boolean = false;
  #stopped: Promise<void> | null = null;

  private constructor(options: IndexServiceOptions) {
    const { config, log } = options;
    this.#options = options;
    this.models = new Models({ maxPairs: config.maxPairs, onFull: config.onFull });
    this.workers = new Workers(this.models, log);
    const { blockSizeTokens, nats } = config;
    const model = blockSizeTokens === null ? null : this.models.take(this.#name, blockSizeTokens);
    this.#nats =
      nats === null || model === null
        ? null
        : new NatsInput({ ...nats, connection: openConnection(nats.connection), model, log });
  }

  /** Binds the port, then connects. Rejects with BindError and ConfigError; nothing is left running then. */
  static async start(options: IndexServiceOptions): Promise<IndexService> {
    const service = new IndexService(options);
    await service.#startHttp();
    const { workers, blockSizeTokens } = options.config;
    for (const worker of workers) {
      const registration = { ...service.#name, ...worker, blockSizeTokens: blockSizeTokens ?? 0 };
      const refusal = service.workers.register(registration);
      if (refusal === null) continue;
      await service.stop();
      throw new ConfigError("--workers", `--workers: ${refusal.message}`);
    }
    service.#nats?.start();
    return service;
  }

  get url(): string {
    return this.#http?.url ?? "";
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  get #name(): { readonly model: string; readonly group: string } {
    const { modelName, routingGroup } = this.#options.config;
    return { model: modelName, group: routingGroup };
  }

  async #stop(): Promise<void> {
    this.#isStopping = true;
    await within(Promise.all([this.workers.stop(), this.#nats?.stop()]), SHUTDOWN_DEADLINE_MS);
    await this.#http?.close();
  }

  async #startHttp(): Promise<void> {
    const { config, log, version } = this.#options;
    const requests = new RequestCounts();
    const metrics = new IndexMetrics({
      view: {
        models: () => this.models.all(),
        workers: (state) => this.workers.status({}).filter((worker) => worker.state === state).length,
        natsUp: () => this.#nats?.isUp ?? null,
      },
      version,
      epoch: this.epoch,
      logCounts: log.counts,
      requests,
    });
    const routes: WholeRoute[] = [
      ...routerRoutes({
        models: this.models,
        workers: this.workers,
        defaultGroup: config.routingGroup,
        overlapWeight: config.overlapWeight,
        temperature: config.temperature,
        maxActiveBlocks: config.maxActiveBlocks,
        random: Math.random,
      }),
      { path: "/health", access: "probe", handler: () => this.#health() },
      {
        path: "/live",
        access: "probe",
        handler: () => ({ status: 200, contentType: "application/json", body: '{"status":"live"}\n' }),
      },
      metricsRoute(metrics),
    ];
    try {
      this.#http = await startHttpServer({ ...config, routes, log, requests });
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      throw new BindError(error.endpoint, error.message.replace("--system-port", "--port"), error);
    }
  }

  /** Ready as long as what is to be read is being read; workers that are away are the router's business, and in the answer. */
  #health(): Response {
    const nats = this.#nats;
    const reasons = [
      ...(this.#isStopping ? ["the service is shutting down"] : []),
      ...(nats !== null && !nats.isReading ? ["NATS is not being read"] : []),
      ...(nats !== null && nats.isReading && !nats.isUp ? ["there is no connection to NATS"] : []),
    ];
    const uptimeMs = performance.now() - this.#startedMs;
    const secs = Math.floor(uptimeMs / 1000);
    const states = this.workers.status({}).map(({ state }) => state);
    const models = Array.from(this.models.all(), ({ model, group, feed }) => ({
      model_name: model,
      routing_group: group,
      block_size: feed.blockSizeTokens,
      ranks: feed.index.owners.all().length,
      pairs: feed.index.pairs,
      blocks: feed.index.nodes,
      memory_bytes: feed.index.memoryBytes,
    }));
    const body = {
      status: reasons.length === 0 ? "ready" : "notready",
      uptime: { secs, nanos: Math.floor((uptimeMs - secs * 1000) * 1e6) },
      version: this.#options.version,
      epoch: { id: this.epoch.uuid, started: this.epoch.startedSeconds },
      reasons,
      workers: { active: count(states, "active"), pending: count(states, "pending"), failed: count(states, "failed") },
      models,
    };
    return { status: reasons.length === 0 ? 200 : 503, contentType: "application/json", body: `${bigJson(body)}\n` };
  }
}

function count(states: readonly string[], state: string): number {
  return states.filter((one) => one === state).length;
}
