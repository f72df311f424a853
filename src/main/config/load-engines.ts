/**
 * The engines of `kvcast serve`, from what `--engine` says of each and what the other options say of all. MAIN THREAD, at
 * start. Reads the files that connections need.
 */
import { Secret } from "../../shared/secret.ts";
import { MAX_ENGINES, MAX_RANK } from "../../shared/record.ts";
import type {
  EngineConfig,
  EngineCredentials,
  HttpEngineConfig,
  ServeConfig,
  SyntheticEngineConfig,
} from "./config.ts";
import { CURVE_CLIENT_OPTIONS } from "./curve-options.ts";
import type { EngineFiles } from "./engine-files.ts";
import type { EngineTarget } from "./engine-url.ts";
import { curveFor } from "./load-curve.ts";
import { quoted, refused, type Place } from "./option-spec.ts";
import { SERVE_OPTIONS as OPTIONS } from "./options.ts";
import type { Given, Resolver } from "./resolve.ts";
import { completeTraffic } from "./traffic-options.ts";
import { zmqConfig, type ZmqTarget } from "./zmq-engine-url.ts";
import { isLoopbackHost } from "./zmq-endpoint.ts";

/** What `--engine` was given: at least one. */
export type Targets = readonly [Given<EngineTarget>, ...Given<EngineTarget>[]];

export interface LoadedEngines {
  readonly engines: ServeConfig["engines"];
  /** See LoadedConfig. */
  readonly rereadCredentials: (() => EngineCredentials) | null;
}

type Sizes = Pick<ServeConfig, "kvBlockSizeTokens" | "attentionDpSize">;
type HttpTarget = EngineTarget & { readonly kind: "http" };
type SyntheticTarget = EngineTarget & { readonly kind: "synthetic" };

const NO_CREDENTIALS: EngineCredentials = {
  headers: new Secret(Object.freeze({})),
  ca: undefined,
  clientCert: undefined,
  clientKey: undefined,
};

/** Throws ConfigError for engines that cannot be, alone or beside each other. */
export async function loadEngines(
  targets: Targets,
  sizes: Sizes,
  resolver: Resolver,
  warnings: string[],
): Promise<LoadedEngines> {
  checkTogether(targets, sizes, resolver);
  const limits = {
    timeoutMs: resolver.pick(OPTIONS.engineTimeout),
    maxResponseBytes: resolver.pick(OPTIONS.engineMaxResponseBytes),
  };
  const files = {
    headers: resolver.namedFile(OPTIONS.engineHeaderFile),
    ca: resolver.namedFile(OPTIONS.engineCaFile),
    clientCert: resolver.namedFile(OPTIONS.engineClientCertFile),
    clientKey: resolver.namedFile(OPTIONS.engineClientKeyFile),
  };
  const serverKeys = targets.map(({ value }) => (value.kind === "zmq" ? value.serverKey : null));
  const keysFor = await curveFor(resolver, CURVE_CLIENT_OPTIONS.zmqCurveClientKeyFile, serverKeys, warnings);
  const http = targets.map(({ value }) => value).filter((target) => target.kind === "http");
  warnOfFiles(files, http, warnings);
  const rereadCredentials = http.length === 0 ? null : await reader(files);
  const credentials = rereadCredentials?.() ?? NO_CREDENTIALS;
  for (const { value, place } of targets) if (value.kind === "file") await checkRecording(value.path, place);
  const make = ({ value: target, place }: Given<EngineTarget>, position: number): EngineConfig => {
    const name = nameOf(target, position);
    if (target.kind === "synthetic") return syntheticConfig(name, target, sizes, place);
    if (target.kind === "file") {
      const { kind, path, speed } = target;
      return Object.freeze({ kind, name, path, speed });
    }
    if (target.kind === "zmq") return zmqConfig(name, target, sizes.attentionDpSize, place, keysFor);
    const config: HttpEngineConfig = { kind: "http", name, url: target.url, ...credentials, ...limits };
    return Object.freeze(config);
  };
  const [first, ...others] = targets;
  const engines = Object.freeze([make(first, 0), ...others.map((other, i) => make(other, i + 1))] as const);
  return { engines, rereadCredentials };
}

/** The `engine` label. */
function nameOf({ name }: EngineTarget, position: number): string {
  return name ?? `engine${position}`;
}

function checkTogether(targets: Targets, { attentionDpSize }: Sizes, resolver: Resolver): void {
  const extra = targets[MAX_ENGINES];
  if (extra !== undefined) {
    throw refused(extra.place, `there are more than ${MAX_ENGINES} engines; give the rest to another kvcast`);
  }
  const ranks = targets.length * attentionDpSize;
  if (ranks > MAX_RANK + 1) {
    throw refused(
      resolver.placeOf(OPTIONS.attentionDpSize),
      `${targets.length} engines of ${attentionDpSize} ranks have ${ranks} together, and subscribers can be told of ` +
        `${MAX_RANK + 1}; give some of the engines to another kvcast`,
    );
  }
  const names = new Set<string>();
  const urls = new Set<string>();
  const endpoints = new Set<string>();
  for (const [position, { value, place }] of targets.entries()) {
    const name = nameOf(value, position);
    if (names.has(name)) {
      const hint = "an engine without a name is called after its place, engine0, engine1, …";
      throw refused(place, `two engines are called ${quoted(name)} (${hint}); give each a name of its own, NAME=URL`);
    }
    names.add(name);
    if (value.kind === "zmq") checkEndpoint(value, endpoints, place);
    if (value.kind !== "http") continue;
    const { href } = value.url;
    if (urls.has(href)) {
      throw refused(
        place,
        `${quoted(href)} is given twice: what is read is gone from the engine, so each reader would miss what the other got`,
      );
    }
    urls.add(href);
  }
}

/** Reading a publisher twice loses nothing, and would tell subscribers of each block as of two. */
function checkEndpoint({ endpoint }: ZmqTarget, endpoints: Set<string>, place: Place): void {
  if (endpoints.has(endpoint)) {
    throw refused(place, `${quoted(endpoint)} is given twice: its blocks would be published as those of two engines`);
  }
  endpoints.add(endpoint);
}

/** Files are shared by all engines that are read over HTTP. */
function warnOfFiles(files: EngineFiles, http: readonly HttpTarget[], warnings: string[]): void {
  const given = Object.values<EngineFiles[keyof EngineFiles]>({ ...files }).filter((file) => file !== undefined);
  if (http.length === 0) {
    for (const { place } of given) warnings.push(`${place.label} has no effect: no engine is read over HTTP`);
    return;
  }
  const open = http.filter(({ url }) => url.protocol !== "https:");
  if (open.length === http.length) {
    for (const file of given) {
      if (file !== files.headers) warnings.push(`${file.place.label} has no effect: the engine's URL is not https`);
    }
  }
  const far = open.find(({ url }) => !isLoopbackHost(url.hostname));
  if (files.headers === undefined || far === undefined) return;
  const whose = http.length === 1 ? "the engine's URL" : far.url.origin;
  warnings.push(`${files.headers.place.label}: the headers travel unencrypted, because ${whose} is not https`);
}

/** What reads the files, now and when they are to be read again; null when there are none. */
async function reader(files: EngineFiles): Promise<(() => EngineCredentials) | null> {
  if (Object.values({ ...files }).every((file) => file === undefined)) return null;
  // Loads node:tls and node:crypto, which a start without these files need not wait for.
  const { readEngineFiles } = await import("./engine-files.ts");
  return () => readEngineFiles(files);
}

/** What is wrong with a recording is better said at the start than by a service without events. */
async function checkRecording(path: string, place: Place): Promise<void> {
  // Only who replays needs it.
  const { RecordingReader } = await import("../record/recording-reader.ts");
  const recording = await RecordingReader.open(path);
  await recording.close();
  if (recording.head.kind !== "engine") {
    throw refused(place, `${path} is a recording of published messages; kvcast replay prints it`);
  }
}

function syntheticConfig(
  name: string,
  target: SyntheticTarget,
  { kvBlockSizeTokens, attentionDpSize }: Sizes,
  place: Place,
): SyntheticEngineConfig {
  const traffic = completeTraffic(target.traffic, { tokens: kvBlockSizeTokens, ranks: attentionDpSize }, place);
  if (traffic.tokens !== kvBlockSizeTokens) {
    const verdict = traffic.tokens < kvBlockSizeTokens ? "partial" : "too large";
    throw refused(
      place,
      `tokens=${traffic.tokens}, but --kv-block-size is ${kvBlockSizeTokens}: every block would be ${verdict}, ` +
        `and nothing would be published; set --kv-block-size ${traffic.tokens}, or leave tokens out`,
    );
  }
  if (traffic.ranks > attentionDpSize) {
    throw refused(
      place,
      `ranks=${traffic.ranks}, but --attention-dp-size is ${attentionDpSize}: events of the other ranks would ` +
        `count as unknown; set --attention-dp-size ${traffic.ranks}`,
    );
  }
  return Object.freeze({ kind: "synthetic", name, traffic });
}
