/** Makes the configuration of `kvcast flood` from its arguments. MAIN THREAD, once, at start. */
import type { FloodProfile, OwnPipeline, RampLimits, RunningPipeline, Times } from "../flood/plan.ts";
import {
  BURST_FACTOR,
  DURATION_SECONDS,
  FLOOD_OPTIONS as OPTIONS,
  RAMP_DURATION_SECONDS,
  RAMP_START,
} from "./flood-options.ts";
import { quoted, refused } from "./option-spec.ts";
import type { Flags, OptionSpec } from "./option-spec.ts";
import { Resolver } from "./resolve.ts";
import { SERVE_OPTIONS } from "./options.ts";
import { completeTraffic } from "./traffic-options.ts";
import type { TrafficName } from "./traffic-options.ts";

export interface FloodConfig extends Times {
  readonly pipeline: OwnPipeline | RunningPipeline;
  readonly profile: FloodProfile;
  readonly limits: RampLimits;
  /** Null for none. */
  readonly minPerSecond: number | null;
  readonly json: boolean;
}

/** The rest of what "keeps up" means; --max-age is the other half. */
const MIN_DELIVERED_SHARE = 0.95;

/** Options of `serve` that the test itself must set, and how they are set here. */
const TAKEN: ReadonlyMap<string, string> = new Map([
  [SERVE_OPTIONS.engine.name, "use --source"],
  [SERVE_OPTIONS.kvBlockSize.name, "use --tokens"],
  [SERVE_OPTIONS.attentionDpSize.name, "use --ranks"],
  [SERVE_OPTIONS.zmqEndpoint.name, "the test takes a free port"],
  [SERVE_OPTIONS.systemHost.name, "the test takes a free port"],
  [SERVE_OPTIONS.systemPort.name, "the test takes a free port"],
  ["sink", "the test subscribes to ZMQ"],
  [SERVE_OPTIONS.waitSubscribers.name, "the test waits for its own subscriber"],
  [SERVE_OPTIONS.logLevel.name, "the test reads the log"],
  [SERVE_OPTIONS.logFormat.name, "the test reads the log"],
]);

const LOAD: readonly OptionSpec<unknown>[] = [
  OPTIONS.source,
  OPTIONS.profile,
  OPTIONS.rate,
  OPTIONS.blocks,
  OPTIONS.tokens,
  OPTIONS.ranks,
  OPTIONS.removed,
  OPTIONS.seed,
];

/** The frozen configuration; `serveArgs` are what stands behind `--`. Throws ConfigError for what is not allowed. */
export function loadFloodConfig(flags: Flags, serveArgs: readonly string[], json: boolean): FloodConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const profile = resolver.find(OPTIONS.profile) ?? "steady";
  const defaultSeconds = profile === "ramp" ? RAMP_DURATION_SECONDS : DURATION_SECONDS;
  const minPerSecond = resolver.find(OPTIONS.minRate) ?? null;
  return Object.freeze({
    pipeline: Object.freeze(
      flags.has(OPTIONS.zmqEndpoint.name)
        ? runningPipeline(resolver, flags, serveArgs)
        : ownPipeline(resolver, profile, serveArgs),
    ),
    profile,
    durationMs: resolver.find(OPTIONS.duration) ?? defaultSeconds * 1000,
    warmUpMs: resolver.pick(OPTIONS.warmUp),
    limits: Object.freeze({
      minDeliveredShare: MIN_DELIVERED_SHARE,
      maxAgeMicros: resolver.pick(OPTIONS.maxAge) * 1000,
    }),
    minPerSecond,
    json,
  });
}

function runningPipeline(resolver: Resolver, flags: Flags, serveArgs: readonly string[]): RunningPipeline {
  const given = LOAD.find(({ name }) => flags.has(name));
  if (given !== undefined || serveArgs.length > 0) {
    const what = given === undefined ? "arguments of serve" : `--${given.name}`;
    throw refused(
      resolver.placeOf(OPTIONS.zmqEndpoint),
      `it tests a service under the load that it has; ${what} would be for one that the test starts`,
    );
  }
  return {
    source: "running",
    zmqEndpoint: resolver.require(OPTIONS.zmqEndpoint),
    metricsUrl: resolver.find(OPTIONS.metricsUrl) ?? null,
  };
}

function ownPipeline(resolver: Resolver, profile: FloodProfile, serveArgs: readonly string[]): OwnPipeline {
  if (resolver.find(OPTIONS.metricsUrl) !== undefined) {
    throw refused(resolver.placeOf(OPTIONS.metricsUrl), "it goes with --zmq-endpoint only");
  }
  checkServeArgs(serveArgs);
  const rate = resolver.find(OPTIONS.rate) ?? (profile === "ramp" ? RAMP_START : Infinity);
  if (profile !== "steady" && rate === Infinity) {
    const role = profile === "ramp" ? "to start with" : "that the bursts have on average";
    throw refused(resolver.placeOf(OPTIONS.rate), `--profile ${profile} needs a rate in events a second, ${role}`);
  }
  const given: Partial<Record<TrafficName, number>> = { rate };
  for (const name of ["blocks", "tokens", "ranks", "removed", "seed"] as const) {
    const value = resolver.find(OPTIONS[name]);
    if (value !== undefined) given[name] = value;
  }
  const standard = {
    tokens: Number(SERVE_OPTIONS.kvBlockSize.default),
    ranks: Number(SERVE_OPTIONS.attentionDpSize.default),
  };
  const { blocks, tokens, ranks, removed, seed } = completeTraffic(given, standard, resolver.placeOf(OPTIONS.blocks));
  const burst = profile === "burst" ? BURST_FACTOR : 1;
  return {
    source: resolver.find(OPTIONS.source) ?? "builtin",
    traffic: Object.freeze({ ratePerSecond: rate, blocks, tokens, ranks, removed, seed, burst }),
    serveArgs,
  };
}

/** What the service itself does not understand it says itself, when it is started. */
function checkServeArgs(serveArgs: readonly string[]): void {
  const place = { label: "behind --", option: "--" };
  const first = serveArgs[0];
  if (first !== undefined && !first.startsWith("-")) {
    throw refused(place, `${quoted(first)} is not allowed; it takes options of kvcast serve, such as --encoders 2`);
  }
  for (const word of serveArgs) {
    const name = /^--([^=]+)/.exec(word)?.[1];
    const instead = name === undefined ? undefined : TAKEN.get(name);
    if (instead !== undefined) throw refused(place, `--${name ?? ""} cannot be given to the service: ${instead}`);
  }
}
