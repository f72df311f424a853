/**
 * The options of `kvcast serve`: the one table behind its flags, variables, file entries, help and documentation. Names
 * and defaults are a promise to users. MAIN THREAD, at start only.
 */
import type { PollProfile } from "./config.ts";
import { CLUSTER_OPTIONS } from "./cluster-options.ts";
import { ENGINE_METRICS_OPTIONS } from "./engine-metrics-options.ts";
import { engineTarget } from "./engine-url.ts";
import type { EngineTarget } from "./engine-url.ts";
import { DATA_OPTIONS } from "./data-options.ts";
import { HEALTH_OPTIONS } from "./health-options.ts";
import { PROBE_OPTIONS } from "./probe-options.ts";
import { bindHost, systemPort } from "./listen-types.ts";
import { HTTP_OPTIONS } from "./http-options.ts";
import { LIVE_OPTIONS } from "./live-options.ts";
import { LOG_OPTIONS } from "./log-options.ts";
import type { Defaulted, OptionSpec, Place, Repeatable, ValueType } from "./option-spec.ts";
import { MAX_BLOCK_TOKENS, MAX_RANKS } from "./traffic-options.ts";
import { PIPELINE_OPTIONS } from "./pipeline-options.ts";
import { SNAPSHOT_OPTIONS, STREAM_OPTIONS } from "./stream-options.ts";
import { bytes, fileName, GIB, integer, KIB, oneOf, orWord, seconds } from "./value-types.ts";
import { NATS_OPTIONS } from "./nats-options.ts";
import { ZMQ_OPTIONS } from "./zmq-options.ts";

/** Largest token id that 32 bits can hold. */
const MAX_TOKEN_ID = 4_294_967_295;

const POLL_PROFILES: { readonly [K in PollProfile["name"]]: PollProfile } = {
  // 100 ms idle sleep: ten requests a second to an idle engine is little for it, and soon enough for a router.
  default: Object.freeze({ name: "default", minSleepMs: 5, maxSleepMs: 100, factor: 1.5, maxItemsPerStep: 1024 }),
  reference: Object.freeze({ name: "reference", minSleepMs: 5, maxSleepMs: 20, factor: 1.5, maxItemsPerStep: 256 }),
};

const profileName = oneOf(["default", "reference"] as const);
const pollProfile: ValueType<PollProfile> = {
  placeholder: profileName.placeholder,
  takes: profileName.takes,
  parse: (value: string, place: Place): PollProfile => POLL_PROFILES[profileName.parse(value, place)],
};

export type ServeOptions = {
  readonly engine: Repeatable<EngineTarget>;
  readonly engineHeaderFile: OptionSpec<string>;
  readonly engineCaFile: OptionSpec<string>;
  readonly engineClientCertFile: OptionSpec<string>;
  readonly engineClientKeyFile: OptionSpec<string>;
  readonly engineTimeout: Defaulted<number>;
  readonly engineMaxResponseBytes: Defaulted<number>;
  readonly kvBlockSize: Defaulted<number>;
  readonly attentionDpSize: Defaulted<number>;
  readonly mmTokenOffset: Defaulted<number | null>;
  readonly pollProfile: Defaulted<PollProfile>;
  readonly systemHost: Defaulted<string>;
  readonly systemPort: Defaulted<number | null>;
  readonly config: OptionSpec<string>;
} & typeof ENGINE_METRICS_OPTIONS &
  typeof HTTP_OPTIONS &
  typeof DATA_OPTIONS &
  typeof PROBE_OPTIONS &
  typeof HEALTH_OPTIONS &
  typeof ZMQ_OPTIONS &
  typeof NATS_OPTIONS &
  typeof STREAM_OPTIONS &
  typeof SNAPSHOT_OPTIONS &
  typeof PIPELINE_OPTIONS &
  typeof CLUSTER_OPTIONS &
  typeof LIVE_OPTIONS &
  typeof LOG_OPTIONS;

export const SERVE_OPTIONS: ServeOptions = {
  engine: {
    name: "engine",
    type: engineTarget,
    env: [{ name: "KVCAST_ENGINE" }],
    group: "Engine",
    repeatable: true,
    help:
      "An engine to read: a trtllm-serve at http(s)://host:port; one that publishes over ZMQ itself at zmq+tcp://host:port " +
      "(rank r at port + r), with ?replay=PORT&framing=v1|v2&topic=TEXT&ports=rank|one&curve=KEY behind it as needed; synthetic: for " +
      "the built-in engine; or file:FILE?speed=1|max|N for a recording (docs/record.md). docs/engines.md has an example of each. NAME is the " +
      "engine label of the metrics; without it engine0, engine1, … by place. At least one is required. Of several, each " +
      "publishes its attention-DP ranks behind those of the engines before it: place × --attention-dp-size + rank.",
  },
  engineHeaderFile: {
    name: "engine-header-file",
    type: fileName,
    env: [{ name: "KVCAST_ENGINE_HEADER_FILE" }],
    group: "Engine",
    help: "Headers for every request to the engines, all of them the same, a line each, Name: value; lines that start with # are comments.",
  },
  engineCaFile: {
    name: "engine-ca-file",
    type: fileName,
    env: [{ name: "KVCAST_ENGINE_CA_FILE" }],
    group: "Engine",
    help: "PEM certificates that the engines' certificates are checked against, in place of the system's.",
  },
  engineClientCertFile: {
    name: "engine-client-cert-file",
    type: fileName,
    env: [{ name: "KVCAST_ENGINE_CLIENT_CERT_FILE" }],
    group: "Engine",
    help: "PEM certificate that kvcast shows to the engines. Goes with --engine-client-key-file.",
  },
  engineClientKeyFile: {
    name: "engine-client-key-file",
    type: fileName,
    env: [{ name: "KVCAST_ENGINE_CLIENT_KEY_FILE" }],
    group: "Engine",
    help: "PEM private key of that certificate, without a passphrase.",
  },
  engineTimeout: {
    name: "engine-timeout",
    type: seconds(0.1, 3600),
    env: [{ name: "KVCAST_ENGINE_TIMEOUT" }],
    // A drain of a full engine buffer takes seconds; an engine that has not answered in 30 is stuck.
    default: "30",
    group: "Engine",
    help: "Deadline of one drain, from the request to the last byte of the answer.",
  },
  engineMaxResponseBytes: {
    name: "engine-max-response-bytes",
    type: bytes(4 * KIB, 16 * GIB),
    env: [{ name: "KVCAST_ENGINE_MAX_RESPONSE_BYTES" }],
    // Some 55,000 events of two blocks with 32 tokens each: minutes of a busy engine.
    default: "256MiB",
    group: "Engine",
    help: "Most bytes that one answer may have; a longer one is cut off and counted.",
  },
  kvBlockSize: {
    name: "kv-block-size",
    type: integer({ min: 1, max: MAX_BLOCK_TOKENS, unit: "tokens" }),
    // The second is the one of Dynamo's TensorRT-LLM worker: it must be the same number there.
    env: [{ name: "KVCAST_KV_BLOCK_SIZE" }, { name: "DYN_TRTLLM_KV_BLOCK_SIZE" }],
    default: "32", // the engine's own default
    group: "Engine",
    help: "Tokens in a full KV-cache block. Must be the engines' tokens_per_block, or every block looks partial or too large.",
  },
  attentionDpSize: {
    name: "attention-dp-size",
    type: integer({ min: 1, max: MAX_RANKS, unit: "attention-DP ranks" }),
    env: [{ name: "KVCAST_ATTENTION_DP_SIZE" }],
    default: "1",
    group: "Engine",
    help:
      "Attention-DP ranks of each engine. Events of other ranks are published too, and counted as unknown; with several " +
      "engines they are left out.",
  },
  mmTokenOffset: {
    name: "mm-token-offset",
    type: orWord(integer({ min: 1, max: MAX_TOKEN_ID }), "none", null),
    env: [{ name: "KVCAST_MM_TOKEN_OFFSET" }],
    default: "none",
    group: "Engine",
    help: "First token id after the vocabulary, from which multimodal placeholder tokens count.",
  },
  pollProfile: {
    name: "poll-profile",
    type: pollProfile,
    env: [{ name: "KVCAST_POLL_PROFILE" }],
    default: "default",
    group: "Engine",
    help:
      "Sleep between drains of an idle engine: default grows from 5 to 100 ms, by 1.5 each time; " +
      "reference from 5 to 20 ms as Dynamo's own publisher does, with at most 256 events a step.",
  },
  ...ENGINE_METRICS_OPTIONS,
  ...DATA_OPTIONS,
  ...ZMQ_OPTIONS,
  ...NATS_OPTIONS,
  ...STREAM_OPTIONS,
  ...SNAPSHOT_OPTIONS,
  ...PIPELINE_OPTIONS,
  systemHost: {
    name: "system-host",
    type: bindHost,
    env: [{ name: "DYN_SYSTEM_HOST" }],
    default: "127.0.0.1", // opening a port to the network is the operator's decision
    group: "HTTP",
    help: "Address that /metrics, /health, /ready, /live and the live page listen on.",
  },
  systemPort: {
    name: "system-port",
    type: systemPort,
    env: [{ name: "DYN_SYSTEM_PORT" }],
    default: "8081",
    group: "HTTP",
    help: "Port of the same.",
  },
  ...HTTP_OPTIONS,
  ...LIVE_OPTIONS,
  ...CLUSTER_OPTIONS,
  ...PROBE_OPTIONS,
  ...HEALTH_OPTIONS,
  ...LOG_OPTIONS,
  config: {
    name: "config",
    type: fileName,
    env: [{ name: "KVCAST_CONFIG" }],
    group: "General",
    help: "YAML or JSON file with option names as keys, without the dashes. Flags and variables go before it.",
  },
};

/** The same, in the order of the documentation. */
export const SERVE_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(SERVE_OPTIONS);
