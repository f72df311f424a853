/** Makes the configuration of `kvcast sim` from its flags. MAIN THREAD, once, at start. */
import type { SimConfig } from "../sim/sim-config.ts";
import type { LogFormat, LogLevel } from "../log-level.ts";
import { refused } from "./option-spec.ts";
import type { Environment, Flags } from "./option-spec.ts";
import { Resolver } from "./resolve.ts";
import { SIM_OPTIONS as OPTIONS, SIM_RANKS, SIM_TRAFFIC_OPTIONS } from "./sim-options.ts";
import { TRAFFIC_NAMES, completeTraffic } from "./traffic-options.ts";
import type { TrafficValues } from "./traffic-options.ts";

export interface LoadedSimConfig {
  readonly sim: SimConfig;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** The frozen configuration. Throws ConfigError for any value that is not allowed. */
export function loadSimConfig(flags: Flags, env: Environment): LoadedSimConfig {
  const resolver = new Resolver({ flags, env, file: new Map() });
  const kvBlockSizeTokens = resolver.pick(OPTIONS.kvBlockSize);
  const given: Partial<TrafficValues> = {};
  for (const name of TRAFFIC_NAMES) {
    const value = resolver.find(SIM_TRAFFIC_OPTIONS[name]);
    if (value !== undefined) given[name] = value;
  }
  const traffic = completeTraffic(
    given,
    { tokens: kvBlockSizeTokens, ranks: SIM_RANKS },
    resolver.placeOf(SIM_TRAFFIC_OPTIONS.blocks),
  );
  if (traffic.tokens > kvBlockSizeTokens) {
    throw refused(
      resolver.placeOf(SIM_TRAFFIC_OPTIONS.tokens),
      `${traffic.tokens} tokens do not fit into a block of ${kvBlockSizeTokens}; set --kv-block-size ${traffic.tokens}`,
    );
  }
  const sim: SimConfig = Object.freeze({
    host: resolver.pick(OPTIONS.host),
    port: resolver.pick(OPTIONS.port),
    traffic,
    kvBlockSizeTokens,
    bufferMaxEvents: resolver.pick(OPTIONS.bufferMaxEvents),
    faults: Object.freeze(resolver.all(OPTIONS.fault).map(({ value }) => value)),
    generation: resolver.pick(OPTIONS.generation),
    eventsVerb: resolver.pick(OPTIONS.eventsVerb),
    eventsForm: resolver.pick(OPTIONS.eventsForm),
    iterationStats: resolver.pick(OPTIONS.iterationStats),
    perfMetrics: resolver.pick(OPTIONS.perfMetrics),
    prometheus: resolver.pick(OPTIONS.prometheus),
  });
  return Object.freeze({ sim, logLevel: resolver.pick(OPTIONS.logLevel), logFormat: resolver.pick(OPTIONS.logFormat) });
}
