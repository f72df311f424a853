/**
 * Options of the NATS sink: where the server is, how to log in, under which subjects to publish. MAIN THREAD, at start only.
 * The names of variables are those that Dynamo's runtime knows, so that a worker's environment fits as it is.
 */
import { NATS_ENCODINGS, type NatsEncoding } from "../../shared/nats-messages.ts";
import { natsServers } from "./nats-url.ts";
import type { Defaulted, OptionSpec } from "./option-spec.ts";
import { bytes, fileName, GIB, integer, MIB, oneOf, onOff } from "./value-types.ts";
import { plainName, streamName, subjectPart, u64 } from "./plane-types.ts";

export type SinkChoice = "zmq" | "nats" | "both";

export const NATS_OPTIONS: {
  readonly sink: Defaulted<SinkChoice>;
  readonly natsUrl: Defaulted<readonly string[]>;
  readonly natsEncoding: Defaulted<NatsEncoding>;
  readonly natsJetstream: OptionSpec<string>;
  readonly natsQueueBytes: Defaulted<number>;
  readonly natsMaxInFlight: Defaulted<number>;
  readonly natsUser: OptionSpec<string>;
  readonly natsPasswordFile: OptionSpec<string>;
  readonly natsTokenFile: OptionSpec<string>;
  readonly natsNkeyFile: OptionSpec<string>;
  readonly natsCredsFile: OptionSpec<string>;
  readonly natsCaFile: OptionSpec<string>;
  readonly natsClientCertFile: OptionSpec<string>;
  readonly natsClientKeyFile: OptionSpec<string>;
  readonly natsTlsInsecure: Defaulted<boolean>;
  readonly load: OptionSpec<boolean>;
  readonly namespace: Defaulted<string>;
  readonly component: Defaulted<string>;
  readonly endpointName: Defaulted<string>;
  readonly workerId: OptionSpec<bigint>;
} = {
  sink: {
    name: "sink",
    type: oneOf(["zmq", "nats", "both"] as const),
    env: [{ name: "KVCAST_SINK" }],
    default: "zmq",
    group: "NATS",
    help: "Where events go. Each sink has a queue of its own; one that is slow or away does not hold up the other.",
  },
  natsUrl: {
    name: "nats-url",
    type: natsServers,
    env: [{ name: "KVCAST_NATS_URL" }, { name: "NATS_SERVER" }],
    default: "nats://localhost:4222",
    group: "NATS",
    help: "Server, or several of one cluster with commas between them: nats://host:port, or tls://host:port.",
  },
  natsEncoding: {
    name: "nats-encoding",
    type: oneOf(NATS_ENCODINGS),
    env: [{ name: "KVCAST_NATS_ENCODING" }],
    default: "dynamo",
    group: "NATS",
    help: "dynamo: the event plane of Dynamo 1.3 and newer, for its routers. raw: the payload of the ZMQ message, as --wire-format says.",
  },
  natsJetstream: {
    name: "nats-jetstream",
    type: streamName,
    env: [{ name: "KVCAST_NATS_JETSTREAM" }],
    group: "NATS",
    help: "Publish into this stream, and send again until it is acknowledged; made if it is not there. Without it, a message reaches those who listen, or nobody.",
  },
  natsQueueBytes: {
    name: "nats-queue-bytes",
    type: bytes(1 * MIB, 64 * GIB),
    env: [{ name: "KVCAST_NATS_QUEUE_BYTES" }],
    default: "64MiB",
    group: "NATS",
    help: "Most memory for messages that wait or are not confirmed yet; beyond it events are dropped for NATS, and counted.",
  },
  natsMaxInFlight: {
    name: "nats-max-in-flight",
    type: integer({ min: 1, max: 65_536, unit: "messages" }),
    env: [{ name: "KVCAST_NATS_MAX_IN_FLIGHT" }],
    default: "256",
    group: "NATS",
    help: "Most messages that are sent and not confirmed yet.",
  },
  natsUser: {
    name: "nats-user",
    type: plainName,
    env: [{ name: "KVCAST_NATS_USER" }, { name: "NATS_AUTH_USERNAME" }],
    group: "NATS",
    help: "User name. Goes with --nats-password-file, or with NATS_AUTH_PASSWORD.",
  },
  natsPasswordFile: {
    name: "nats-password-file",
    type: fileName,
    env: [{ name: "KVCAST_NATS_PASSWORD_FILE" }],
    group: "NATS",
    help: "File with the password of that user.",
  },
  natsTokenFile: {
    name: "nats-token-file",
    type: fileName,
    env: [{ name: "KVCAST_NATS_TOKEN_FILE" }],
    group: "NATS",
    help: "File with a token to log in with. Or NATS_AUTH_TOKEN, the token itself.",
  },
  natsNkeyFile: {
    name: "nats-nkey-file",
    type: fileName,
    env: [{ name: "KVCAST_NATS_NKEY_FILE" }],
    group: "NATS",
    help: "File with the seed of an nkey, SU…, to log in with. Or NATS_AUTH_NKEY, the seed itself.",
  },
  natsCredsFile: {
    name: "nats-creds-file",
    type: fileName,
    env: [{ name: "KVCAST_NATS_CREDS_FILE" }, { name: "NATS_AUTH_CREDENTIALS_FILE" }],
    group: "NATS",
    help: "Credentials file (JWT and seed) to log in with.",
  },
  natsCaFile: {
    name: "nats-ca-file",
    type: fileName,
    env: [{ name: "KVCAST_NATS_CA_FILE" }, { name: "NATS_TLS_CA_CERT_PATH" }],
    group: "NATS",
    help: "PEM certificates that the server's certificate is checked against, in place of the system's. Makes TLS a must.",
  },
  natsClientCertFile: {
    name: "nats-client-cert-file",
    type: fileName,
    env: [{ name: "KVCAST_NATS_CLIENT_CERT_FILE" }],
    group: "NATS",
    help: "PEM certificate that kvcast shows to the server. Goes with --nats-client-key-file.",
  },
  natsClientKeyFile: {
    name: "nats-client-key-file",
    type: fileName,
    env: [{ name: "KVCAST_NATS_CLIENT_KEY_FILE" }],
    group: "NATS",
    help: "PEM private key of that certificate, without a passphrase.",
  },
  natsTlsInsecure: {
    name: "nats-tls-insecure",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_NATS_TLS_INSECURE" }, { name: "NATS_TLS_INSECURE" }],
    default: "off",
    group: "NATS",
    help: "Take any certificate of the server. For tests.",
  },
  load: {
    name: "load",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_LOAD" }],
    defaultNote: "on with --sink nats or both, else off",
    group: "NATS",
    help: "Publish the worker's load to NATS, for routers and planners. Reads the engine's iteration statistics (GET /metrics), which nobody else may read then.",
  },
  namespace: {
    name: "namespace",
    type: subjectPart,
    env: [{ name: "KVCAST_NAMESPACE" }, { name: "DYN_NAMESPACE" }],
    default: "dynamo",
    group: "NATS",
    help: "Namespace of the worker: a part of subjects.",
  },
  component: {
    name: "component",
    type: subjectPart,
    env: [{ name: "KVCAST_COMPONENT" }],
    default: "backend",
    group: "NATS",
    help: "Component of the worker: a part of subjects.",
  },
  endpointName: {
    name: "endpoint-name",
    type: subjectPart,
    env: [{ name: "KVCAST_ENDPOINT_NAME" }],
    default: "generate",
    group: "NATS",
    help: "Endpoint of the worker: a part of subjects.",
  },
  workerId: {
    name: "worker-id",
    type: u64,
    env: [{ name: "KVCAST_WORKER_ID" }],
    group: "NATS",
    help: "Number by which routers know the worker, a decimal u64. Must be its instance id where events go to Dynamo. Required for NATS.",
  },
};
