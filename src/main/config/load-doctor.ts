/** Makes the configuration of `kvcast doctor` from its arguments. MAIN THREAD, once, at start. */
import type { CurveClientKeys } from "../../shared/curve.ts";
import { ConfigError } from "../../shared/errors.ts";
import type { LoadedConfig } from "./config.ts";
import { DOCTOR_OPTIONS as OPTIONS, type PublisherAddress } from "./doctor-options.ts";
import { curveFor, UNUSED_CLIENT_KEY } from "./load-curve.ts";
import { loadServeConfig } from "./load.ts";
import { type Environment, type Flags, MissingOptionError } from "./option-spec.ts";
import { SERVE_OPTIONS } from "./options.ts";
import { Resolver } from "./resolve.ts";

const CLIENT_KEY = SERVE_OPTIONS.zmqCurveClientKeyFile;

/** What is said by its mere presence. */
export interface DoctorSwitches {
  readonly json: boolean;
  /** A warning counts for the exit code. */
  readonly strict: boolean;
  /** Events are taken from engines, and lost for whoever reads them otherwise. */
  readonly drain: boolean;
}

export type ExaminedPublisher = PublisherAddress & { readonly curve: CurveClientKeys | null };

export interface DoctorConfig extends DoctorSwitches {
  /** What `serve` would run with; null when it would not start, and `configError` says why. */
  readonly serve: LoadedConfig | null;
  readonly configError: ConfigError | null;
  /** An engine was named. */
  readonly hasEngine: boolean;
  readonly publishers: readonly ExaminedPublisher[];
  readonly listenSeconds: number;
}

/**
 * What is wrong with options of `serve` is for the doctor to tell, so it is a value here. Throws ConfigError for the doctor's own
 * options.
 */
export async function loadDoctorConfig(
  flags: Flags,
  env: Environment,
  switches: DoctorSwitches,
): Promise<DoctorConfig> {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const publishers = resolver.all(OPTIONS.publisher).map(({ value }) => value);
  const own = {
    ...switches,
    publishers: await withKeys(publishers, flags, env),
    listenSeconds: resolver.pick(OPTIONS.seconds) / 1000,
  };
  try {
    const { serve, hasEngine } = await serveConfig(flags, env);
    return Object.freeze({
      ...own,
      serve: publishers.some(isGuarded) ? withoutKeyWarning(serve) : serve,
      hasEngine,
      configError: null,
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return Object.freeze({ ...own, serve: null, hasEngine: false, configError: error });
  }
}

function isGuarded({ serverKey }: PublisherAddress): boolean {
  return serverKey !== undefined;
}

/** A key that `serve` has no use for is one for the publishers that are examined. */
function withoutKeyWarning(serve: LoadedConfig | null): LoadedConfig | null {
  if (serve === null) return null;
  return { ...serve, warnings: serve.warnings.filter((warning) => !warning.endsWith(UNUSED_CLIENT_KEY)) };
}

/** What is said of keys for `serve` goes for them too. */
async function withKeys(
  publishers: readonly PublisherAddress[],
  flags: Flags,
  env: Environment,
): Promise<readonly ExaminedPublisher[]> {
  const serverKeys = publishers.map(({ serverKey }) => serverKey);
  const keysFor = await curveFor(new Resolver({ flags, env, file: new Map() }), CLIENT_KEY, serverKeys, []);
  return publishers.map((publisher) => ({ ...publisher, curve: keysFor(publisher.serverKey) }));
}

/** Without an engine there is still a machine, and addresses to bind. */
async function serveConfig(flags: Flags, env: Environment): Promise<Pick<DoctorConfig, "serve" | "hasEngine">> {
  try {
    return { serve: await loadServeConfig(flags, env), hasEngine: true };
  } catch (error) {
    if (!(error instanceof MissingOptionError)) throw error;
    const standIn = new Map([...flags, [SERVE_OPTIONS.engine.name, ["synthetic:"]]]);
    return { serve: await loadServeConfig(standIn, env), hasEngine: false };
  }
}
