/**
 * `--engine [NAME=]URL`: an engine to read. MAIN THREAD, at start only.
 *
 * A URL can carry credentials, and a message about a URL ends up in logs. So nothing before an `@` and nothing after a `?`
 * of a URL is ever repeated in an error, and a URL that holds credentials is refused: a process list shows it to everyone.
 */
import type { Place, ValueType } from "./option-spec.ts";
import { quoted, refused } from "./option-spec.ts";
import { didYouMean } from "./suggest.ts";
import { TRAFFIC, TRAFFIC_NAMES } from "./traffic-options.ts";
import type { TrafficValues } from "./traffic-options.ts";
import { type ZmqTarget, zmqTarget } from "./zmq-engine-url.ts";

/** `name`: the `engine` label; null where none is given, and the engine is called after its place among the others. */
export type EngineTarget =
  | { readonly kind: "http"; readonly name: string | null; readonly url: URL }
  | { readonly kind: "file"; readonly name: string | null; readonly path: string; readonly speed: number }
  | { readonly kind: "synthetic"; readonly name: string | null; readonly traffic: Partial<TrafficValues> }
  | ZmqTarget;

const NAME_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;
const SCHEMES =
  "http://host:port, https://host:port, zmq+tcp://host:port, synthetic:?events=N&rate=R or file:FILE?speed=N";

export const engineTarget: ValueType<EngineTarget> = {
  placeholder: "[NAME=]URL",
  takes: `${SCHEMES}, with NAME= before it to name the engine`,
  parse(text: string, place: Place): EngineTarget {
    const { name, address } = splitName(text.trim(), place);
    if (/[\s\0]/.test(address)) throw refused(place, `${shown(address)} holds white space; it takes ${SCHEMES}`);
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(address)?.[1]?.toLowerCase();
    if (scheme === "synthetic") return { kind: "synthetic", name, traffic: syntheticTraffic(address, place) };
    if (scheme === "file") return { kind: "file", name, ...recordingTarget(address, place) };
    if (scheme === "http" || scheme === "https") return { kind: "http", name, url: httpUrl(address, place) };
    if (scheme?.startsWith("zmq+") === true) return zmqTarget(name, address, place);
    throw refused(place, `${shown(address)} is not allowed${schemeHint(address)}; it takes ${SCHEMES}`);
  },
};

/** A "=" that comes before any character which only URLs have ends the name; one in a query does not. */
function splitName(text: string, place: Place): { readonly name: string | null; readonly address: string } {
  const match = /^([^:/?#@]*)=(.*)$/s.exec(text);
  if (match === null) return { name: null, address: text };
  const [, name = "", address = ""] = match;
  if (!NAME_PATTERN.test(name)) {
    throw refused(place, `the engine name ${quoted(name)} is not allowed; it takes 1 to 64 of A-Z a-z 0-9 _ . -`);
  }
  return { name, address };
}

function httpUrl(address: string, place: Place): URL {
  let url: URL;
  try {
    if (!/^https?:\/\/[^/\\]/i.test(address)) throw new TypeError("no host");
    url = new URL(address);
  } catch {
    throw refused(place, `${shown(address)} is not a URL; it takes ${SCHEMES}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw refused(
      place,
      "the URL holds a user name or password, which logs and process lists would show; " +
        'put a line "Authorization: …" into a file and name it with --engine-header-file',
    );
  }
  if (/[?#]/.test(address)) {
    throw refused(place, `${shown(address)}: a query or fragment is not allowed; give the base URL of the server`);
  }
  url.pathname = url.pathname.replace(/\/+$/, "");
  return url;
}

function syntheticTraffic(address: string, place: Place): Partial<TrafficValues> {
  const query = /^synthetic:(?:\?(.*))?$/is.exec(address);
  if (query === null) {
    throw refused(place, 'after "synthetic:" comes nothing, or "?" and parameters, for example synthetic:?rate=100');
  }
  const traffic: Partial<TrafficValues> = {};
  for (const [key, value] of new URLSearchParams(query[1] ?? "")) {
    const name = TRAFFIC_NAMES.find((known) => known === key);
    if (name === undefined) {
      const known = TRAFFIC_NAMES.join(", ");
      throw refused(place, `no parameter ${quoted(key)}${didYouMean(key, TRAFFIC_NAMES)}; there are ${known}`);
    }
    if (traffic[name] !== undefined) throw refused(place, `the parameter ${name} is given twice`);
    traffic[name] = TRAFFIC[name].type.parse(value, { label: `${place.label}: ${name}`, option: place.option });
  }
  return traffic;
}

/** `file:FILE?speed=1|max|N`; the name as a shell has it, or a whole file URL. */
function recordingTarget(address: string, place: Place): { readonly path: string; readonly speed: number } {
  const [, name = "", query = ""] = /^file:(?:\/\/(?=\/))?([^?]*)(?:\?(.*))?$/is.exec(address) ?? [];
  if (name === "")
    throw refused(place, 'behind "file:" comes the name of a recording, for example file:engine.rec?speed=max');
  let speed = 1;
  for (const [key, value] of new URLSearchParams(query)) {
    if (key !== "speed") throw refused(place, `no parameter ${quoted(key)}; there is speed`);
    speed = value === "max" ? Infinity : /^\d{1,6}(?:\.\d{1,6})?$/.test(value) ? Number(value) : 0;
    if (speed <= 0)
      throw refused(
        place,
        `speed=${quoted(value)} is not allowed; it takes max, or a number above 0 such as 1, 10 or 0.5`,
      );
  }
  return { path: name, speed };
}

function schemeHint(address: string): string {
  if (/^[A-Za-z0-9.-]+:\d{1,5}(?:\/|$)/.test(address)) return ` (did you mean http://${address}?)`;
  if (/^(?:tcp|ipc):\/\/[^@?#]*$/i.test(address)) return ` (did you mean zmq+${address}?)`;
  return "";
}

/** An address without what may be secret in it. */
function shown(address: string): string {
  const at = address.lastIndexOf("@");
  const safe = at === -1 ? address : `…${address.slice(at)}`;
  return quoted(safe.replace(/[?#].*$/s, ""));
}
