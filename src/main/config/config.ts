/**
 * The parsed configuration: frozen, complete, units in the names. Made once at start by `load.ts`; no other file
 * reads flags, environment or configuration files.
 */
import type { CurveClientKeys } from "../../shared/curve.ts";
import type { Secret } from "../../shared/secret.ts";
import type { LogFormat, LogLevel } from "../log-level.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import type { CurveServerConfig } from "../curve/curve-gate.ts";
import type { Backend, DisaggregationMode, Modality } from "../component-metrics/worker-traits.ts";
import type { DataMode } from "./data-options.ts";
import type { HttpAccessConfig } from "./load-http.ts";
import type { LivePageMode } from "./live-options.ts";
import type { ClusterConfig } from "./load-cluster.ts";
import type { EngineHealthConfig, ProbeConfig } from "./health-config.ts";
import type { NatsConfig } from "./load-nats.ts";
import type { OnEngineGap, SequenceStart } from "./stream-options.ts";
import type { Origin } from "./option-spec.ts";

/** What stands in the files that an engine's connection needs. May be renewed while the service runs. */
export interface EngineCredentials {
  /** Extra request headers, read from `--engine-header-file`. */
  readonly headers: Secret<Readonly<Record<string, string>>>;
  /** PEM bytes; undefined means the system's trust store. */
  readonly ca: Buffer | undefined;
  readonly clientCert: Buffer | undefined;
  readonly clientKey: Secret<Buffer> | undefined;
}

/** trtllm-serve, or anything that answers like it, over HTTP(S). The credentials are those of the start. */
export interface HttpEngineConfig extends EngineCredentials {
  readonly kind: "http";
  /** The `engine` label. */
  readonly name: string;
  /** Base URL without credentials, query and trailing slash. */
  readonly url: URL;
  /** Deadline of one drain, from the start of the request to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Most bytes that one answer may have. */
  readonly maxResponseBytes: number;
}

/** Parameters of made-up traffic, shared by the built-in engine and `kvcast sim`. */
export interface TrafficConfig {
  /** Publishable events (stored and removed) to make in all; Infinity for no end. `created` events come on top. */
  readonly events: number;
  /** Events a second over all ranks; Infinity for as fast as it goes. */
  readonly ratePerSecond: number;
  /** Blocks in each stored event. */
  readonly blocks: number;
  /** Tokens in each block. */
  readonly tokens: number;
  readonly ranks: number;
  /** Share of events that remove blocks, 0 to 1. */
  readonly removed: number;
  readonly seed: number;
  /** The events come in bursts of so many times the rate, and the rate is their average. Absent: 1, evenly. */
  readonly burst?: number;
}

export interface SyntheticEngineConfig {
  readonly kind: "synthetic";
  readonly name: string;
  readonly traffic: TrafficConfig;
}

/** A recording of an engine, in its place. */
export interface FileEngineConfig {
  readonly kind: "file";
  readonly name: string;
  readonly path: string;
  /** 1: as it was recorded; N: so many times as fast; Infinity: as fast as it goes. */
  readonly speed: number;
}

/** One PUB socket of an engine, and the replay socket beside it. */
export interface ZmqSocketConfig {
  /** The engine's own rank that publishes there; null when all of them do. */
  readonly rank: number | null;
  readonly endpoint: string;
  /** Null when what was missed cannot be asked for. */
  readonly replayEndpoint: string | null;
}

/** An engine that publishes its events over ZMQ itself. */
export interface ZmqEngineConfig {
  readonly kind: "zmq";
  readonly name: string;
  readonly sockets: readonly ZmqSocketConfig[];
  /** Only messages whose topic begins with this. */
  readonly topic: string;
  /** Of all replay sockets. */
  readonly framing: ReplayFraming;
  /** What to connect with, to all of them; absent: without encryption. */
  readonly curve?: CurveClientKeys;
}

export type EngineConfig = HttpEngineConfig | SyntheticEngineConfig | FileEngineConfig | ZmqEngineConfig;

/** What is done with the engines' own metrics. */
export interface EngineMetricsConfig {
  /** Whether whole families are taken or left, or each line for itself. */
  readonly mode: "families" | "lines";
  /** First letters of the names that are taken; empty: all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Labels for all series, where they lack them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Most bytes of one page. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface PollProfile {
  readonly name: "default" | "reference";
  readonly minSleepMs: number;
  readonly maxSleepMs: number;
  readonly factor: number;
  /** Most events handled before the event loop gets a turn. */
  readonly maxItemsPerStep: number;
}

/** Answer to a replay whose start is kept no more. */
export type ReplayEvicted = "suffix" | "empty";

/** What kind of worker the engines are; null where each engine says it itself. */
export interface WorkerConfig {
  readonly model: string | null;
  /** The `dynamo_component` label. */
  readonly component: string;
  readonly disaggregationMode: DisaggregationMode | null;
  readonly backend: Backend | null;
  readonly modality: Modality | null;
}

/** What the way from the ring to the subscribers needs to know, whatever makes the events. */
export type PublishConfig = Omit<
  ServeConfig,
  | "engines"
  | "iterationStats"
  | "perfMetrics"
  | "worker"
  | "mmTokenOffset"
  | "pollProfile"
  | "engineMetrics"
  | "clearOnStart"
  | "onEngineGap"
  | "publishTierMoves"
  | "livePage"
  | "liveAllowedHosts"
  | "cluster"
  | "engineHealth"
> & {
  /** Engines of the service itself; absent where others read them. */
  readonly engines?: readonly EngineConfig[];
} & Partial<Pick<ServeConfig, "iterationStats" | "perfMetrics" | "cluster">>;

export interface ServeConfig extends HttpAccessConfig {
  /** Null: nothing goes to NATS. */
  readonly nats: NatsConfig | null;
  /** In the order in which they were given, which their ranks on the wire follow. No two have the same name. */
  readonly engines: readonly [EngineConfig, ...EngineConfig[]];
  /** Whether the engines' iteration statistics are read. */
  readonly iterationStats: DataMode;
  /** Whether the engines' records of finished requests are read. */
  readonly perfMetrics: DataMode;
  readonly worker: WorkerConfig;
  readonly kvBlockSizeTokens: number;
  /** Of each engine. */
  readonly attentionDpSize: number;
  /** First id after the vocabulary, from which multimodal continuation tokens count; null when unknown. */
  readonly mmTokenOffset: number | null;
  /** ZMQ address to bind; null when the ZMQ sink is off. */
  readonly zmqEndpoint: string | null;
  readonly zmqTopic: string;
  readonly zmqQueueBytes: number;
  readonly wireFormat: WireFormat;
  /** How the sockets of events and replays are guarded; null: not at all. */
  readonly zmqCurve: CurveServerConfig | null;
  readonly waitSubscribers: number;
  readonly waitSubscribersTimeoutMs: number;
  /** ROUTER address for replays; null when nothing is kept. */
  readonly replayEndpoint: string | null;
  readonly replayFraming: ReplayFraming;
  readonly replayBytes: number;
  readonly replayBatches: number;
  readonly replayEvicted: ReplayEvicted;
  readonly sequenceStart: SequenceStart;
  readonly clearOnStart: boolean;
  readonly onEngineGap: OnEngineGap;
  /** Whether events of other tiers than the device's are published. */
  readonly publishTierMoves: boolean;
  /** Silence after which an empty batch goes out; null for never. */
  readonly heartbeatMs: number | null;
  /** Payloads, replays and snapshots hold neither token ids nor cache salts. */
  readonly redactTokens: boolean;
  readonly snapshot: boolean;
  readonly snapshotMaxBlocks: number;
  readonly snapshotTokens: boolean;
  readonly stateDir: string | null;
  readonly systemHost: string;
  /** 0 = any free port, null = no HTTP server. */
  readonly systemPort: number | null;
  readonly livePage: LivePageMode;
  /** In lower case. */
  readonly liveAllowedHosts: readonly string[];
  /** How health is asked for over HTTP. */
  readonly probes: ProbeConfig;
  /** How the engines are watched. */
  readonly engineHealth: EngineHealthConfig;
  readonly encoders: number;
  readonly ringSlots: number;
  readonly slotBytes: number;
  readonly pollProfile: PollProfile;
  /** Null: they are not read. */
  readonly engineMetrics: EngineMetricsConfig | null;
  /** Null: no cluster is joined. */
  readonly cluster: ClusterConfig | null;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** What `load.ts` hands to the service: the values, where each came from, and what the user should hear about them. */
export interface LoadedConfig {
  readonly config: ServeConfig;
  /** By option name without the dashes, for example `kv-block-size`. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** The same with the value as it was written; options without any are left out. */
  readonly texts: ReadonlyMap<string, string>;
  /** Values that are allowed but probably not meant, a sentence each. No secrets. */
  readonly warnings: readonly string[];
  /**
   * Reads the files that connections to engines need again: the one part of the configuration that may change. Throws
   * ConfigError when any of them is bad. Null when there are none.
   */
  readonly rereadCredentials: (() => EngineCredentials) | null;
}
