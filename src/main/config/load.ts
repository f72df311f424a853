/**
 * Makes the configuration of `kvcast serve` from flags, environment and file. MAIN THREAD, once, at start.
 *
 * What a single option takes is in its table; here is what only shows when options are seen together.
 */
import { natsSlotReserveBytes } from "../../shared/nats-limits.ts";
import { isSingleEvent } from "../../shared/wire-format.ts";
import type { LoadedConfig, ServeConfig } from "./config.ts";
import { loadEngines } from "./load-engines.ts";
import { refused } from "./option-spec.ts";
import type { Environment, Flags } from "./option-spec.ts";
import { SERVE_OPTIONS as OPTIONS, SERVE_OPTION_LIST } from "./options.ts";
import { Resolver } from "./resolve.ts";
import type { FileEntries } from "./resolve.ts";
import { loadNatsConfig } from "./load-nats.ts";
import { nearest } from "./suggest.ts";
import { sizeText } from "./value-types.ts";
import { isLocalEndpoint, isLoopbackHost } from "./zmq-endpoint.ts";

/** More than this is a typing mistake, and would fail later with a worse message. */
const MAX_RING_BYTES = 1024 ** 3;
const PREFIX = "KVCAST_";

/**
 * The frozen configuration. Throws ConfigError for any value that is not allowed, alone or beside the others, and
 * MissingOptionError when no engine is named.
 */
export async function loadServeConfig(flags: Flags, env: Environment): Promise<LoadedConfig> {
  const warnings = misspeltVariables(env);
  const resolver = new Resolver({ flags, env, file: await fileEntries(flags, env) });
  resolver.find(OPTIONS.config); // for its origin
  const targets = resolver.requireAll(OPTIONS.engine);
  const values = {
    kvBlockSizeTokens: resolver.pick(OPTIONS.kvBlockSize),
    attentionDpSize: resolver.pick(OPTIONS.attentionDpSize),
    mmTokenOffset: resolver.pick(OPTIONS.mmTokenOffset),
    zmqEndpoint: resolver.pick(OPTIONS.sink) === "nats" ? null : resolver.pick(OPTIONS.zmqEndpoint),
    zmqTopic: resolver.pick(OPTIONS.zmqTopic),
    zmqQueueBytes: resolver.pick(OPTIONS.zmqQueueBytes),
    wireFormat: resolver.pick(OPTIONS.wireFormat),
    waitSubscribers: resolver.pick(OPTIONS.waitSubscribers),
    waitSubscribersTimeoutMs: resolver.pick(OPTIONS.waitSubscribersTimeout),
    replayEndpoint: resolver.pick(OPTIONS.replayEndpoint),
    replayFraming: resolver.pick(OPTIONS.replayFraming),
    replayBytes: resolver.pick(OPTIONS.replayBytes),
    replayBatches: resolver.pick(OPTIONS.replayBatches),
    replayEvicted: resolver.pick(OPTIONS.replayEvicted),
    sequenceStart: resolver.pick(OPTIONS.sequenceStart),
    clearOnStart: resolver.find(OPTIONS.clearOnStart) ?? !isSingleEvent(resolver.pick(OPTIONS.wireFormat)),
    onEngineGap: resolver.pick(OPTIONS.onEngineGap),
    heartbeatMs: resolver.pick(OPTIONS.heartbeat),
    snapshot: resolver.pick(OPTIONS.snapshot),
    snapshotMaxBlocks: resolver.pick(OPTIONS.snapshotMaxBlocks),
    snapshotTokens: resolver.pick(OPTIONS.snapshotTokens),
    stateDir: resolver.find(OPTIONS.stateDir) ?? null,
    systemHost: resolver.pick(OPTIONS.systemHost),
    systemPort: resolver.pick(OPTIONS.systemPort),
    encoders: resolver.pick(OPTIONS.encoders),
    ringSlots: resolver.pick(OPTIONS.ringSlots),
    slotBytes: resolver.pick(OPTIONS.slotBytes),
    pollProfile: resolver.pick(OPTIONS.pollProfile),
    logLevel: resolver.pick(OPTIONS.logLevel),
    logFormat: resolver.pick(OPTIONS.logFormat),
  };
  const { engines, rereadCredentials } = await loadEngines(targets, values, resolver, warnings);
  const nats = await loadNatsConfig(resolver, env, warnings);
  const config: ServeConfig = Object.freeze({ engines, ...values, nats });
  checkTogether(config, resolver, warnings);
  return Object.freeze({ config, origins: resolver.origins, warnings: Object.freeze(warnings), rereadCredentials });
}

async function fileEntries(flags: Flags, env: Environment): Promise<FileEntries> {
  const resolver = new Resolver({ flags, env, file: new Map() });
  const file = resolver.find(OPTIONS.config);
  if (file === undefined) return new Map();
  const { readConfigFile } = await import("./config-file.ts");
  const allowed = SERVE_OPTION_LIST.filter((option) => option.name !== OPTIONS.config.name);
  return readConfigFile(file, resolver.placeOf(OPTIONS.config), allowed);
}

function checkTogether(config: ServeConfig, resolver: Resolver, warnings: string[]): void {
  const { zmqEndpoint, zmqQueueBytes, slotBytes, ringSlots } = config;
  if (ringSlots * slotBytes > MAX_RING_BYTES) {
    throw refused(
      resolver.placeOf(OPTIONS.ringSlots),
      `${ringSlots} slots of ${sizeText(slotBytes)} (--slot-bytes) are more than ${sizeText(MAX_RING_BYTES)} together`,
    );
  }
  const natsBytes = natsSlotReserveBytes(slotBytes);
  if (config.nats?.events === true && config.nats.queueBytes < natsBytes) {
    throw refused(
      resolver.placeOf(OPTIONS.natsQueueBytes),
      `${sizeText(config.nats.queueBytes)} cannot hold the messages of one slot of ${sizeText(slotBytes)} (--slot-bytes); ` +
        `give at least ${sizeText(natsBytes)}`,
    );
  }
  if (config.nats?.events === true && config.waitSubscribers > 0) {
    warnings.push(
      `${resolver.placeOf(OPTIONS.waitSubscribers).label} holds back NATS too: no event goes anywhere before they are there`,
    );
  }
  for (const [option, bytes] of [
    [OPTIONS.zmqQueueBytes, zmqQueueBytes],
    [OPTIONS.replayBytes, config.replayBytes],
  ] as const) {
    if (bytes >= slotBytes) continue;
    throw refused(
      resolver.placeOf(option),
      `${sizeText(bytes)} cannot hold one message of ${sizeText(slotBytes)} (--slot-bytes); give at least that`,
    );
  }
  if (config.stateDir !== null && !config.snapshot) {
    throw refused(resolver.placeOf(OPTIONS.stateDir), "the index that it keeps is off; add --snapshot");
  }
  if (zmqEndpoint === null && config.replayEndpoint !== null) {
    throw refused(
      resolver.placeOf(OPTIONS.replayEndpoint),
      "nothing is published over ZMQ (--sink, --zmq-endpoint) that could be sent again",
    );
  }
  if (zmqEndpoint === null) {
    if (config.waitSubscribers > 0) {
      throw refused(
        resolver.placeOf(OPTIONS.waitSubscribers),
        "nothing is published over ZMQ (--sink, --zmq-endpoint) that could be subscribed to",
      );
    }
    if (config.nats?.events !== true) {
      warnings.push("--zmq-endpoint is none and there is no other sink: events are read and counted, and go nowhere");
    }
  }
  for (const [option, endpoint] of [
    [OPTIONS.replayEndpoint, config.replayEndpoint],
    [OPTIONS.zmqEndpoint, zmqEndpoint],
  ] as const) {
    if (endpoint === null || isLocalEndpoint(endpoint)) continue;
    warnings.push(
      `${resolver.placeOf(option).label}: ${endpoint} can be reached from other machines; ` +
        "whoever connects there reads token ids, which are people's prompts",
    );
  }
  if (config.snapshot && config.systemPort !== null && !isLoopbackHost(config.systemHost)) {
    const what = config.snapshotTokens ? "token ids, which are people's prompts" : "block hashes and cache salts";
    warnings.push(
      `${resolver.placeOf(OPTIONS.systemHost).label}: ${config.systemHost} can be reached from other machines; ` +
        `whoever asks there for /v1/kv/snapshot reads ${what}; let only trusted ones reach the port, or leave out --snapshot`,
    );
  }
}

/**
 * Warns of variables that look like one of ours but are not. Only near misses: a Kubernetes service of the name kvcast
 * puts a dozen variables of its own into every pod.
 */
function misspeltVariables(env: Environment): string[] {
  const names = SERVE_OPTION_LIST.flatMap((option) => option.env.map((variable) => variable.name));
  // The prefix is left out of the comparison: beside it every short word would look like every other.
  const known = names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  const warnings: string[] = [];
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || names.includes(name)) continue;
    const meant = nearest(name.slice(PREFIX.length), known);
    if (meant !== undefined) {
      warnings.push(`the environment variable ${name} is not known; did you mean ${PREFIX}${meant}?`);
    }
  }
  return warnings;
}
