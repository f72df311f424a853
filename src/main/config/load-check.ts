/** Makes the configuration of `kvcast check` from its arguments. MAIN THREAD, once, at start. */
import type { EngineCredentials } from "./config.ts";
import { loadLogin } from "./login-options.ts";
import type { Probe } from "../health/ask-health.ts";
import { type CheckFormat, CHECK_OPTIONS as OPTIONS } from "./check-options.ts";
import type { Flags } from "./option-spec.ts";
import { Resolver } from "./resolve.ts";
import { serviceUrl } from "./service-url.ts";

export interface CheckConfig {
  /** Of the service, without a query. */
  readonly url: URL;
  readonly probe: Probe;
  readonly format: CheckFormat;
  readonly timeoutMs: number;
  /** What it shows of itself. Secret. */
  readonly login: EngineCredentials;
}

/** The frozen configuration. Throws ConfigError for any value that is not allowed. */
export function loadCheckConfig(url: string | undefined, flags: Flags): CheckConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  return Object.freeze({
    url: serviceUrl(url),
    probe: resolver.pick(OPTIONS.probe),
    format: resolver.pick(OPTIONS.format),
    timeoutMs: resolver.pick(OPTIONS.timeout),
    login: loadLogin(resolver),
  });
}
