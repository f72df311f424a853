/** Makes the configuration of `kvcast perf` from its arguments. MAIN THREAD, once, at start. */
import { urlBelow } from "../http/url-below.ts";
import type { EngineCredentials } from "./config.ts";
import { loadLogin } from "./login-options.ts";
import type { Flags } from "./option-spec.ts";
import { PERF_OPTIONS as OPTIONS } from "./perf-options.ts";
import { Resolver } from "./resolve.ts";
import { serviceUrl } from "./service-url.ts";

export interface PerfConfig {
  /** Of the service, with the path and the query. */
  readonly url: URL;
  readonly timeoutMs: number;
  /** What it shows of itself. Secret. */
  readonly login: EngineCredentials;
  readonly json: boolean;
}

/** The frozen configuration. Throws ConfigError for any value that is not allowed. */
export function loadPerfConfig(base: string | undefined, flags: Flags, json: boolean, path: string): PerfConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const url = urlBelow(serviceUrl(base), path);
  const parameters = {
    sort: resolver.pick(OPTIONS.sort),
    limit: resolver.pick(OPTIONS.limit),
    engine: resolver.find(OPTIONS.engine),
    min_s: resolver.find(OPTIONS.min),
    since_s: resolver.find(OPTIONS.since),
    phase: resolver.find(OPTIONS.phase),
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return Object.freeze({ url, timeoutMs: resolver.pick(OPTIONS.timeout), login: loadLogin(resolver), json });
}
