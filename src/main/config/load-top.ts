/** Makes the configuration of `kvcast top` from its arguments. MAIN THREAD, once, at start. */
import type { EngineCredentials } from "./config.ts";
import { loadLogin } from "./login-options.ts";
import { refused, type Flags } from "./option-spec.ts";
import { Resolver } from "./resolve.ts";
import { serviceUrl } from "./service-url.ts";
import { TOP_OPTIONS as OPTIONS } from "./top-options.ts";

/** What is said by its mere presence. */
export interface TopSwitches {
  readonly once: boolean;
  readonly json: boolean;
}

export interface TopConfig extends TopSwitches {
  /** Of the service. */
  readonly url: URL;
  readonly timeoutMs: number;
  /** What it shows of itself. Secret. */
  readonly login: EngineCredentials;
}

/** The frozen configuration. Throws ConfigError for any value that is not allowed. */
export function loadTopConfig(url: string | undefined, flags: Flags, switches: TopSwitches): TopConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  if (switches.json && !switches.once) throw refused({ label: "--json", option: "--json" }, "it needs --once");
  return Object.freeze({
    ...switches,
    url: serviceUrl(url),
    timeoutMs: resolver.pick(OPTIONS.timeout),
    login: loadLogin(resolver),
  });
}
