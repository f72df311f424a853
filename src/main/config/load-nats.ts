/**
 * The NATS part of the configuration: options, and what stands in the files and variables that hold secrets. MAIN THREAD, at
 * start. No message from here repeats a secret.
 */
import type { NatsAuth, NatsConnectionData, NatsEncoding, NatsTls, PlanePlace } from "../../shared/nats-messages.ts";
import { Secret } from "../../shared/secret.ts";
import { NATS_OPTIONS as OPTIONS } from "./nats-options.ts";
import { envPlace, refused } from "./option-spec.ts";
import type { Environment, OptionSpec, Place } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";
import { STREAM_OPTIONS } from "./stream-options.ts";
import { isLoopbackHost } from "./zmq-endpoint.ts";

/** How to connect, as it may go about in the process. `openConnection` makes of it what connects. */
export type NatsConnectionConfig = Omit<NatsConnectionData, "auth" | "tls"> & {
  readonly auth: Secret<NatsAuth>;
  readonly tls: Secret<NatsTls> | null;
};

/** Everything about NATS that the service was told. */
export interface NatsConfig {
  readonly connection: NatsConnectionConfig;
  readonly encoding: NatsEncoding;
  /** Null: core NATS. */
  readonly jetStream: string | null;
  readonly queueBytes: number;
  readonly maxInFlight: number;
  readonly place: PlanePlace;
  /** KV events go there; otherwise only the load does. */
  readonly events: boolean;
  /** The load of the worker goes there. */
  readonly load: boolean;
}

/** With its secrets in the open, for a message to the thread that connects. */
export function openConnection({ servers, name, auth, tls }: NatsConnectionConfig): NatsConnectionData {
  return { servers, name, auth: auth.reveal(), tls: tls?.reveal() ?? null };
}

/** What Dynamo's encoding has. */
export const PROMPT_HASHES = "hashes of people's prompts";
const MAX_SECRET_BYTES = 64 * 1024;
/** Secrets that Dynamo's environment holds as they are. */
const PASSWORD = "NATS_AUTH_PASSWORD";
const TOKEN = "NATS_AUTH_TOKEN";
const NKEY = "NATS_AUTH_NKEY";
export const SECRET_VARIABLES: readonly string[] = [PASSWORD, TOKEN, NKEY];

/** Null when neither events nor load go to NATS. Throws ConfigError. */
export async function loadNatsConfig(
  resolver: Resolver,
  env: Environment,
  warnings: string[],
): Promise<NatsConfig | null> {
  const sink = resolver.pick(OPTIONS.sink);
  const load = resolver.find(OPTIONS.load) ?? sink !== "zmq";
  if (sink === "zmq" && !load) {
    const options: readonly OptionSpec<unknown>[] = Object.values(OPTIONS);
    const given = options.filter((option) => option.name.startsWith("nats-") && resolver.find(option) !== undefined);
    const flags = given.filter((option) => resolver.placeOf(option).label.startsWith("--"));
    for (const option of flags) warnings.push(`--${option.name} has no effect: --sink is zmq, and --load is off`);
    return null;
  }
  const workerId = resolver.find(OPTIONS.workerId);
  if (workerId === undefined) {
    throw refused(
      resolver.placeOf(OPTIONS.workerId),
      "is needed for NATS: routers know a worker by its number; give the instance id of the worker",
    );
  }
  if (sink !== "zmq" && resolver.pick(OPTIONS.natsEncoding) === "dynamo") await requireHash(resolver);
  const place: PlanePlace = Object.freeze({
    namespace: resolver.pick(OPTIONS.namespace),
    component: resolver.pick(OPTIONS.component),
    endpoint: resolver.pick(OPTIONS.endpointName),
    workerId,
  });
  return Object.freeze({
    connection: await loadNatsConnection(
      resolver,
      env,
      warnings,
      `kvcast ${place.namespace} ${workerId}`,
      contentOf(resolver, sink !== "zmq"),
    ),
    encoding: resolver.pick(OPTIONS.natsEncoding),
    jetStream: resolver.find(OPTIONS.natsJetstream) ?? null,
    queueBytes: resolver.pick(OPTIONS.natsQueueBytes),
    maxInFlight: resolver.pick(OPTIONS.natsMaxInFlight),
    place,
    events: sink !== "zmq",
    load,
  });
}

/** What of people's words anybody on the way can read, for a warning. */
function contentOf(resolver: Resolver, events: boolean): string {
  if (!events) return "figures of this worker's load";
  const isRedacted = ["nats", "all"].includes(resolver.pick(STREAM_OPTIONS.redactTokens));
  if (resolver.pick(OPTIONS.natsEncoding) === "dynamo" || isRedacted) return PROMPT_HASHES;
  return "token ids, which are people's prompts,";
}

/**
 * Where the server is, and how to log in. `name`: what the server's monitoring calls the connection; `content`: what goes over it, in
 * words. Throws ConfigError.
 */
export async function loadNatsConnection(
  resolver: Resolver,
  env: Environment,
  warnings: string[],
  name: string,
  content: string,
): Promise<NatsConnectionConfig> {
  const { readSecretFile, readTls } = await import("./nats-files.ts");
  const read = (option: OptionSpec<string>): string | null => {
    const file = resolver.find(option);
    return file === undefined ? null : readSecretFile(file, resolver.placeOf(option), MAX_SECRET_BYTES);
  };
  const { auth, place } = natsAuth(resolver, env, read);
  const tls = readTls((option) => resolver.namedFile(option), resolver.pick(OPTIONS.natsTlsInsecure));
  const servers = resolver.pick(OPTIONS.natsUrl);
  warnIfOpen(servers, auth, tls, place, content, warnings);
  return Object.freeze({ servers, name, auth: new Secret(auth), tls: tls === null ? null : new Secret(tls) });
}

/** The encoders hash tokens with a native package, which there may be no build of for this platform. */
async function requireHash(resolver: Resolver): Promise<void> {
  try {
    await import("@node-rs/xxhash");
  } catch {
    throw refused(
      resolver.placeOf(OPTIONS.natsEncoding),
      `dynamo needs the package @node-rs/xxhash, which does not load on ${process.platform} ${process.arch}; ` +
        "install kvcast anew with optional packages, or give raw",
    );
  }
}

interface LoadedAuth {
  readonly auth: NatsAuth;
  /** Where the credentials come from; null when there are none. */
  readonly place: Place | null;
}

/** What a way to log in was found by; ways that flags name go before those of the environment and the file. */
function natsAuth(
  resolver: Resolver,
  env: Environment,
  read: (option: OptionSpec<string>) => string | null,
): LoadedAuth {
  const variable = (name: string): string | null => env[name]?.trim() || null;
  const user = resolver.find(OPTIONS.natsUser) ?? null;
  const password = read(OPTIONS.natsPasswordFile) ?? (user === null ? null : variable(PASSWORD));
  if (user !== null && password === null) {
    throw refused(resolver.placeOf(OPTIONS.natsUser), `needs a password: --nats-password-file, or ${PASSWORD}`);
  }
  if (user === null && password !== null) {
    throw refused(resolver.placeOf(OPTIONS.natsPasswordFile), "needs a user: --nats-user");
  }
  const all: readonly { readonly auth: Partial<NatsAuth>; readonly secret: string | null; readonly place: Place }[] = [
    { auth: { user, password }, secret: password, place: resolver.placeOf(OPTIONS.natsUser) },
    way("token", read(OPTIONS.natsTokenFile) ?? variable(TOKEN), placeOfSecret(resolver, OPTIONS.natsTokenFile, TOKEN)),
    way("nkeySeed", read(OPTIONS.natsNkeyFile) ?? variable(NKEY), placeOfSecret(resolver, OPTIONS.natsNkeyFile, NKEY)),
    way("creds", read(OPTIONS.natsCredsFile), resolver.placeOf(OPTIONS.natsCredsFile)),
  ];
  const given = all.filter(({ secret }) => secret !== null);
  const flagged = given.filter(({ place }) => place.label.startsWith("--"));
  const [first, second] = flagged.length > 0 ? flagged : given;
  if (first !== undefined && second !== undefined) {
    throw refused(second.place, `there is another way to log in already, ${first.place.label}; give one of them`);
  }
  const auth: NatsAuth = Object.freeze({ ...NO_AUTH, ...first?.auth });
  if (auth.nkeySeed !== null && !/^SU[A-Z2-7]{56}$/.test(auth.nkeySeed)) {
    throw refused(
      first?.place ?? envPlace(NKEY, OPTIONS.natsNkeyFile.name),
      "is not the seed of a user nkey (SU…, 58 characters)",
    );
  }
  return { auth, place: first?.place ?? null };
}

const NO_AUTH: NatsAuth = { user: null, password: null, token: null, nkeySeed: null, creds: null };

function way(
  name: "token" | "nkeySeed" | "creds",
  secret: string | null,
  place: Place,
): { readonly auth: Partial<NatsAuth>; readonly secret: string | null; readonly place: Place } {
  return { auth: { [name]: secret }, secret, place };
}

/** The option if it was given, or else the variable. */
function placeOfSecret(resolver: Resolver, option: OptionSpec<string>, variable: string): Place {
  return resolver.find(option) === undefined ? envPlace(variable, option.name) : resolver.placeOf(option);
}

function warnIfOpen(
  servers: readonly string[],
  auth: NatsAuth,
  tls: NatsTls | null,
  place: Place | null,
  content: string,
  warnings: string[],
): void {
  const open = servers.find((server) => server.startsWith("nats:") && !isLoopbackHost(new URL(server).hostname));
  if (open === undefined || tls !== null) return;
  const isSecretSent = auth.password !== null || auth.token !== null;
  const what = isSecretSent && place !== null ? `the credentials of ${place.label} and ` : "";
  warnings.push(
    `--nats-url: ${what}${content} travel unencrypted to ${open} unless the server demands TLS; use tls://`,
  );
}
