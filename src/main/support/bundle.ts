/**
 * What somebody needs who is to help with a kvcast, gathered: texts under names, to become one archive. MAIN THREAD, in
 * `kvcast support-bundle`.
 *
 * What cannot be had is a line in the list of contents and no reason to stop: whoever asks for help has something that does not
 * work.
 */
import os from "node:os";
import process from "node:process";
import { ConfigError, messageOf } from "../../shared/errors.ts";
import { explain } from "../config/explain.ts";
import { type DoctorConfig, loadDoctorConfig } from "../config/load-doctor.ts";
import { openConnection, SECRET_VARIABLES } from "../config/load-nats.ts";
import type { BundleConfig } from "../config/load-bundle.ts";
import type { EngineCredentials } from "../config/config.ts";
import type { Environment } from "../config/option-spec.ts";
import { examineAll } from "../doctor/doctor.ts";
import { statusCounts } from "../doctor/finding.ts";
import { lookAt } from "../http/http-look.ts";
import { urlBelow } from "../http/url-below.ts";
import { createLogger } from "../log.ts";
import { lastLines } from "./last-lines.ts";
import { packageVersions } from "./package-versions.ts";
import { scrubbed, scrubbedLog } from "./scrub.ts";
import type { ArchiveFile } from "./tar.ts";

/** A page that takes longer is what the bundle is about. */
const PAGE_TIMEOUT_MS = 10_000;
/** The metrics of many engines have several megabytes. */
const MAX_PAGE_BYTES: number = 64 * 1024 * 1024;

/** One file of the bundle, or why there is none. */
interface BundlePart {
  readonly name: string;
  /** What it holds, in words. */
  readonly holds: string;
  /** Null: it could not be had. */
  readonly content: string | null;
  /** Why not; empty where it could. */
  readonly missing: string;
}

interface BundlePorts {
  readonly env: Environment;
  readonly version: string;
  /** The configuration as JSON, from what `explain` found. */
  readonly shown: (found: Awaited<ReturnType<typeof explain>>) => object;
  /** Told what comes next. */
  readonly onBegin: (what: string) => void;
}

/** Never rejects for what is wrong with the service, its configuration or its surroundings. */
export async function gatherBundle(config: BundleConfig, ports: BundlePorts): Promise<readonly BundlePart[]> {
  const { flags, url, login } = config;
  const { env } = ports;
  const doctor = await loadDoctorConfig(flags, env, { json: true, strict: false, drain: false });
  const secrets = secretsOf(doctor, login, env);
  const part = async (name: string, holds: string, make: () => Promise<string> | string): Promise<BundlePart> => {
    ports.onBegin(holds);
    try {
      const text = await make();
      const content = name === "log.txt" ? scrubbedLog(text, secrets) : scrubbed(text, secrets);
      return { name, holds, content, missing: "" };
    } catch (error) {
      return { name, holds, content: null, missing: scrubbed(messageOf(error), secrets) };
    }
  };
  return [
    await part("versions.json", "versions of kvcast, Node, packages and system", () => json(versions(ports.version))),
    await part("config.json", "options with their origins, secrets masked", async () =>
      json(ports.shown(await explain("serve", flags, env))),
    ),
    await part("health.json", "the health of the service, all checks", () => page(url, login, "health", "?verbose")),
    await part("metrics.txt", "its metrics", () => page(url, login, "metrics")),
    await part("doctor.json", "what the doctor finds", async () => {
      const log = createLogger({ level: "error", format: "text", stream: { write: () => {} } });
      const findings = await examineAll(doctor, { log, onBegin: () => {}, onFindings: () => {} });
      return json({ counts: statusCounts(findings), findings });
    }),
    await part("log.txt", `the last ${config.logLines} lines of its log`, () => {
      if (config.logFile === null) throw new ConfigError("--log-file", "--log-file names none");
      return lastLines(config.logFile, config.logLines);
    }),
  ];
}

/** The list of contents as a file, in front of the others. */
export function bundleFiles(folder: string, parts: readonly BundlePart[]): readonly ArchiveFile[] {
  const contents = parts.map(({ name, holds, content, missing }) =>
    content === null ? `${name.padEnd(14)} ${holds}: MISSING, ${missing}` : `${name.padEnd(14)} ${holds}`,
  );
  const readme = [
    "What somebody needs to know who is to help with this kvcast. Masked (***) are passwords, tokens, keys and what stands",
    "before the @ of a URL. There are no token ids and no cache salts in it.",
    "",
    ...contents,
    "",
  ];
  const files = parts.flatMap(({ name, content }) =>
    content === null ? [] : [{ name: `${folder}/${name}`, content }],
  );
  return [{ name: `${folder}/README.txt`, content: readme.join("\n") }, ...files];
}

/** All that the configuration knows to be secret. */
function secretsOf({ serve, publishers }: DoctorConfig, login: EngineCredentials, env: Environment): string[] {
  const { engines = [], nats = null, zmqCurve = null, cluster = null } = serve?.config ?? {};
  const keyHolders = [...engines.flatMap((engine) => (engine.kind === "zmq" ? [engine] : [])), ...publishers];
  const keys = [zmqCurve?.keys, cluster?.curve, ...keyHolders.map(({ curve }) => curve)];
  const curveSecrets = keys.map((pair) => pair?.secretKey ?? null);
  const connection = nats === null ? null : openConnection(nats.connection);
  const { password = null, token = null, nkeySeed = null, creds = null } = connection?.auth ?? {};
  const ofEngines = engines.flatMap((engine) => (engine.kind === "http" ? Object.values(engine.headers.reveal()) : []));
  const headers = [...Object.values(login.headers.reveal()), ...ofEngines];
  // "Bearer x": what comes behind the space is a secret by itself, and so is the password in "Basic x".
  const words = headers.flatMap((value) => {
    const rest = value.split(/\s+/).slice(1);
    const logins = /^basic\s/i.test(value) ? rest.map((word) => Buffer.from(word, "base64").toString("utf8")) : [];
    return [value, ...rest, ...logins.map((pair) => pair.slice(pair.indexOf(":") + 1))];
  });
  const variables = SECRET_VARIABLES.map((name) => env[name]?.trim() ?? null);
  return [password, token, nkeySeed, creds, ...curveSecrets, ...variables, ...words].filter(
    (secret) => secret !== null,
  );
}

function versions(version: string): object {
  const { platform, arch, versions: node } = process;
  const memoryBytes = os.totalmem();
  const packages = packageVersions();
  return {
    kvcast: version,
    node,
    packages,
    platform,
    arch,
    release: os.release(),
    cpus: os.cpus().length,
    memoryBytes,
  };
}

async function page(base: URL, credentials: EngineCredentials, path: string, query: string = ""): Promise<string> {
  const url = urlBelow(base, path);
  url.search = query;
  const { status, failure, body } = await lookAt(url, {
    timeoutMs: PAGE_TIMEOUT_MS,
    credentials,
    maxBodyBytes: MAX_PAGE_BYTES,
  });
  if (failure !== "") throw new ConfigError("URL", `${base.origin} cannot be reached (${failure})`);
  if (status === 401) throw new ConfigError("URL", `${base.origin} asks for a password: give --header-file`);
  // Health says 503 when something is wrong, which is what the bundle is for.
  if (status !== 200 && status !== 503) throw new ConfigError("URL", `${base.origin}/${path} answers ${status}`);
  return body.toString("utf8");
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
