/**
 * Makes the configuration of `kvcast serve` from flags, environment and file. MAIN THREAD, once, at start.
 *
 * What a single option takes is in its table; here is what only shows when options are seen together.
 */
import { isSingleEvent } from "../../shared/wire-format.ts";
import type { LoadedConfig, ServeConfig } from "./config.ts";
import { checkPublish } from "./check-publish.ts";
import type { LivePageMode } from "./live-options.ts";
import { loadCluster } from "./load-cluster.ts";
import { loadCurveServer } from "./load-curve.ts";
import { loadEngineMetrics } from "./load-engine-metrics.ts";
import { loadEngines } from "./load-engines.ts";
import { type HttpAccessConfig, loadHttpAccess } from "./load-http.ts";
import { loadEngineHealth, loadProbes } from "./load-health.ts";
import type { OnProblem } from "./config-file.ts";
import type { Environment, Flags, OptionSpec } from "./option-spec.ts";
import { refused } from "./option-spec.ts";
import { SERVE_OPTIONS as OPTIONS, SERVE_OPTION_LIST } from "./options.ts";
import { loadStream } from "./load-stream.ts";
import { Resolver } from "./resolve.ts";
import type { FileEntries } from "./resolve.ts";
import { loadNatsConfig } from "./load-nats.ts";
import { loadRedaction, loadSnapshotTokens } from "./load-redaction.ts";
import { nearest } from "./suggest.ts";

const PREFIX = "KVCAST_";

/**
 * The frozen configuration. `file`: what the file holds, where it has been read already. Throws ConfigError for any value that is
 * not allowed, alone or beside the others, and MissingOptionError when no engine is named.
 */
export async function loadServeConfig(flags: Flags, env: Environment, file?: FileEntries): Promise<LoadedConfig> {
  const warnings = misspeltVariables(env, SERVE_OPTION_LIST);
  const resolver = new Resolver({ flags, env, file: file ?? (await fileEntries(flags, env, SERVE_OPTION_LIST)) });
  resolver.find(OPTIONS.config); // for its origin
  const targets = resolver.requireAll(OPTIONS.engine);
  const values = {
    iterationStats: resolver.pick(OPTIONS.iterationStats),
    perfMetrics: resolver.pick(OPTIONS.perfMetrics),
    worker: Object.freeze({
      model: resolver.find(OPTIONS.model) ?? null,
      component: resolver.pick(OPTIONS.component),
      disaggregationMode: resolver.find(OPTIONS.disaggregationMode) ?? null,
      backend: resolver.find(OPTIONS.backend) ?? null,
      modality: resolver.find(OPTIONS.modality) ?? null,
    }),
    kvBlockSizeTokens: resolver.pick(OPTIONS.kvBlockSize),
    attentionDpSize: resolver.pick(OPTIONS.attentionDpSize),
    mmTokenOffset: resolver.pick(OPTIONS.mmTokenOffset),
    zmqEndpoint: resolver.pick(OPTIONS.sink) === "nats" ? null : resolver.pick(OPTIONS.zmqEndpoint),
    ...loadStream(resolver),
    zmqCurve: await loadCurveServer(
      resolver,
      resolver.pick(OPTIONS.sink) !== "nats" && resolver.pick(OPTIONS.zmqEndpoint) !== null,
      warnings,
    ),
    wireFormat: resolver.pick(OPTIONS.wireFormat),
    clearOnStart: resolver.find(OPTIONS.clearOnStart) ?? !isSingleEvent(resolver.pick(OPTIONS.wireFormat)),
    onEngineGap: resolver.pick(OPTIONS.onEngineGap),
    publishTierMoves: resolver.pick(OPTIONS.publishTierMoves),
    snapshot: resolver.pick(OPTIONS.snapshot),
    snapshotMaxBlocks: resolver.pick(OPTIONS.snapshotMaxBlocks),
    stateDir: resolver.find(OPTIONS.stateDir) ?? null,
    systemHost: resolver.pick(OPTIONS.systemHost),
    systemPort: resolver.pick(OPTIONS.systemPort),
    livePage: resolver.pick(OPTIONS.livePage),
    liveAllowedHosts: Object.freeze(resolver.all(OPTIONS.liveAllowedHosts).map(({ value }) => value)),
    probes: loadProbes(resolver, resolver.find(OPTIONS.useEndpointHealthStatus)),
    engineHealth: await loadEngineHealth(resolver, env, warnings),
    pollProfile: resolver.pick(OPTIONS.pollProfile),
    logLevel: resolver.pick(OPTIONS.logLevel),
    logFormat: resolver.pick(OPTIONS.logFormat),
  };
  const { engines, rereadCredentials } = await loadEngines(targets, values, resolver, warnings);
  if (values.engineHealth.canary !== null && engines.every(({ kind }) => kind !== "http")) {
    warnings.push("--canary has no effect: no engine is read over HTTP");
  }
  const nats = await loadNatsConfig(resolver, env, warnings);
  if (nats?.load === true && values.iterationStats === "off") {
    warnings.push("--iteration-stats off: routers are told of a load of zero; --load off tells them nothing");
  }
  const engineMetrics = loadEngineMetrics(resolver, { engines, nats, worker: values.worker }, warnings);
  const cluster = loadCluster(resolver, warnings);
  const access = await httpAccess(resolver, values.livePage, warnings);
  const redactTokens = loadRedaction(resolver, { zmqEndpoint: values.zmqEndpoint, nats });
  const snapshotTokens = loadSnapshotTokens(resolver, OPTIONS.snapshotTokens, redactTokens, warnings);
  const own = { redactTokens, snapshotTokens, nats, engineMetrics, cluster };
  const config: ServeConfig = Object.freeze({ engines, ...values, ...access, ...own });
  checkPublish(config, OPTIONS, resolver, warnings);
  const { origins, texts } = resolver;
  return Object.freeze({ config, origins, texts, warnings: Object.freeze(warnings), rereadCredentials });
}

async function httpAccess(resolver: Resolver, livePage: LivePageMode, warnings: string[]): Promise<HttpAccessConfig> {
  const host = resolver.pick(OPTIONS.systemHost);
  const port = resolver.pick(OPTIONS.systemPort);
  const keeps = "the live page, performance data and snapshots";
  const place = { option: OPTIONS.systemHost, host, port, keeps };
  const { servesPrivate, webConfigFile, insecure } = await loadHttpAccess(resolver, place, warnings);
  if (livePage === "on" && !servesPrivate) {
    throw refused(
      resolver.placeOf(OPTIONS.livePage),
      `${host} (--system-host) can be reached from other machines, and the page is not for everyone there; give --web-config-file ` +
        "with passwords or client certificates, --system-host 127.0.0.1, or --insecure",
    );
  }
  return { webConfigFile, insecure };
}

/** What the file holds that the option `config` names. */
export async function fileEntries(
  flags: Flags,
  env: Environment,
  options: readonly OptionSpec<unknown>[],
  onProblem?: OnProblem,
): Promise<FileEntries> {
  const resolver = new Resolver({ flags, env, file: new Map() });
  const file = resolver.find(OPTIONS.config);
  if (file === undefined) return new Map();
  const { readConfigFile } = await import("./config-file.ts");
  const allowed = options.filter((option) => option.name !== OPTIONS.config.name);
  return readConfigFile(file, resolver.placeOf(OPTIONS.config), allowed, onProblem);
}

/**
 * Warns of variables that look like one of ours but are not. Only near misses: a Kubernetes service of the name kvcast
 * puts a dozen variables of its own into every pod.
 */
export function misspeltVariables(env: Environment, options: readonly OptionSpec<unknown>[]): string[] {
  const ours = Object.keys(env).filter((name) => name.startsWith(PREFIX));
  if (ours.length === 0) return [];
  const names = options.flatMap((option) => option.env.map((variable) => variable.name));
  // The prefix is left out of the comparison: beside it every short word would look like every other.
  const known = names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
  const warnings: string[] = [];
  for (const name of ours) {
    if (names.includes(name)) continue;
    const meant = nearest(name.slice(PREFIX.length), known);
    if (meant !== undefined) {
      warnings.push(`the environment variable ${name} is not known; did you mean ${PREFIX}${meant}?`);
    }
  }
  return warnings;
}
