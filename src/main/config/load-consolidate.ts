/** Makes the configuration of `kvcast consolidate` from flags, environment and file. MAIN THREAD, once, at start. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import { ConfigError } from "../../shared/errors.ts";
import type { ConsolidateMode, Identity } from "../consolidate/consolidator.ts";
import { checkPublish } from "./check-publish.ts";
import type { PublishConfig } from "./config.ts";
import type { Origin } from "./option-spec.ts";
import { CONSOLIDATE_OPTION_LIST, CONSOLIDATE_OPTIONS as OWN } from "./consolidate-options.ts";
import { loadProbes } from "./load-health.ts";
import { loadHttpAccess } from "./load-http.ts";
import { fileEntries, misspeltVariables } from "./load.ts";
import { type CurveFor, curveFor, loadCurveServer } from "./load-curve.ts";
import { loadNatsConfig } from "./load-nats.ts";
import { loadRedaction } from "./load-redaction.ts";
import { envPlace, refused } from "./option-spec.ts";
import type { Environment, Flags } from "./option-spec.ts";
import { SERVE_OPTIONS as OPTIONS } from "./options.ts";
import { loadStream } from "./load-stream.ts";
import { type FileEntries, Resolver } from "./resolve.ts";
import type { SourceEndpoint } from "./source-endpoint.ts";
import { isLoopbackHost } from "./zmq-endpoint.ts";

/** A publisher to subscribe to, and what to connect with; `curve` is absent where it demands nothing. */
export type ConsolidateInput = SourceEndpoint & { readonly curve?: CurveClientKeys };

export interface ConsolidateConfig extends PublishConfig {
  /** One or more; the first has number 0. */
  readonly sources: readonly ConsolidateInput[];
  readonly mode: ConsolidateMode;
  readonly identity: Identity;
  readonly compat: boolean;
  /** 0: events go out as they come. */
  readonly drainIntervalMs: number;
  readonly maxBlocks: number;
  /** Tokens of the only blocks that are taken; null: of any. */
  readonly onlyBlockSizeTokens: number | null;
  readonly onGap: "mark" | "clear";
}

export interface LoadedConsolidateConfig {
  readonly config: ConsolidateConfig;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly warnings: readonly string[];
}

/** What switches Dynamo's consolidator off, and the values that leave it on. */
const SWITCH = "DYN_KVBM_KV_EVENTS_ENABLE_CONSOLIDATOR";
const TRUTHY = ["1", "true", "on", "yes"];
const LEADER_PORTS = [
  { variable: "DYN_KVBM_LEADER_ZMQ_PUB_PORT", usual: "56001" },
  { variable: "DYN_KVBM_LEADER_ZMQ_ACK_PORT", usual: "56002" },
] as const;
const MAX_SOURCES = 32;
/** Any number: blocks of the event's own size are written with it. */
const USUAL_BLOCK_SIZE = 32;

/** Null: the environment switches the consolidator off. Throws ConfigError and MissingOptionError. */
export async function loadConsolidateConfig(
  flags: Flags,
  env: Environment,
  file?: FileEntries,
): Promise<LoadedConsolidateConfig | null> {
  const wanted = env[SWITCH]?.trim().toLowerCase() ?? "";
  if (wanted !== "" && !TRUTHY.includes(wanted)) return null;
  const warnings = misspeltVariables(env, CONSOLIDATE_OPTION_LIST);
  const resolver = new Resolver({ flags, env, file: file ?? (await fileEntries(flags, env, CONSOLIDATE_OPTION_LIST)) });
  resolver.find(OPTIONS.config); // for its origin
  const sources = resolver.requireAll(OWN.engineEndpoint);
  if (sources.length > MAX_SOURCES) {
    throw new ConfigError(
      "--engine-endpoint",
      `--engine-endpoint: ${sources.length} sources; there may be ${MAX_SOURCES}`,
    );
  }
  const keysFor = await curveFor(
    resolver,
    OPTIONS.zmqCurveClientKeyFile,
    sources.map(({ value }) => value.serverKey),
    warnings,
  );
  const identity = resolver.pick(OWN.identity);
  const onlyBlockSizeTokens = resolver.pick(OWN.blockSize);
  const sink = resolver.pick(OPTIONS.sink);
  const zmqEndpoint = sink === "nats" ? null : resolver.pick(OWN.outputEndpoint);
  for (const { value, place } of sources) {
    const trap = leaderTrap(value.endpoint, env);
    if (trap !== null) throw refused(place, trap);
    if (value.endpoint === zmqEndpoint) throw refused(place, `${value.endpoint} is also --output-endpoint`);
  }
  const taken = zmqEndpoint === null ? null : leaderTrap(zmqEndpoint, env);
  if (taken !== null) throw refused(resolver.placeOf(OWN.outputEndpoint), taken);
  const { webConfigFile, insecure } = await loadHttpAccess(
    resolver,
    {
      option: OPTIONS.systemHost,
      host: resolver.pick(OPTIONS.systemHost),
      port: resolver.pick(OPTIONS.systemPort),
      keeps: null,
    },
    warnings,
  );
  const nats = await natsConfig(resolver, env, warnings, onlyBlockSizeTokens);
  const config: ConsolidateConfig = Object.freeze({
    sources: sources.map(({ value }) => withKeys(value, keysFor)),
    mode: resolver.pick(OWN.mode),
    identity,
    compat: resolver.pick(OWN.compat),
    drainIntervalMs: resolver.pick(OWN.drainInterval),
    maxBlocks: resolver.pick(OWN.maxBlocks),
    onlyBlockSizeTokens,
    onGap: resolver.pick(OWN.onGap),
    kvBlockSizeTokens: onlyBlockSizeTokens ?? USUAL_BLOCK_SIZE,
    attentionDpSize: 1,
    zmqEndpoint,
    ...loadStream(resolver),
    zmqCurve: await loadCurveServer(resolver, zmqEndpoint !== null, warnings),
    wireFormat: resolver.find(OWN.wireFormat) ?? (identity === "lineage" ? "consolidator-lineage" : "consolidator"),
    snapshot: false,
    snapshotMaxBlocks: 0,
    snapshotTokens: false,
    stateDir: null,
    systemHost: resolver.pick(OPTIONS.systemHost),
    systemPort: resolver.pick(OPTIONS.systemPort),
    webConfigFile,
    insecure,
    probes: loadProbes(resolver),
    logLevel: resolver.pick(OPTIONS.logLevel),
    logFormat: resolver.pick(OPTIONS.logFormat),
    nats,
    redactTokens: loadRedaction(resolver, { zmqEndpoint, nats }),
  });
  checkPublish(config, { ...OPTIONS, zmqEndpoint: OWN.outputEndpoint }, resolver, warnings);
  return Object.freeze({ config, origins: resolver.origins, warnings: Object.freeze(warnings) });
}

function withKeys(source: SourceEndpoint, keysFor: CurveFor): ConsolidateInput {
  const curve = keysFor(source.serverKey);
  return curve === null ? source : Object.freeze({ ...source, curve });
}

async function natsConfig(
  resolver: Resolver,
  env: Environment,
  warnings: string[],
  blockSizeTokens: number | null,
): Promise<PublishConfig["nats"]> {
  if (resolver.pick(OPTIONS.sink) === "zmq") return null;
  const nats = await loadNatsConfig(resolver, env, warnings);
  if (nats?.encoding === "dynamo" && blockSizeTokens === null) {
    throw refused(
      resolver.placeOf(OWN.blockSize),
      "is needed for NATS, whose messages hash the tokens of each block; give the engines' tokens per block",
    );
  }
  // The load of a worker is its engine's business.
  return nats === null ? null : Object.freeze({ ...nats, load: false });
}

/**
 * What is wrong with an endpoint of this machine whose port belongs to the leader of Dynamo's block manager. Whoever leaves its
 * own engine port out gets that one, and then subscribes to commands instead of events.
 */
function leaderTrap(endpoint: string, env: Environment): string | null {
  const [, host = "", port = ""] = /^tcp:\/\/(.*):(\d+)$/.exec(endpoint) ?? [];
  if (host !== "*" && host !== "0.0.0.0" && !isLoopbackHost(host)) return null;
  for (const { variable, usual } of LEADER_PORTS) {
    if ((env[variable]?.trim() || usual) !== port) continue;
    return (
      `${endpoint} is the port of the leader of Dynamo's block manager (${envPlace(variable, "").option}, ${usual} unless set), ` +
      "which speaks another protocol; set DYN_KVBM_TRTLLM_ZMQ_PORT to the port on which the engine publishes, for example 20081"
    );
  }
  return null;
}
