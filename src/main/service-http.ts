/**
 * What a service answers over HTTP: which routes there are, in which order they are asked, and what stands behind each. MAIN THREAD,
 * once at start.
 *
 * Everything that answers reads its part at the moment of the request; nothing here is polled or kept, but for the live page,
 * whose hub starts only where somebody may see it.
 */
import type { Epoch } from "../shared/index-messages.ts";
import type { LoadedConfig, ServeConfig } from "./config/config.ts";
import type { EnginePages } from "./engine-page/engine-pages.ts";
import type { Engines } from "./engines.ts";
import type { HealthBoard } from "./health/health-board.ts";
import { type HealthState, healthRoutes } from "./http/health.ts";
import { liveGate } from "./http/live-gate.ts";
import { liveRoutes } from "./http/live-routes.ts";
import { metricsRoute } from "./http/metrics-route.ts";
import { pageRoutes } from "./http/page-routes.ts";
import { perfRoute } from "./http/perf-route.ts";
import { RequestCounts } from "./http/request-counts.ts";
import { type HttpServer, startHttpServer } from "./http/server.ts";
import { snapshotRoute } from "./http/snapshot-route.ts";
import { makeLiveHub } from "./live/make-live-hub.ts";
import type { Logger } from "./log.ts";
import { Metrics } from "./metrics/registry.ts";
import type { Pipeline } from "./pipeline/pipeline.ts";

export interface ServiceHttpOptions {
  readonly config: ServeConfig;
  /** Where the configuration came from, for the live page. */
  readonly given?: Pick<LoadedConfig, "origins" | "texts">;
  readonly version: string;
  readonly log: Logger;
  readonly epoch: Epoch;
  readonly pipeline: Pipeline;
  readonly engines: Engines;
  /** Null where the engines' own metrics are not served. */
  readonly enginePages: EnginePages | null;
  readonly board: HealthBoard;
  /** Asked at each request for health. */
  readonly health: () => HealthState;
}

/** The server while it runs. */
export interface ServiceHttp extends Pick<HttpServer, "url" | "implementation"> {
  /** Whether anyone may see the live page. */
  readonly isPageOpen: boolean;
  /** Ends the streams of the live page, then the server. */
  close(): Promise<void>;
}

/** Binds the address; null where HTTP is off. Rejects with BindError and ConfigError. */
export async function startServiceHttp(options: ServiceHttpOptions): Promise<ServiceHttp | null> {
  const { config, log, version, epoch, pipeline, engines, enginePages, board } = options;
  if (config.systemPort === null) return null;
  const requests = new RequestCounts();
  const live = makeLiveHub(options);
  const metrics = new Metrics({
    engines: engines.counters,
    data: engines.data,
    health: board,
    pipeline,
    version,
    epoch,
    logCounts: log.counts,
    requests,
    live,
    ...(enginePages === null ? {} : { enginePages }),
  });
  const gate = liveGate({ mode: config.livePage, host: config.systemHost, allowedHosts: config.liveAllowedHosts });
  const server = await startHttpServer({
    host: config.systemHost,
    port: config.systemPort,
    webConfigFile: config.webConfigFile,
    insecure: config.insecure,
    allowedHosts: config.liveAllowedHosts,
    routes: [
      // First, so that a path that was chosen for health goes before one of the page's.
      ...liveRoutes(live, gate),
      ...pageRoutes(gate),
      metricsRoute(metrics),
      ...healthRoutes(config.probes, options.health),
      snapshotRoute(() => pipeline.openSnapshot()),
      perfRoute(engines.data),
    ],
    log,
    requests,
  });
  // What nobody may see need not be kept.
  const isPageOpen = gate.isOn && server.servesPrivate;
  // With a web configuration that may change at any time.
  if (isPageOpen || (gate.isOn && config.webConfigFile !== null)) live.start();
  return {
    url: server.url,
    implementation: server.implementation,
    isPageOpen,
    close: () => {
      live.close();
      return server.close();
    },
  };
}
