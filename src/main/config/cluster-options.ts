/** How a `kvcast serve` joins a cluster, and the options of `kvcast cluster`. MAIN THREAD, at start only. */
import { isWorkerName, MAX_NAME_CHARS } from "../cluster/answer-note.ts";
import type { LeaderEndpoints } from "../cluster/endpoints.ts";
import { DEFAULT_LEADER_TEXT, leaderAddress, leaderBindAddress } from "./leader-endpoints.ts";
import { type Defaulted, notAllowed, type OptionSpec, type Place, type ValueType } from "./option-spec.ts";
import { fileName, integer, seconds } from "./value-types.ts";

const GROUP = "Cluster";
/** What a leader can tell apart by their names. */
const MAX_WORKERS = 4096;

const workerName: ValueType<string> = {
  placeholder: "NAME",
  takes: `1 to ${MAX_NAME_CHARS} characters without white space`,
  parse(text: string, place: Place): string {
    if (!isWorkerName(text)) throw notAllowed(place, text, workerName.takes);
    return text;
  },
};

/** The same for services and the command: all of a cluster have one key pair. */
const CURVE: OptionSpec<string> = {
  name: "cluster-curve-secret-key-file",
  type: fileName,
  env: [{ name: "KVCAST_CLUSTER_CURVE_SECRET_KEY_FILE" }],
  group: GROUP,
  help:
    "Secret key that all of the cluster share, from kvcast keygen. With it commands and answers are encrypted, and whoever does not " +
    "have it can neither command nor answer; Dynamo's own leaders and workers among them.",
};

const workers = integer({ min: 1, max: MAX_WORKERS, unit: "workers" });

/** Of `serve`. */
export const CLUSTER_OPTIONS: {
  readonly clusterLeader: OptionSpec<LeaderEndpoints>;
  readonly clusterName: OptionSpec<string>;
  readonly clusterSize: OptionSpec<number>;
  readonly clusterTimeout: Defaulted<number>;
  readonly clusterCurveSecretKeyFile: OptionSpec<string>;
} = {
  clusterLeader: {
    name: "cluster-leader",
    type: leaderAddress,
    bare: "default",
    env: [{ name: "KVCAST_CLUSTER_LEADER" }],
    group: GROUP,
    help:
      "Join a cluster, and carry out what kvcast cluster commands at these addresses. default, or the flag alone: " +
      `${DEFAULT_LEADER_TEXT}. docs/cluster.md says what that allows.`,
  },
  clusterName: {
    name: "cluster-name",
    type: workerName,
    env: [{ name: "KVCAST_CLUSTER_NAME" }],
    defaultNote: "HOST:PORT, with the port of --system-port",
    group: GROUP,
    help: "What this worker is called there; each must have another name.",
  },
  clusterSize: {
    name: "cluster-size",
    type: workers,
    env: [{ name: "KVCAST_CLUSTER_SIZE" }],
    group: GROUP,
    help: "Read no engine before so many workers are ready, this one among them. One of them leads meanwhile, and later.",
  },
  clusterTimeout: {
    name: "cluster-timeout",
    type: seconds(0, 604_800),
    env: [{ name: "KVCAST_CLUSTER_TIMEOUT" }, { name: "DYN_KVBM_LEADER_WORKER_INIT_TIMEOUT_SECS" }],
    default: "120", // that of Dynamo's leader
    group: GROUP,
    help: "Go on without the missing ones after this time, with a warning.",
  },
  clusterCurveSecretKeyFile: CURVE,
};

/** Of `kvcast cluster`. */
export const CLUSTER_COMMAND_OPTIONS: {
  readonly leader: Defaulted<LeaderEndpoints>;
  readonly clusterSize: OptionSpec<number>;
  readonly gather: Defaulted<number>;
  readonly timeout: Defaulted<number>;
  readonly clusterCurveSecretKeyFile: OptionSpec<string>;
} = {
  leader: {
    name: "cluster-leader",
    type: leaderBindAddress,
    env: [{ name: "KVCAST_CLUSTER_LEADER" }],
    default: "default",
    group: GROUP,
    help: `The addresses that the workers were given, to be bound for as long as the command takes. default: ${DEFAULT_LEADER_TEXT}.`,
  },
  clusterSize: {
    name: "cluster-size",
    type: workers,
    env: [{ name: "KVCAST_CLUSTER_SIZE" }],
    defaultNote: "what the workers were told, or else all that come",
    group: GROUP,
    help: "How many workers there should be. Fewer are a failure.",
  },
  gather: {
    name: "gather",
    type: seconds(0.1, 600),
    env: [],
    default: "5",
    group: GROUP,
    help:
      "Longest wait for the addresses to be free, and for workers to connect. It ends early when as many have come as there " +
      "should be, or, where nobody knows how many, when no more come.",
  },
  timeout: {
    name: "timeout",
    type: seconds(0.1, 600),
    env: [],
    default: "10",
    group: GROUP,
    help: "Longest wait for their answers.",
  },
  clusterCurveSecretKeyFile: CURVE,
};

/** All of them, in the order of the documentation. */
export const CLUSTER_COMMAND_OPTION_LIST: readonly OptionSpec<unknown>[] = Object.values(CLUSTER_COMMAND_OPTIONS);
