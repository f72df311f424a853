/**
 * The options of `kvcast index`: its own, those of logging in to NATS, and those of the log. MAIN THREAD, at start only.
 */
import { FULL_POLICIES, type FullPolicy } from "../router-index/router-index.ts";
import { CURVE_CLIENT_OPTIONS } from "./curve-options.ts";
import { HTTP_OPTIONS } from "./http-options.ts";
import { bindHost, listenPort } from "./listen-types.ts";
import { NATS_OPTIONS } from "./nats-options.ts";
import type { Defaulted, OptionSpec, Repeatable } from "./option-spec.ts";
import { SERVE_OPTIONS } from "./options.ts";
import { MAX_BLOCK_TOKENS } from "./traffic-options.ts";
import { decimal, integer, oneOf, onOff, orWord, shortText } from "./value-types.ts";
import { type WorkerEndpoint, workerList } from "./worker-list.ts";

const GROUP = "Index";
const ROUTING = "Choice of a worker";
const MAX_NAME_BYTES = 256;

export const INDEX_OPTIONS: {
  readonly workers: Repeatable<readonly WorkerEndpoint[]>;
  readonly blockSize: OptionSpec<number>;
  readonly modelName: Defaulted<string>;
  readonly routingGroup: Defaulted<string>;
  readonly maxBlocks: Defaulted<number>;
  readonly onFull: Defaulted<FullPolicy>;
  readonly nats: Defaulted<boolean>;
  readonly overlapWeight: Defaulted<number>;
  readonly temperature: Defaulted<number>;
  readonly maxActiveBlocks: Defaulted<number | null>;
  readonly host: Defaulted<string>;
  readonly port: Defaulted<number>;
} = {
  workers: {
    name: "workers",
    type: workerList,
    repeatable: true,
    env: [{ name: "KVCAST_WORKERS" }],
    group: GROUP,
    help:
      "Publishers to subscribe to: 1=tcp://host:port is worker 1, 1:2=… its rank 2, which goes for messages that do not say. " +
      "?replay=EP names the replay socket, &framing=v1 the older form of it, &sync=on begins with a snapshot, &curve=KEY is the public key of one that demands CURVE. " +
      "More workers can be registered over HTTP.",
  },
  blockSize: {
    name: "block-size",
    type: integer({ min: 1, max: MAX_BLOCK_TOKENS, unit: "tokens" }),
    env: [{ name: "KVCAST_BLOCK_SIZE" }, { name: "DYN_TRTLLM_KV_BLOCK_SIZE" }],
    group: GROUP,
    help: "Tokens in a full block of the model. Needed for --workers and --nats; workers that are registered say it themselves.",
  },
  modelName: {
    name: "model-name",
    type: shortText("NAME", MAX_NAME_BYTES),
    env: [{ name: "KVCAST_MODEL_NAME" }],
    default: "default",
    group: GROUP,
    help: "The model of --workers and --nats, as queries name it.",
  },
  routingGroup: {
    name: "routing-group",
    type: shortText("NAME", MAX_NAME_BYTES),
    env: [{ name: "KVCAST_ROUTING_GROUP" }],
    default: "default",
    group: GROUP,
    help: "The group of --workers and --nats, and of requests that name none.",
  },
  maxBlocks: {
    name: "max-blocks",
    type: integer({ min: 1, max: 60_000_000, unit: "blocks" }),
    env: [{ name: "KVCAST_MAX_BLOCKS" }],
    default: "10000000",
    group: GROUP,
    help: "Most blocks that are kept for a model, one that two ranks hold counted twice. Each takes some 60 bytes.",
  },
  onFull: {
    name: "on-full",
    type: oneOf(FULL_POLICIES),
    env: [{ name: "KVCAST_ON_FULL" }],
    default: "refuse",
    group: GROUP,
    help: "Beyond --max-blocks: refuse leaves new blocks out, evict gives up others for them that no prompt has passed lately, copies in slower tiers before ends of chains on devices. Both are counted.",
  },
  nats: {
    name: "nats",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_NATS" }],
    default: "off",
    group: GROUP,
    help: "Read the event plane over NATS: the events of all workers of --component, and their load.",
  },
  overlapWeight: {
    name: "overlap-weight",
    type: decimal({ min: 0, max: 1_000_000 }),
    env: [{ name: "KVCAST_OVERLAP_WEIGHT" }],
    default: "1",
    group: ROUTING,
    help: "What a block that must be computed counts, against one that is under way. A request may say otherwise.",
  },
  temperature: {
    name: "temperature",
    type: decimal({ min: 0, max: 1_000_000 }),
    env: [{ name: "KVCAST_TEMPERATURE" }],
    default: "0",
    group: ROUTING,
    help: "0 takes the worker of the lowest cost; more draws one, the more evenly the higher it is. A request may say otherwise.",
  },
  maxActiveBlocks: {
    name: "max-active-blocks",
    type: orWord(integer({ min: 0, max: Number.MAX_SAFE_INTEGER, unit: "blocks" }), "none", null),
    env: [{ name: "KVCAST_MAX_ACTIVE_BLOCKS" }],
    default: "none",
    group: ROUTING,
    help: "A rank with more blocks of requests under way gets nothing. A request may say otherwise.",
  },
  host: {
    name: "host",
    type: bindHost,
    env: [{ name: "KVCAST_HOST" }],
    default: "127.0.0.1",
    group: "HTTP",
    help: "Address to listen on.",
  },
  port: {
    name: "port",
    type: listenPort,
    env: [{ name: "KVCAST_PORT" }],
    default: "8090", // that of Dynamo's indexer
    group: "HTTP",
    help: "Port to listen on.",
  },
};

const { logLevel, logFormat, config } = SERVE_OPTIONS;
/** How to reach NATS; not how to publish there. */
const NATS_LOGIN: readonly OptionSpec<unknown>[] = [
  NATS_OPTIONS.natsUrl,
  {
    ...NATS_OPTIONS.natsJetstream,
    help: "Read the events from this stream, from its beginning, and not as they are published.",
  },
  NATS_OPTIONS.natsUser,
  NATS_OPTIONS.natsPasswordFile,
  NATS_OPTIONS.natsTokenFile,
  NATS_OPTIONS.natsNkeyFile,
  NATS_OPTIONS.natsCredsFile,
  NATS_OPTIONS.natsCaFile,
  NATS_OPTIONS.natsClientCertFile,
  NATS_OPTIONS.natsClientKeyFile,
  NATS_OPTIONS.natsTlsInsecure,
  NATS_OPTIONS.namespace,
  NATS_OPTIONS.component,
];

/** In the order of the documentation. */
export const INDEX_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  ...Object.values(INDEX_OPTIONS),
  CURVE_CLIENT_OPTIONS.zmqCurveClientKeyFile,
  ...Object.values(HTTP_OPTIONS),
  ...NATS_LOGIN,
  logLevel,
  logFormat,
  config,
];
