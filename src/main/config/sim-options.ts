/** The options of `kvcast sim`, the stand-in engine. Flags only, but for the log. MAIN THREAD, at start only. */
import { DRAIN_GENERATIONS, EVENTS_FORMS, SIM_DEFAULTS, SIM_PERF_METRICS, parseFault } from "../sim/sim-config.ts";
import type { DrainGeneration, EventsForm, Fault, SimConfig, SimPerfMetrics } from "../sim/sim-config.ts";
import type { LogFormat, LogLevel } from "../log-level.ts";
import { bindHost, listenPort } from "./listen-types.ts";
import { LOG_OPTIONS } from "./log-options.ts";
import type { Defaulted, OptionSpec, Repeatable } from "./option-spec.ts";
import { MAX_BLOCK_TOKENS, TRAFFIC, TRAFFIC_NAMES } from "./traffic-options.ts";
import type { TrafficName } from "./traffic-options.ts";
import { integer, oneOf, onOff } from "./value-types.ts";

const TRAFFIC_GROUP = "Traffic";
const ENGINE_GROUP = "Engine";

/** An engine without attention data parallelism. */
export const SIM_RANKS = 1;
/** Far above what an engine is ever set to; each event that waits takes up memory. */
const MAX_BUFFER_EVENTS = 10_000_000;

/** The traffic parameters as flags, by their own names. */
export const SIM_TRAFFIC_OPTIONS: { readonly [K in TrafficName]: OptionSpec<number> } = {
  events: trafficFlag("events"),
  rate: trafficFlag("rate"),
  blocks: trafficFlag("blocks"),
  tokens: trafficFlag("tokens"),
  ranks: trafficFlag("ranks", String(SIM_RANKS)),
  removed: trafficFlag("removed"),
  seed: trafficFlag("seed"),
  burst: trafficFlag("burst"),
};

export type SimOptions = {
  readonly host: Defaulted<string>;
  readonly port: Defaulted<number>;
  readonly kvBlockSize: Defaulted<number>;
  readonly bufferMaxEvents: Defaulted<number>;
  readonly fault: Repeatable<Fault>;
  readonly generation: Defaulted<DrainGeneration>;
  readonly eventsVerb: Defaulted<SimConfig["eventsVerb"]>;
  readonly eventsForm: Defaulted<EventsForm>;
  readonly iterationStats: Defaulted<boolean>;
  readonly perfMetrics: Defaulted<SimPerfMetrics>;
  readonly prometheus: Defaulted<boolean>;
  readonly logLevel: Defaulted<LogLevel>;
  readonly logFormat: Defaulted<LogFormat>;
};

export const SIM_OPTIONS: SimOptions = {
  host: {
    name: "host",
    type: bindHost,
    env: [],
    default: SIM_DEFAULTS.host,
    group: "HTTP",
    help: "Address to listen on.",
  },
  port: {
    name: "port",
    type: listenPort,
    env: [],
    default: String(SIM_DEFAULTS.port),
    group: "HTTP",
    help: "Port to listen on.",
  },
  kvBlockSize: {
    name: "kv-block-size",
    type: integer({ min: 1, max: MAX_BLOCK_TOKENS, unit: "tokens" }),
    env: [],
    default: String(SIM_DEFAULTS.kvBlockSizeTokens),
    group: ENGINE_GROUP,
    help: "Tokens in a full KV-cache block, as the statistics tell it.",
  },
  bufferMaxEvents: {
    name: "buffer-max-events",
    type: integer({ min: 1, max: MAX_BUFFER_EVENTS, unit: "events" }),
    env: [],
    default: String(SIM_DEFAULTS.bufferMaxEvents),
    group: ENGINE_GROUP,
    help: "Events that wait to be fetched; beyond it the oldest are lost, as in an engine.",
  },
  fault: {
    name: "fault",
    type: {
      placeholder: "FAULT",
      takes: "a fault such as gap:1%, restart-at:5000, hang:5%, slow:10B/s or http500@30-60s",
      parse: (text: string): Fault => parseFault(text),
    },
    env: [],
    group: ENGINE_GROUP,
    repeatable: true,
    help:
      "What goes wrong. Kinds: gap, restart-at, unhealthy, zombie, mute, hang, http500, garbage, " +
      "truncate, drop-connection, slow, bloat, lies. A share (5%), a route (/metrics) and seconds (@30-60s) narrow it down.",
  },
  generation: {
    name: "generation",
    type: oneOf(DRAIN_GENERATIONS),
    env: [],
    default: SIM_DEFAULTS.generation,
    group: ENGINE_GROUP,
    help: "How a drain behaves: a answers after 2 s of silence, b always after 2 s, c at once.",
  },
  eventsVerb: {
    name: "events-verb",
    type: oneOf(["post", "get"] as const),
    env: [],
    default: SIM_DEFAULTS.eventsVerb,
    group: ENGINE_GROUP,
    help: "The one HTTP method that /kv_cache_events takes.",
  },
  eventsForm: {
    name: "events-form",
    type: oneOf(EVENTS_FORMS),
    env: [],
    default: SIM_DEFAULTS.eventsForm,
    group: ENGINE_GROUP,
    help: "Dialect of the event JSON.",
  },
  iterationStats: {
    name: "iteration-stats",
    type: onOff,
    env: [],
    default: "on",
    group: ENGINE_GROUP,
    help: "Whether /metrics has rows; off: as without enable_iter_perf_stats.",
  },
  perfMetrics: {
    name: "perf-metrics",
    type: oneOf(SIM_PERF_METRICS),
    env: [],
    default: "on",
    group: ENGINE_GROUP,
    help: "Records of finished requests; off: as without perf_metrics_max_requests; decode: with the KV transfers of a decode server.",
  },
  prometheus: {
    name: "prometheus",
    type: onOff,
    env: [],
    default: "on",
    group: ENGINE_GROUP,
    help: "Whether there is a /prometheus/metrics; off: as without return_perf_metrics.",
  },
  ...LOG_OPTIONS,
};

/** All of them, in the order of the documentation. */
export const SIM_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  SIM_OPTIONS.host,
  SIM_OPTIONS.port,
  ...TRAFFIC_NAMES.map((name) => SIM_TRAFFIC_OPTIONS[name]),
  SIM_OPTIONS.kvBlockSize,
  SIM_OPTIONS.bufferMaxEvents,
  SIM_OPTIONS.fault,
  SIM_OPTIONS.generation,
  SIM_OPTIONS.eventsVerb,
  SIM_OPTIONS.eventsForm,
  SIM_OPTIONS.iterationStats,
  SIM_OPTIONS.perfMetrics,
  SIM_OPTIONS.prometheus,
  SIM_OPTIONS.logLevel,
  SIM_OPTIONS.logFormat,
];

/** A parameter of the traffic as a flag. Its default, if it has one, is filled in when the traffic is put together. */
function trafficFlag(name: TrafficName, fixedDefault?: string): OptionSpec<number> {
  const { type, default: text = fixedDefault, defaultNote, help } = TRAFFIC[name];
  const spec = { name, type, env: [], group: TRAFFIC_GROUP, help };
  if (text !== undefined) return { ...spec, default: text };
  return defaultNote === undefined ? spec : { ...spec, defaultNote };
}
