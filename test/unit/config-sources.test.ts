/**
 * Every option of serve can be set by flag, by each of its variables and by file, and arrives in the configuration.
 * The table below must have a row for each option, or this file does not compile.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import type { LoadedConfig, ServeConfig } from "../../src/main/config/config.ts";
import type { CanaryConfig } from "../../src/main/config/health-config.ts";
import type { NatsConfig } from "../../src/main/config/load-nats.ts";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { newKeyPair } from "../../src/main/curve/key-pair.ts";
import { SERVE_OPTIONS, SERVE_OPTION_LIST } from "../../src/main/config/options.ts";
import type { ServeOptions } from "../../src/main/config/options.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kvcast-sources-"));
after(() => rmSync(folder, { recursive: true }));

interface Row {
  /** What a user writes; a number where YAML would make it one. */
  readonly value: string | number;
  /** What the configuration must hold then. */
  readonly becomes: unknown;
  readonly read: (config: ServeConfig) => unknown;
  /** Other options that this one needs. */
  readonly beside?: Readonly<Record<string, string>>;
  /** By variable, where it is not written like the flag's value. */
  readonly env?: Readonly<Record<string, string>>;
}

const HTTPS = { engine: "https://h:1" };
const TLS = path.join(process.cwd(), "test/fixtures/tls");
const CERT = path.join(TLS, "client.pem");
const KEY = path.join(TLS, "client.key.pem");
const SECRET = path.join(folder, "secret");
const NKEY = path.join(folder, "nkey");
/** Of no server; only its form counts. */
const SEED = `SU${"A".repeat(56)}`;
writeFileSync(SECRET, "s3cret\n");
writeFileSync(NKEY, `${SEED}\n`);
const NATS = { engine: "synthetic:", sink: "nats", "worker-id": "7" };
const JOINED = { engine: "synthetic:", "cluster-leader": "default" };
const CANARY = { engine: "http://h:1", canary: "on" };
const MODEL = path.join(folder, "model");
mkdirSync(MODEL);
writeFileSync(path.join(MODEL, "config.json"), '{"bos_token_id": 11}');
const CURVE_PAIR = newKeyPair();
const CURVE_SECRET = path.join(folder, "curve.secret");
writeFileSync(CURVE_SECRET, CURVE_PAIR.secretKey, { mode: 0o600 });
const CURVE_ALLOW = path.join(folder, "clients");
writeFileSync(CURVE_ALLOW, `# nobody yet\n${CURVE_PAIR.publicKey} me\n`, { mode: 0o644 });
const webConfigFile = path.join(folder, "web.yml");
writeFileSync(webConfigFile, "");
const headers = path.join(folder, "headers");
writeFileSync(headers, "X-Key: v\n");

const http = <T>(read: (engine: ServeConfig["engines"][0] & { readonly kind: "http" }) => T) => {
  return ({ engines: [engine] }: ServeConfig): T | undefined => (engine.kind === "http" ? read(engine) : undefined);
};

const nats = <T>(read: (config: NatsConfig) => T) => {
  return (config: ServeConfig): T | undefined => (config.nats === null ? undefined : read(config.nats));
};

const canary = <T>(read: (config: CanaryConfig) => T) => {
  return ({ engineHealth }: ServeConfig): T | undefined =>
    engineHealth.canary === null ? undefined : read(engineHealth.canary);
};

const ROWS: { readonly [K in Exclude<keyof ServeOptions, "config">]: Row } = {
  engine: { value: "e=http://h:1", becomes: "e", read: (config) => config.engines[0].name, beside: {} },
  iterationStats: { value: "on", becomes: "on", read: (config) => config.iterationStats },
  perfMetrics: { value: "off", becomes: "off", read: (config) => config.perfMetrics },
  model: { value: "m/n", becomes: "m/n", read: (config) => config.worker.model },
  disaggregationMode: {
    value: "pd",
    becomes: "prefill_and_decode",
    read: (config) => config.worker.disaggregationMode,
  },
  backend: { value: "_autodeploy", becomes: "_autodeploy", read: (config) => config.worker.backend },
  modality: { value: "multimodal", becomes: "multimodal", read: (config) => config.worker.modality },
  engineHeaderFile: {
    value: headers,
    becomes: "v",
    read: http((engine) => engine.headers.reveal()["x-key"]),
    beside: HTTPS,
  },
  engineCaFile: {
    value: path.join(TLS, "ca.pem"),
    becomes: true,
    read: http((engine) => Buffer.isBuffer(engine.ca)),
    beside: HTTPS,
  },
  engineClientCertFile: {
    value: CERT,
    becomes: true,
    read: http((engine) => Buffer.isBuffer(engine.clientCert)),
    beside: { ...HTTPS, "engine-client-key-file": KEY },
  },
  engineClientKeyFile: {
    value: KEY,
    becomes: true,
    read: http((engine) => Buffer.isBuffer(engine.clientKey?.reveal())),
    beside: { ...HTTPS, "engine-client-cert-file": CERT },
  },
  engineTimeout: { value: 2.5, becomes: 2500, read: http((engine) => engine.timeoutMs), beside: HTTPS },
  engineMaxResponseBytes: { value: "1MiB", becomes: 1_048_576, read: http((e) => e.maxResponseBytes), beside: HTTPS },
  kvBlockSize: { value: 64, becomes: 64, read: (config) => config.kvBlockSizeTokens },
  attentionDpSize: { value: 4, becomes: 4, read: (config) => config.attentionDpSize },
  mmTokenOffset: { value: 128_256, becomes: 128_256, read: (config) => config.mmTokenOffset },
  pollProfile: { value: "reference", becomes: "reference", read: (config) => config.pollProfile.name },
  engineMetrics: { value: "lines", becomes: "lines", read: (config) => config.engineMetrics?.mode },
  engineMetricsInclude: { value: "*", becomes: [""], read: (config) => config.engineMetrics?.include },
  engineMetricsExclude: { value: "py_", becomes: ["py_"], read: (config) => config.engineMetrics?.exclude },
  engineMetricsLabel: { value: "zone=a=b", becomes: { zone: "a=b" }, read: (config) => config.engineMetrics?.labels },
  engineMetricsTimeout: { value: 0.25, becomes: 250, read: (config) => config.engineMetrics?.timeoutMs },
  engineMetricsMaxBytes: { value: "1MiB", becomes: 1_048_576, read: (config) => config.engineMetrics?.maxBytes },
  engineMetricsMaxAge: { value: 5, becomes: 5000, read: (config) => config.engineMetrics?.maxAgeMs },
  zmqEndpoint: { value: "ipc://x", becomes: "ipc://x", read: (config) => config.zmqEndpoint },
  zmqCurveSecretKeyFile: {
    value: CURVE_SECRET,
    becomes: CURVE_PAIR.publicKey,
    read: (config) => config.zmqCurve?.keys.publicKey,
    beside: { engine: "synthetic:", "zmq-curve-allow-file": "any" },
  },
  zmqCurveAllowFile: {
    value: CURVE_ALLOW,
    becomes: CURVE_ALLOW,
    read: ({ zmqCurve }) => (typeof zmqCurve?.clients === "object" ? zmqCurve.clients.file : undefined),
    beside: { engine: "synthetic:", "zmq-curve-secret-key-file": CURVE_SECRET },
  },
  zmqCurveClientKeyFile: {
    value: CURVE_SECRET,
    becomes: CURVE_PAIR.publicKey,
    read: ({ engines: [engine] }) => (engine.kind === "zmq" ? engine.curve?.publicKey : undefined),
    beside: { engine: `zmq+tcp://h:1?curve=${"ab".repeat(32)}` },
  },
  zmqTopic: { value: "kv", becomes: "kv", read: (config) => config.zmqTopic },
  zmqQueueBytes: { value: 1_000_000, becomes: 1_000_000, read: (config) => config.zmqQueueBytes },
  wireFormat: { value: "dynamo-2026-01", becomes: "dynamo-2026-01", read: (config) => config.wireFormat },
  sink: {
    value: "both",
    becomes: true,
    read: (config) => config.nats?.events,
    beside: { engine: "synthetic:", "worker-id": "7" },
  },
  natsUrl: {
    value: "nats://a:4222, tls://b",
    becomes: ["nats://a:4222", "tls://b:4222"],
    read: nats((config) => config.connection.servers),
    beside: NATS,
  },
  natsEncoding: { value: "raw", becomes: "raw", read: nats((config) => config.encoding), beside: NATS },
  natsJetstream: { value: "KV", becomes: "KV", read: nats((config) => config.jetStream), beside: NATS },
  natsQueueBytes: { value: "2MiB", becomes: 2_097_152, read: nats((config) => config.queueBytes), beside: NATS },
  natsMaxInFlight: { value: 7, becomes: 7, read: nats((config) => config.maxInFlight), beside: NATS },
  natsUser: {
    value: "kv",
    becomes: "kv",
    read: nats((config) => config.connection.auth.reveal().user),
    beside: { ...NATS, "nats-password-file": SECRET },
  },
  natsPasswordFile: {
    value: SECRET,
    becomes: "s3cret",
    read: nats((config) => config.connection.auth.reveal().password),
    beside: { ...NATS, "nats-user": "kv" },
  },
  natsTokenFile: {
    value: SECRET,
    becomes: "s3cret",
    read: nats((config) => config.connection.auth.reveal().token),
    beside: NATS,
  },
  natsNkeyFile: {
    value: NKEY,
    becomes: SEED,
    read: nats((config) => config.connection.auth.reveal().nkeySeed),
    beside: NATS,
  },
  natsCredsFile: {
    value: SECRET,
    becomes: "s3cret",
    read: nats((config) => config.connection.auth.reveal().creds),
    beside: NATS,
  },
  natsCaFile: {
    value: CERT,
    becomes: true,
    read: nats((config) => config.connection.tls?.reveal().ca !== null),
    beside: NATS,
  },
  natsClientCertFile: {
    value: CERT,
    becomes: true,
    read: nats((config) => config.connection.tls?.reveal().cert !== null),
    beside: { ...NATS, "nats-client-key-file": KEY },
  },
  natsClientKeyFile: {
    value: KEY,
    becomes: true,
    read: nats((config) => config.connection.tls?.reveal().key !== null),
    beside: { ...NATS, "nats-client-cert-file": CERT },
  },
  natsTlsInsecure: {
    value: "on",
    becomes: true,
    read: nats((config) => config.connection.tls?.reveal().insecure),
    beside: NATS,
  },
  load: { value: "off", becomes: false, read: nats((config) => config.load), beside: NATS },
  namespace: { value: "prod", becomes: "prod", read: nats((config) => config.place.namespace), beside: NATS },
  component: { value: "decode", becomes: "decode", read: nats((config) => config.place.component), beside: NATS },
  endpointName: { value: "embed", becomes: "embed", read: nats((config) => config.place.endpoint), beside: NATS },
  workerId: {
    value: "18446744073709551615",
    becomes: 2n ** 64n - 1n,
    read: nats((config) => config.place.workerId),
    beside: { engine: "synthetic:", sink: "both" },
  },
  waitSubscribers: { value: 2, becomes: 2, read: (config) => config.waitSubscribers },
  waitSubscribersTimeout: { value: 5, becomes: 5000, read: (config) => config.waitSubscribersTimeoutMs },
  replayEndpoint: { value: "ipc://r", becomes: "ipc://r", read: (config) => config.replayEndpoint },
  replayFraming: { value: "v1", becomes: "v1", read: (config) => config.replayFraming },
  replayBytes: { value: "1MiB", becomes: 1_048_576, read: (config) => config.replayBytes },
  replayBatches: { value: 500, becomes: 500, read: (config) => config.replayBatches },
  replayEvicted: { value: "empty", becomes: "empty", read: (config) => config.replayEvicted },
  sequenceStart: { value: "time", becomes: "time", read: (config) => config.sequenceStart },
  clearOnStart: { value: "off", becomes: false, read: (config) => config.clearOnStart },
  onEngineGap: { value: "clear", becomes: "clear", read: (config) => config.onEngineGap },
  publishTierMoves: { value: "on", becomes: true, read: (config) => config.publishTierMoves },
  heartbeat: { value: 2.5, becomes: 2500, read: (config) => config.heartbeatMs },
  snapshot: { value: "on", becomes: true, read: (config) => config.snapshot },
  snapshotMaxBlocks: { value: 5000, becomes: 5000, read: (config) => config.snapshotMaxBlocks },
  redactTokens: { value: "zmq", becomes: true, read: (config) => config.redactTokens },
  snapshotTokens: { value: "off", becomes: false, read: (config) => config.snapshotTokens },
  stateDir: {
    value: folder,
    becomes: folder,
    read: (config) => config.stateDir,
    beside: { engine: "synthetic:", snapshot: "on" },
  },
  encoders: { value: 2, becomes: 2, read: (config) => config.encoders },
  ringSlots: { value: 8, becomes: 8, read: (config) => config.ringSlots },
  slotBytes: { value: 50_000, becomes: 50_048, read: (config) => config.slotBytes },
  systemHost: { value: "0.0.0.0", becomes: "0.0.0.0", read: (config) => config.systemHost },
  systemPort: { value: -1, becomes: null, read: (config) => config.systemPort },
  clusterLeader: {
    value: "tcp://h:5,ipc://x",
    becomes: { pub: "tcp://h:5", ack: "ipc://x" },
    read: (config) => config.cluster?.leader,
  },
  clusterName: { value: "w", becomes: "w", read: (config) => config.cluster?.name, beside: JOINED },
  clusterSize: { value: 3, becomes: 3, read: (config) => config.cluster?.size, beside: JOINED },
  clusterCurveSecretKeyFile: {
    value: CURVE_SECRET,
    becomes: CURVE_PAIR.publicKey,
    read: (config) => config.cluster?.curve?.publicKey,
    beside: JOINED,
  },
  clusterTimeout: { value: 1.5, becomes: 1500, read: (config) => config.cluster?.timeoutMs, beside: JOINED },
  healthPath: { value: "/healthz", becomes: "/healthz", read: (config) => config.probes.healthPath },
  livePath: { value: "/livez", becomes: "/livez", read: (config) => config.probes.livePath },
  readyPath: { value: "/readyz", becomes: "/readyz", read: (config) => config.probes.readyPath },
  liveMode: { value: "reference", becomes: true, read: (config) => config.probes.isLiveHealth },
  startingHealthStatus: { value: "ready", becomes: true, read: (config) => config.probes.isReadyAtStart },
  useEndpointHealthStatus: {
    value: '["generate"]',
    becomes: ["generate"],
    read: (config) => config.probes.endpoints,
  },
  engineHealthInterval: { value: 0.5, becomes: 500, read: (config) => config.engineHealth.intervalMs },
  engineHealthTimeout: { value: 0.25, becomes: 250, read: (config) => config.engineHealth.timeoutMs },
  engineHealthFailures: { value: 7, becomes: 7, read: (config) => config.engineHealth.patience.failures },
  engineHealthSuccesses: { value: 8, becomes: 8, read: (config) => config.engineHealth.patience.passes },
  engineHealthShutdownTimeout: { value: 3, becomes: 3000, read: (config) => config.engineHealth.shutdownTimeoutMs },
  engineStallAfter: { value: 9, becomes: 9000, read: (config) => config.engineHealth.stallAfterMs },
  quietAfter: { value: "off", becomes: null, read: (config) => config.engineHealth.quietAfterMs },
  onEngineDeath: { value: "exit", becomes: true, read: (config) => config.engineHealth.exitsOnDeath },
  canary: {
    value: "on",
    becomes: true,
    read: (config) => config.engineHealth.canary !== null,
    env: { DYN_HEALTH_CHECK_ENABLED: "TRUE" },
  },
  canaryWaitTime: { value: 4, becomes: 4000, read: canary((config) => config.waitMs), beside: CANARY },
  canaryTimeout: { value: 2.5, becomes: 2500, read: canary((config) => config.timeoutMs), beside: CANARY },
  canaryFailures: { value: 5, becomes: 5, read: canary((config) => config.patience.failures), beside: CANARY },
  canarySuccesses: { value: 6, becomes: 6, read: canary((config) => config.patience.passes), beside: CANARY },
  canaryPayload: {
    value: '{"token_ids":[9]}',
    becomes: { token_ids: [9] },
    read: canary((config) => config.payload),
    beside: CANARY,
  },
  canaryForm: { value: "2026-01", becomes: "2026-01", read: canary((config) => config.form), beside: CANARY },
  modelPath: { value: MODEL, becomes: 11, read: canary((config) => config.bosTokenId), beside: CANARY },
  bosTokenId: { value: 0, becomes: 0, read: canary((config) => config.bosTokenId), beside: CANARY },
  logLevel: { value: "debug", becomes: "debug", read: (config) => config.logLevel },
  insecure: { value: "on", becomes: true, read: (config) => config.insecure },
  webConfigFile: { value: webConfigFile, becomes: webConfigFile, read: (config) => config.webConfigFile },
  livePage: { value: "on", becomes: "on", read: (config) => config.livePage },
  liveAllowedHosts: { value: "KV.example.", becomes: ["kv.example"], read: (config) => config.liveAllowedHosts },
  logFormat: {
    value: "json",
    becomes: "json",
    read: (config) => config.logFormat,
    env: { DYN_LOGGING_CONSOLE_FORMAT: "jsonl", DYN_LOGGING_JSONL: "1" },
  },
};

/** The names are a promise: this list only grows. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  engine: ["KVCAST_ENGINE"],
  "engine-header-file": ["KVCAST_ENGINE_HEADER_FILE"],
  "engine-ca-file": ["KVCAST_ENGINE_CA_FILE"],
  "engine-client-cert-file": ["KVCAST_ENGINE_CLIENT_CERT_FILE"],
  "engine-client-key-file": ["KVCAST_ENGINE_CLIENT_KEY_FILE"],
  "engine-timeout": ["KVCAST_ENGINE_TIMEOUT"],
  "engine-max-response-bytes": ["KVCAST_ENGINE_MAX_RESPONSE_BYTES"],
  "kv-block-size": ["KVCAST_KV_BLOCK_SIZE", "DYN_TRTLLM_KV_BLOCK_SIZE"],
  "attention-dp-size": ["KVCAST_ATTENTION_DP_SIZE"],
  "mm-token-offset": ["KVCAST_MM_TOKEN_OFFSET"],
  "iteration-stats": ["KVCAST_ITERATION_STATS"],
  "perf-metrics": ["KVCAST_PERF_METRICS"],
  model: ["KVCAST_MODEL"],
  "disaggregation-mode": ["KVCAST_DISAGGREGATION_MODE"],
  backend: ["KVCAST_BACKEND"],
  modality: ["KVCAST_MODALITY"],
  "poll-profile": ["KVCAST_POLL_PROFILE"],
  "engine-metrics": ["KVCAST_ENGINE_METRICS"],
  "engine-metrics-include": ["KVCAST_ENGINE_METRICS_INCLUDE"],
  "engine-metrics-exclude": ["KVCAST_ENGINE_METRICS_EXCLUDE"],
  "engine-metrics-label": ["KVCAST_ENGINE_METRICS_LABEL"],
  "engine-metrics-timeout": ["KVCAST_ENGINE_METRICS_TIMEOUT"],
  "engine-metrics-max-bytes": ["KVCAST_ENGINE_METRICS_MAX_BYTES"],
  "engine-metrics-max-age": ["KVCAST_ENGINE_METRICS_MAX_AGE"],
  "zmq-endpoint": ["KVCAST_ZMQ_ENDPOINT"],
  "zmq-topic": ["KVCAST_ZMQ_TOPIC"],
  "zmq-queue-bytes": ["KVCAST_ZMQ_QUEUE_BYTES"],
  "wire-format": ["KVCAST_WIRE_FORMAT"],
  "wait-subscribers": ["KVCAST_WAIT_SUBSCRIBERS"],
  "wait-subscribers-timeout": ["KVCAST_WAIT_SUBSCRIBERS_TIMEOUT"],
  sink: ["KVCAST_SINK"],
  "nats-url": ["KVCAST_NATS_URL", "NATS_SERVER"],
  "nats-encoding": ["KVCAST_NATS_ENCODING"],
  "nats-jetstream": ["KVCAST_NATS_JETSTREAM"],
  "nats-queue-bytes": ["KVCAST_NATS_QUEUE_BYTES"],
  "nats-max-in-flight": ["KVCAST_NATS_MAX_IN_FLIGHT"],
  "nats-user": ["KVCAST_NATS_USER", "NATS_AUTH_USERNAME"],
  "nats-password-file": ["KVCAST_NATS_PASSWORD_FILE"],
  "nats-token-file": ["KVCAST_NATS_TOKEN_FILE"],
  "nats-nkey-file": ["KVCAST_NATS_NKEY_FILE"],
  "nats-creds-file": ["KVCAST_NATS_CREDS_FILE", "NATS_AUTH_CREDENTIALS_FILE"],
  "nats-ca-file": ["KVCAST_NATS_CA_FILE", "NATS_TLS_CA_CERT_PATH"],
  "nats-client-cert-file": ["KVCAST_NATS_CLIENT_CERT_FILE"],
  "nats-client-key-file": ["KVCAST_NATS_CLIENT_KEY_FILE"],
  "nats-tls-insecure": ["KVCAST_NATS_TLS_INSECURE", "NATS_TLS_INSECURE"],
  load: ["KVCAST_LOAD"],
  namespace: ["KVCAST_NAMESPACE", "DYN_NAMESPACE"],
  component: ["KVCAST_COMPONENT"],
  "endpoint-name": ["KVCAST_ENDPOINT_NAME"],
  "worker-id": ["KVCAST_WORKER_ID"],
  "replay-endpoint": ["KVCAST_REPLAY_ENDPOINT"],
  "replay-framing": ["KVCAST_REPLAY_FRAMING"],
  "replay-bytes": ["KVCAST_REPLAY_BYTES"],
  "replay-batches": ["KVCAST_REPLAY_BATCHES"],
  "replay-evicted": ["KVCAST_REPLAY_EVICTED"],
  "sequence-start": ["KVCAST_SEQUENCE_START"],
  "clear-on-start": ["KVCAST_CLEAR_ON_START"],
  "on-engine-gap": ["KVCAST_ON_ENGINE_GAP"],
  "publish-tier-moves": ["KVCAST_PUBLISH_TIER_MOVES"],
  heartbeat: ["KVCAST_HEARTBEAT"],
  "redact-tokens": ["KVCAST_REDACT_TOKENS"],
  snapshot: ["KVCAST_SNAPSHOT"],
  "snapshot-max-blocks": ["KVCAST_SNAPSHOT_MAX_BLOCKS"],
  "snapshot-tokens": ["KVCAST_SNAPSHOT_TOKENS"],
  "state-dir": ["KVCAST_STATE_DIR"],
  encoders: ["KVCAST_ENCODERS"],
  "ring-slots": ["KVCAST_RING_SLOTS"],
  "slot-bytes": ["KVCAST_SLOT_BYTES"],
  "system-host": ["DYN_SYSTEM_HOST"],
  "system-port": ["DYN_SYSTEM_PORT"],
  "cluster-leader": ["KVCAST_CLUSTER_LEADER"],
  "cluster-name": ["KVCAST_CLUSTER_NAME"],
  "cluster-size": ["KVCAST_CLUSTER_SIZE"],
  "cluster-curve-secret-key-file": ["KVCAST_CLUSTER_CURVE_SECRET_KEY_FILE"],
  "zmq-curve-secret-key-file": ["KVCAST_ZMQ_CURVE_SECRET_KEY_FILE"],
  "zmq-curve-allow-file": ["KVCAST_ZMQ_CURVE_ALLOW_FILE"],
  "zmq-curve-client-key-file": ["KVCAST_ZMQ_CURVE_CLIENT_KEY_FILE"],
  "cluster-timeout": ["KVCAST_CLUSTER_TIMEOUT", "DYN_KVBM_LEADER_WORKER_INIT_TIMEOUT_SECS"],
  "health-path": ["DYN_SYSTEM_HEALTH_PATH"],
  "live-path": ["DYN_SYSTEM_LIVE_PATH"],
  "ready-path": ["KVCAST_READY_PATH"],
  "live-mode": ["KVCAST_LIVE_MODE"],
  "starting-health-status": ["DYN_SYSTEM_STARTING_HEALTH_STATUS"],
  "use-endpoint-health-status": ["DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS"],
  "engine-health-interval": ["DYN_ENGINE_HEALTH_CHECK_INTERVAL"],
  "engine-health-timeout": ["DYN_ENGINE_HEALTH_CHECK_TIMEOUT"],
  "engine-health-failures": ["KVCAST_ENGINE_HEALTH_FAILURES"],
  "engine-health-successes": ["KVCAST_ENGINE_HEALTH_SUCCESSES"],
  "engine-health-shutdown-timeout": ["DYN_ENGINE_HEALTH_SHUTDOWN_TIMEOUT"],
  "engine-stall-after": ["KVCAST_ENGINE_STALL_AFTER"],
  "quiet-after": ["KVCAST_QUIET_AFTER"],
  "on-engine-death": ["KVCAST_ON_ENGINE_DEATH"],
  canary: ["DYN_HEALTH_CHECK_ENABLED"],
  "canary-wait-time": ["DYN_CANARY_WAIT_TIME"],
  "canary-timeout": ["DYN_HEALTH_CHECK_REQUEST_TIMEOUT"],
  "canary-failures": ["KVCAST_CANARY_FAILURES"],
  "canary-successes": ["KVCAST_CANARY_SUCCESSES"],
  "canary-payload": ["DYN_HEALTH_CHECK_PAYLOAD"],
  "canary-form": ["KVCAST_CANARY_FORM"],
  "model-path": ["KVCAST_MODEL_PATH"],
  "bos-token-id": ["KVCAST_BOS_TOKEN_ID"],
  "log-level": ["DYN_LOG"],
  insecure: ["KVCAST_INSECURE"],
  "web-config-file": ["KVCAST_WEB_CONFIG_FILE"],
  "live-page": ["KVCAST_LIVE_PAGE"],
  "live-allowed-hosts": ["KVCAST_LIVE_ALLOWED_HOSTS"],
  "log-format": ["DYN_LOGGING_CONSOLE_FORMAT", "DYN_LOGGING_JSONL"],
  config: ["KVCAST_CONFIG"],
};

test("flags and variables have the names that were promised", () => {
  const names = SERVE_OPTION_LIST.map((option) => [option.name, option.env.map((variable) => variable.name)]);
  assert.deepEqual(Object.fromEntries(names), VARIABLES);
});

for (const [key, row] of Object.entries(ROWS)) {
  const option = Object.entries(SERVE_OPTIONS).find(([name]) => name === key)?.[1];
  assert.ok(option !== undefined);
  const beside = row.beside ?? { engine: "synthetic:" };
  const flags = new Map(Object.entries(beside).map(([name, value]) => [name, [value]]));

  const check = (loaded: LoadedConfig, origin: string): void => {
    assert.deepEqual(row.read(loaded.config), row.becomes);
    assert.equal(loaded.origins.get(option.name), origin);
  };

  test(`--${option.name} by flag`, async () => {
    check(await loadServeConfig(new Map([...flags, [option.name, [String(row.value)]]]), {}), "flag");
  });

  for (const { name } of option.env) {
    test(`--${option.name} by ${name}`, async () => {
      check(await loadServeConfig(flags, { [name]: row.env?.[name] ?? String(row.value) }), "env");
    });
  }

  for (const [format, write] of [
    ["YAML", stringify],
    ["JSON", JSON.stringify],
  ] as const) {
    test(`--${option.name} by a ${format} file`, async () => {
      const file = path.join(folder, "kvcast.yaml");
      writeFileSync(file, write({ [option.name]: row.value }));
      const loaded = await loadServeConfig(flags, { KVCAST_CONFIG: file });
      check(loaded, "file");
      assert.equal(loaded.origins.get("config"), "env");
      // A flag for the file goes before the variable.
      const again = await loadServeConfig(new Map([...flags, ["config", [file]]]), { KVCAST_CONFIG: "/absent" });
      check(again, "file");
      assert.equal(again.origins.get("config"), "flag");
    });
  }
}
