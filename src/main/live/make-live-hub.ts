/**
 * The live view of a service: its parts put together. MAIN THREAD, at start.
 */
import { wallClockSeconds } from "../../shared/clock.ts";
import type { Epoch } from "../../shared/index-messages.ts";
import { LIVE_VERSION, type LiveOption } from "../../shared/live-snapshot.ts";
import type { LoadedConfig, ServeConfig } from "../config/config.ts";
import { SERVE_OPTION_LIST } from "../config/options.ts";
import type { HealthBoard } from "../health/health-board.ts";
import type { Engines } from "../engines.ts";
import { LIVE_PATH } from "../http/live-routes.ts";
import { PERF_PATH } from "../http/perf-route.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { LiveBuilder } from "./live-builder.ts";
import { liveHealth } from "./live-checks.ts";
import { LiveHub } from "./live-hub.ts";

interface LiveServiceParts {
  readonly config: ServeConfig;
  readonly given?: Pick<LoadedConfig, "origins" | "texts">;
  readonly version: string;
  readonly engines: Engines;
  readonly pipeline: Pipeline;
  readonly epoch: Epoch;
  readonly board: HealthBoard;
}

export function makeLiveHub({ config, given, version, engines, pipeline, epoch, board }: LiveServiceParts): LiveHub {
  const { probes } = config;
  return new LiveHub({
    builder: new LiveBuilder({
      engines: engines.counters,
      data: engines.data,
      attentionDpSize: config.attentionDpSize,
      pipeline,
      health: () => liveHealth(board),
    }),
    about: {
      version: LIVE_VERSION,
      service: {
        version,
        node: process.versions.node,
        epoch: epoch.uuid,
        startedAt: wallClockSeconds(),
      },
      options: given === undefined ? [] : optionsOf(given),
      links: ["/metrics", probes.healthPath, probes.readyPath, probes.livePath, LIVE_PATH, PERF_PATH],
    },
  });
}

/** In the order of the documentation. */
function optionsOf({ origins, texts }: Pick<LoadedConfig, "origins" | "texts">): LiveOption[] {
  return SERVE_OPTION_LIST.flatMap(({ name }) => {
    const value = texts.get(name);
    return value === undefined ? [] : [{ name, value, origin: origins.get(name) ?? "default" }];
  });
}
