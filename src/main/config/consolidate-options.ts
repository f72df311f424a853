/**
 * The options of `kvcast consolidate`: its own, and those of publishing, which it shares with `serve`. MAIN THREAD, at start
 * only.
 *
 * Variables of Dynamo are honoured as its consolidator reads them: a port of the engine's publisher, ports that follow from the
 * leader's, the mode.
 */
import type { ConsolidateMode, Identity } from "../consolidate/consolidator.ts";
import { PROBE_OPTIONS } from "./probe-options.ts";
import type { Defaulted, OptionSpec, Place, Repeatable } from "./option-spec.ts";
import { SERVE_OPTIONS } from "./options.ts";
import { type SourceEndpoint, sourceEndpoint } from "./source-endpoint.ts";
import { integer, oneOf, onOff, orWord, seconds } from "./value-types.ts";
import { MAX_BLOCK_TOKENS } from "./traffic-options.ts";
import { zmqEndpoint } from "./zmq-endpoint.ts";
import { WIRE_FORMATS, type WireFormat } from "../../shared/wire-format.ts";

const GROUP = "Consolidator";
/** From the port of Dynamo's leader to that of its consolidator. */
const CONSOLIDATOR_PORT_OFFSET = 1000;
const port = integer({ min: 1, max: 65_535, unit: "as a port" });
const leaderPort = integer({ min: 1, max: 65_535 - CONSOLIDATOR_PORT_OFFSET, unit: "as a port" });

const OWN: {
  readonly engineEndpoint: Repeatable<SourceEndpoint>;
  readonly outputEndpoint: Defaulted<string | null>;
  readonly mode: Defaulted<ConsolidateMode>;
  readonly identity: Defaulted<Identity>;
  readonly compat: Defaulted<boolean>;
  readonly drainInterval: Defaulted<number>;
  readonly maxBlocks: Defaulted<number>;
  readonly blockSize: Defaulted<number | null>;
  readonly onGap: Defaulted<"mark" | "clear">;
  readonly wireFormat: OptionSpec<WireFormat>;
} = {
  engineEndpoint: {
    name: "engine-endpoint",
    type: sourceEndpoint,
    repeatable: true,
    env: [
      { name: "KVCAST_ENGINE_ENDPOINT" },
      {
        name: "DYN_KVBM_TRTLLM_ZMQ_PORT",
        note: "a port of this machine",
        translate: (text: string, place: Place): string => `trtllm=tcp://127.0.0.1:${port.parse(text, place)}`,
      },
    ],
    group: GROUP,
    help:
      "What to subscribe to: a publisher of KV events, with trtllm=, vllm= or kvbm= before it for what it is (trtllm if left out). " +
      "?replay=EP names its replay socket, &framing=v1 the older form of it, &curve=KEY the public key of one that demands CURVE. Required.",
  },
  outputEndpoint: {
    name: "output-endpoint",
    type: zmqEndpoint,
    env: [
      { name: "KVCAST_OUTPUT_ENDPOINT" },
      {
        name: "DYN_KVBM_LEADER_ZMQ_PUB_PORT",
        note: `plus ${CONSOLIDATOR_PORT_OFFSET}`,
        translate: (text: string, place: Place): string =>
          `tcp://127.0.0.1:${leaderPort.parse(text, place) + CONSOLIDATOR_PORT_OFFSET}`,
      },
    ],
    // Where Dynamo's workers look for the consolidator.
    default: "tcp://127.0.0.1:57001",
    group: GROUP,
    help: "Address to bind and publish on; none turns ZMQ off.",
  },
  mode: {
    name: "mode",
    type: oneOf(["dedup", "passthrough"] as const),
    env: [
      { name: "KVCAST_MODE" },
      { name: "DYN_KVBM_KV_EVENTS_CONSOLIDATOR_MODE", translate: (text: string): string => text.trim().toLowerCase() },
    ],
    default: "dedup",
    group: GROUP,
    help: "dedup tells of a block once, whoever holds it; passthrough sends every event on, with its tier.",
  },
  identity: {
    name: "identity",
    type: oneOf(["legacy", "lineage"] as const),
    env: [{ name: "KVCAST_IDENTITY" }],
    default: "legacy", // the one that Dynamo deploys
    group: GROUP,
    help: "What a block is called: legacy by the hash of whoever stored it first, lineage by its content and place in the chain.",
  },
  compat: {
    name: "compat",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_COMPAT" }],
    default: "off",
    group: GROUP,
    help: "Dynamo's rules to the letter, with their known defects; see docs/consolidator.md.",
  },
  drainInterval: {
    name: "drain-interval",
    type: seconds(0, 10),
    env: [{ name: "KVCAST_DRAIN_INTERVAL" }],
    default: "0.05", // that of Dynamo
    group: GROUP,
    help: "How long events are gathered before they go out; 0 for not at all.",
  },
  maxBlocks: {
    name: "max-blocks",
    type: integer({ min: 1, max: 100_000_000, unit: "blocks" }),
    env: [{ name: "KVCAST_MAX_BLOCKS" }],
    default: "10000000",
    group: GROUP,
    help: "Most live blocks that are followed; one too many is refused and counted, and nobody is told of it.",
  },
  blockSize: {
    name: "kv-block-size",
    type: orWord(integer({ min: 1, max: MAX_BLOCK_TOKENS, unit: "tokens" }), "any", null),
    env: [{ name: "KVCAST_KV_BLOCK_SIZE" }, { name: "DYN_TRTLLM_KV_BLOCK_SIZE" }],
    default: "any",
    group: GROUP,
    help: "Tokens in a full block; events with another are refused and counted. Needed for NATS, whose messages hash the tokens of each block.",
  },
  onGap: {
    name: "on-gap",
    type: oneOf(["mark", "clear"] as const),
    env: [{ name: "KVCAST_ON_GAP" }],
    default: "mark",
    group: GROUP,
    help: "When messages of a source are lost for good: mark counts them, clear also takes back all that the source holds.",
  },
  wireFormat: {
    name: "wire-format",
    type: oneOf(WIRE_FORMATS),
    env: [{ name: "KVCAST_WIRE_FORMAT" }],
    defaultNote: "consolidator; consolidator-lineage with --identity lineage",
    group: "ZMQ",
    help: "Dialect of the messages; the two of consolidators are those of Dynamo's.",
  },
};

const {
  sink,
  zmqTopic,
  zmqQueueBytes,
  waitSubscribers,
  waitSubscribersTimeout,
  zmqCurveSecretKeyFile,
  zmqCurveAllowFile,
  zmqCurveClientKeyFile,
  replayEndpoint,
  replayFraming,
  replayBytes,
  replayBatches,
  replayEvicted,
  sequenceStart,
  heartbeat,
  redactTokens,
  encoders,
  ringSlots,
  slotBytes,
  systemHost,
  systemPort,
  webConfigFile,
  insecure,
  logLevel,
  logFormat,
  config,
} = SERVE_OPTIONS;
const NATS = Object.fromEntries(
  Object.entries(SERVE_OPTIONS).filter(([, option]) => option.group === "NATS" && option !== sink),
);

export const CONSOLIDATE_OPTIONS: typeof OWN = OWN;

/** In the order of the documentation. The load of a worker is its engine's business, not the consolidator's. */
export const CONSOLIDATE_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  ...Object.values(OWN),
  sink,
  zmqTopic,
  zmqQueueBytes,
  waitSubscribers,
  waitSubscribersTimeout,
  zmqCurveSecretKeyFile,
  zmqCurveAllowFile,
  zmqCurveClientKeyFile,
  replayEndpoint,
  replayFraming,
  replayBytes,
  replayBatches,
  replayEvicted,
  ...Object.values(NATS).filter((option) => option !== SERVE_OPTIONS.load),
  sequenceStart,
  heartbeat,
  redactTokens,
  encoders,
  ringSlots,
  slotBytes,
  systemHost,
  systemPort,
  webConfigFile,
  insecure,
  ...Object.values(PROBE_OPTIONS),
  logLevel,
  logFormat,
  config,
];
