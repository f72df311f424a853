/** Makes the configuration of `kvcast perf` from its arguments. MAIN THREAD, once, at start. */
import { refused } from "./option-spec.ts";
import type { Flags } from "./option-spec.ts";
import { PERF_OPTIONS as OPTIONS, PERF_URL } from "./perf-options.ts";
import { Resolver } from "./resolve.ts";

export interface PerfConfig {
  /** Of the service, with the path and the query. */
  readonly url: URL;
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** The frozen configuration. Throws ConfigError for any value that is not allowed. */
export function loadPerfConfig(base: string | undefined, flags: Flags, json: boolean, path: string): PerfConfig {
  const resolver = new Resolver({ flags, env: {}, file: new Map() });
  const url = serviceUrl(base ?? PERF_URL);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}${path}`;
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
  return Object.freeze({ url, timeoutMs: resolver.pick(OPTIONS.timeout), json });
}

function serviceUrl(text: string): URL {
  const place = { label: "the address", option: "URL" };
  const takes = "it takes the URL of a running kvcast serve, such as http://127.0.0.1:8081";
  // `host:port` alone is what people type; a colon makes it look like a scheme.
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(whole)) throw refused(place, takes);
  const url = new URL(whole);
  if ((url.protocol !== "http:" && url.protocol !== "https:") || url.search !== "" || url.username !== "") {
    throw refused(place, takes);
  }
  return url;
}
