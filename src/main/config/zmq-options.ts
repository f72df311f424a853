/**
 * Options of the ZMQ sink: the live socket, and the replay socket beside it. MAIN THREAD, at start only.
 */
import { ENGINE_WIRE_FORMATS } from "../../shared/wire-format.ts";
import type { WireFormat } from "../../shared/wire-format.ts";
import { REPLAY_FRAMINGS, type ReplayFraming } from "../../shared/zmq-wire.ts";
import { CURVE_CLIENT_OPTIONS, CURVE_SERVER_OPTIONS } from "./curve-options.ts";
import type { ReplayEvicted } from "./config.ts";
import type { Defaulted } from "./option-spec.ts";
import { bytes, GIB, integer, KIB, oneOf, seconds, shortText } from "./value-types.ts";
import { zmqEndpoint } from "./zmq-endpoint.ts";

/** Room for any topic that a router would subscribe to, and far below what a frame may be. */
export const MAX_TOPIC_BYTES = 1024;

export const ZMQ_OPTIONS: {
  readonly zmqEndpoint: Defaulted<string | null>;
  readonly zmqTopic: Defaulted<string>;
  readonly zmqQueueBytes: Defaulted<number>;
  readonly wireFormat: Defaulted<WireFormat>;
  readonly waitSubscribers: Defaulted<number>;
  readonly waitSubscribersTimeout: Defaulted<number>;
  readonly replayEndpoint: Defaulted<string | null>;
  readonly replayFraming: Defaulted<ReplayFraming>;
  readonly replayBytes: Defaulted<number>;
  readonly replayBatches: Defaulted<number>;
  readonly replayEvicted: Defaulted<ReplayEvicted>;
} & typeof CURVE_SERVER_OPTIONS &
  typeof CURVE_CLIENT_OPTIONS = {
  zmqEndpoint: {
    name: "zmq-endpoint",
    type: zmqEndpoint,
    env: [{ name: "KVCAST_ZMQ_ENDPOINT" }],
    // This machine only: who can subscribe can read token ids. The port is the one that Dynamo's guides use.
    default: "tcp://127.0.0.1:20081",
    group: "ZMQ",
    help: "Address to bind and publish on; none turns ZMQ off.",
  },
  zmqTopic: {
    name: "zmq-topic",
    type: shortText("T", MAX_TOPIC_BYTES),
    env: [{ name: "KVCAST_ZMQ_TOPIC" }],
    default: "",
    group: "ZMQ",
    help: "First frame of every message, which subscribers match from the left.",
  },
  zmqQueueBytes: {
    name: "zmq-queue-bytes",
    type: bytes(4 * KIB, 64 * GIB),
    env: [{ name: "KVCAST_ZMQ_QUEUE_BYTES" }],
    default: "256MiB", // about a second of a flood, minutes of usual traffic
    group: "ZMQ",
    help: "Most memory that waits for one slow subscriber; the high-water mark in messages follows from it. Beyond it, that subscriber loses messages.",
  },
  wireFormat: {
    name: "wire-format",
    type: oneOf(ENGINE_WIRE_FORMATS),
    env: [{ name: "KVCAST_WIRE_FORMAT" }],
    default: "vllm", // the only one that every reader of maps understands
    group: "ZMQ",
    help: "Dialect of the messages; dynamo and dynamo-2026-01 are byte for byte those of Dynamo's publisher, one event a message.",
  },
  waitSubscribers: {
    name: "wait-subscribers",
    type: integer({ min: 0, max: 65_535, unit: "subscriptions" }),
    env: [{ name: "KVCAST_WAIT_SUBSCRIBERS" }],
    default: "0",
    group: "ZMQ",
    help: "Hold the first event back until so many subscriptions have arrived.",
  },
  waitSubscribersTimeout: {
    name: "wait-subscribers-timeout",
    type: seconds(0, 86_400),
    env: [{ name: "KVCAST_WAIT_SUBSCRIBERS_TIMEOUT" }],
    default: "30",
    group: "ZMQ",
    help: "Go on without them after this time, with a warning.",
  },
  ...CURVE_SERVER_OPTIONS,
  ...CURVE_CLIENT_OPTIONS,
  replayEndpoint: {
    name: "replay-endpoint",
    type: zmqEndpoint,
    env: [{ name: "KVCAST_REPLAY_ENDPOINT" }],
    default: "none",
    group: "Replay",
    help: "Address to bind for subscribers that missed messages and ask for them again; none keeps no messages.",
  },
  replayFraming: {
    name: "replay-framing",
    type: oneOf(REPLAY_FRAMINGS),
    env: [{ name: "KVCAST_REPLAY_FRAMING" }],
    default: "v2", // Dynamo's indexer and the llm-d router accept only this one
    group: "Replay",
    help: "Frames of a replayed message: v2 with the topic, v1 without, as SGLang and vLLM up to 0.25 send them.",
  },
  replayBytes: {
    name: "replay-bytes",
    type: bytes(64 * KIB, 2 * GIB),
    env: [{ name: "KVCAST_REPLAY_BYTES" }],
    default: "64MiB", // an hour of usual traffic, a tenth of a second of a flood
    group: "Replay",
    help: "Most bytes of messages that are kept for replay; the oldest go first.",
  },
  replayBatches: {
    name: "replay-batches",
    type: integer({ min: 1, max: 16_777_216, unit: "messages" }),
    env: [{ name: "KVCAST_REPLAY_BATCHES" }],
    default: "10000",
    group: "Replay",
    help: "Most messages that are kept for replay.",
  },
  replayEvicted: {
    name: "replay-evicted",
    type: oneOf(["suffix", "empty"] as const),
    env: [{ name: "KVCAST_REPLAY_EVICTED" }],
    default: "suffix", // what vLLM does
    group: "Replay",
    help: "Answer to a start that is kept no more: suffix sends what is left, empty sends only the end marker.",
  },
};
