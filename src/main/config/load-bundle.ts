/** Makes the configuration of `kvcast support-bundle` from its arguments. MAIN THREAD, once, at start. */
import { BUNDLE_OPTION_LIST, BUNDLE_OPTIONS as OPTIONS } from "./bundle-options.ts";
import type { EngineCredentials } from "./config.ts";
import { loadLogin } from "./login-options.ts";
import type { Flags } from "./option-spec.ts";
import { Resolver } from "./resolve.ts";
import { serviceUrl } from "./service-url.ts";

export interface BundleConfig {
  /** The running service. */
  readonly url: URL;
  /** Null: a name of its own, after the time. */
  readonly output: string | null;
  /** `-` is standard input; null: there is no log. */
  readonly logFile: string | null;
  readonly logLines: number;
  /** What it shows of itself to the service. Secret. */
  readonly login: EngineCredentials;
  /** Those of `serve`. */
  readonly flags: Flags;
  readonly json: boolean;
}

/** Throws ConfigError. */
export function loadBundleConfig(url: string | undefined, flags: Flags, json: boolean): BundleConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const own = new Set(BUNDLE_OPTION_LIST.map(({ name }) => name));
  return Object.freeze({
    url: serviceUrl(url),
    output: resolver.find(OPTIONS.output) ?? null,
    logFile: resolver.find(OPTIONS.logFile) ?? null,
    logLines: resolver.pick(OPTIONS.logLines),
    login: loadLogin(resolver),
    flags: new Map([...flags].filter(([name]) => !own.has(name))),
    json,
  });
}
