/** Makes the configuration of `kvcast index` from flags, environment and file. MAIN THREAD, once, at start. */
import type { FullPolicy } from "../router-index/router-index.ts";
import type { LogFormat, LogLevel } from "../log-level.ts";
import { CURVE_CLIENT_OPTIONS } from "./curve-options.ts";
import { INDEX_OPTION_LIST, INDEX_OPTIONS as OWN } from "./index-options.ts";
import { type HttpAccessConfig, loadHttpAccess } from "./load-http.ts";
import { fileEntries, misspeltVariables } from "./load.ts";
import { type CurveFor, curveFor } from "./load-curve.ts";
import { loadNatsConnection, type NatsConnectionConfig, PROMPT_HASHES } from "./load-nats.ts";
import { NATS_OPTIONS } from "./nats-options.ts";
import { MissingOptionError, refused } from "./option-spec.ts";
import type { Environment, Flags } from "./option-spec.ts";
import { SERVE_OPTIONS } from "./options.ts";
import { type FileEntries, Resolver } from "./resolve.ts";
import type { WorkerEndpoint } from "./worker-list.ts";

export interface IndexConfig extends HttpAccessConfig {
  readonly workers: readonly WorkerEndpoint[];
  /** null: only workers that are registered over HTTP, which say it themselves. */
  readonly blockSizeTokens: number | null;
  readonly modelName: string;
  readonly routingGroup: string;
  /** Of each model. */
  readonly maxPairs: number;
  readonly onFull: FullPolicy;
  /** null: NATS is not read. */
  readonly nats: IndexNatsConfig | null;
  readonly overlapWeight: number;
  readonly temperature: number;
  readonly maxActiveBlocks: number | null;
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly warnings: readonly string[];
}

export interface IndexNatsConfig {
  readonly connection: NatsConnectionConfig;
  readonly namespace: string;
  readonly component: string;
  readonly jetStream: string | null;
}

/** The frozen configuration. Throws ConfigError and MissingOptionError. */
export async function loadIndexConfig(flags: Flags, env: Environment, file?: FileEntries): Promise<IndexConfig> {
  const warnings = misspeltVariables(env, INDEX_OPTION_LIST);
  const resolver = new Resolver({ flags, env, file: file ?? (await fileEntries(flags, env, INDEX_OPTION_LIST)) });
  resolver.find(SERVE_OPTIONS.config); // for its origin
  const workers = resolver.all(OWN.workers).flatMap(({ value }) => value);
  const isTwice = workers.find(({ worker, rank }, i) =>
    workers.slice(0, i).some((other) => other.worker === worker && other.rank === rank),
  );
  if (isTwice !== undefined) {
    throw refused(resolver.placeOf(OWN.workers), `worker ${isTwice.worker} rank ${isTwice.rank} is there twice`);
  }
  const readsNats = resolver.pick(OWN.nats);
  const blockSizeTokens = resolver.find(OWN.blockSize) ?? null;
  if (blockSizeTokens === null && (workers.length > 0 || readsNats)) {
    const text = "--block-size is missing: --workers and --nats need the tokens of a block; give those of the engines";
    throw new MissingOptionError("--block-size", text);
  }
  const keysFor = await curveFor(
    resolver,
    CURVE_CLIENT_OPTIONS.zmqCurveClientKeyFile,
    workers.map(({ serverKey }) => serverKey),
    warnings,
  );
  const host = resolver.pick(OWN.host);
  const port = resolver.pick(OWN.port);
  const keeps = "/dump, /register, /unregister and /load";
  const { webConfigFile, insecure } = await loadHttpAccess(resolver, { option: OWN.host, host, port, keeps }, warnings);
  return Object.freeze({
    workers: workers.map((worker) => withKeys(worker, keysFor)),
    blockSizeTokens,
    modelName: resolver.pick(OWN.modelName),
    routingGroup: resolver.pick(OWN.routingGroup),
    maxPairs: resolver.pick(OWN.maxBlocks),
    onFull: resolver.pick(OWN.onFull),
    nats: readsNats ? await natsConfig(resolver, env, warnings) : null,
    overlapWeight: resolver.pick(OWN.overlapWeight),
    temperature: resolver.pick(OWN.temperature),
    maxActiveBlocks: resolver.pick(OWN.maxActiveBlocks),
    host,
    port,
    webConfigFile,
    insecure,
    logLevel: resolver.pick(SERVE_OPTIONS.logLevel),
    logFormat: resolver.pick(SERVE_OPTIONS.logFormat),
    warnings: Object.freeze(warnings),
  });
}

function withKeys(worker: WorkerEndpoint, keysFor: CurveFor): WorkerEndpoint {
  const curve = keysFor(worker.serverKey);
  return curve === null ? worker : { ...worker, source: { ...worker.source, curve } };
}

async function natsConfig(resolver: Resolver, env: Environment, warnings: string[]): Promise<IndexNatsConfig> {
  const namespace = resolver.pick(NATS_OPTIONS.namespace);
  return Object.freeze({
    connection: await loadNatsConnection(resolver, env, warnings, `kvcast index ${namespace}`, PROMPT_HASHES),
    namespace,
    component: resolver.pick(NATS_OPTIONS.component),
    jetStream: resolver.find(NATS_OPTIONS.natsJetstream) ?? null,
  });
}
