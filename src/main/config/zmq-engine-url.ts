/**
 * `zmq+tcp://host:port?…` and `zmq+ipc://path?…`: an engine that publishes its events over ZMQ itself. MAIN THREAD, at start
 * only.
 *
 * Most such engines have a socket for each attention-DP rank: rank r is found at port + r, and its replay socket likewise at
 * its own port + r. A path becomes path_dp<r> for the ranks from 1 on. Others, kvcast among them, send all ranks over one.
 */
import type { ReplayFraming } from "../../shared/zmq-wire.ts";
import type { CurveFor } from "./load-curve.ts";
import type { ZmqEngineConfig, ZmqSocketConfig } from "./config.ts";
import { curvePublicKey } from "./curve-options.ts";
import { MAX_PORT } from "./listen-types.ts";
import { type Place, quoted, refused, type ValueType } from "./option-spec.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { didYouMean } from "./suggest.ts";
import { integer, oneOf } from "./value-types.ts";

/** Which of the engine's ranks a socket carries. */
type Ports = "rank" | "one";

export interface ZmqTarget {
  readonly kind: "zmq";
  readonly name: string | null;
  /** Of rank 0, or of all: `tcp://host:port` or `ipc://path`. */
  readonly endpoint: string;
  readonly topic: string;
  /** Likewise; null when nothing can be asked for again. */
  readonly replayEndpoint: string | null;
  readonly framing: ReplayFraming;
  readonly ports: Ports;
  /** Public key of an engine that demands CURVE, in Z85. */
  readonly serverKey?: string;
}

const PARAMETERS = ["topic", "replay", "framing", "ports", "curve"] as const;
type Parameter = (typeof PARAMETERS)[number];

const PORT: ValueType<number> = integer({ min: 1, max: MAX_PORT });
const FRAMING: ValueType<ReplayFraming> = oneOf(["v1", "v2"] as const);
const PORTS: ValueType<Ports> = oneOf(["rank", "one"] as const);
/** What a topic can be: more than anyone uses, and no control characters, which a log would show. */
const TOPIC = /^[^\p{Cc}]{0,256}$/u;

/** `address` begins with `zmq+`. Throws ConfigError. */
export function zmqTarget(name: string | null, address: string, place: Place): ZmqTarget {
  const [, base = "", query = ""] = /^zmq\+([^?]*)\??(.*)$/is.exec(address) ?? [];
  const endpoint = endpointOf(base, place);
  const given = parametersOf(query, place);
  const at = (parameter: Parameter): Place => ({ label: `${place.label}: ${parameter}`, option: place.option });
  const topic = given.get("topic") ?? "";
  if (!TOPIC.test(topic))
    throw refused(at("topic"), "it takes at most 256 characters, none of them a control character");
  const replay = given.get("replay");
  const framing = given.get("framing");
  const curve = given.get("curve");
  if (framing !== undefined && replay === undefined) {
    throw refused(at("framing"), "there is no replay whose framing it could be; give replay too");
  }
  return {
    kind: "zmq",
    name,
    endpoint,
    topic,
    replayEndpoint: replay === undefined ? null : replayAddress(replay, endpoint, at("replay")),
    framing: framing === undefined ? "v2" : FRAMING.parse(framing, at("framing")),
    ports: PORTS.parse(given.get("ports") ?? "rank", at("ports")),
    ...(curve === undefined ? {} : { serverKey: curvePublicKey.parse(curve, at("curve")) }),
  };
}

/** The sockets of an engine of so many ranks. Throws ConfigError when they do not fit beside each other. */
export function zmqConfig(
  name: string,
  target: ZmqTarget,
  ranks: number,
  place: Place,
  keysFor: CurveFor = () => null,
): ZmqEngineConfig {
  const { endpoint, replayEndpoint, topic, framing, ports } = target;
  const socket = (rank: number | null): ZmqSocketConfig =>
    Object.freeze({
      rank,
      endpoint: endpointOfRank(endpoint, rank ?? 0, place),
      replayEndpoint: replayEndpoint === null ? null : endpointOfRank(replayEndpoint, rank ?? 0, place),
    });
  const sockets = ports === "one" ? [socket(null)] : Array.from({ length: ranks }, (_, rank) => socket(rank));
  const seen = new Set<string>();
  for (const address of sockets.flatMap((one) => [one.endpoint, one.replayEndpoint])) {
    if (address === null) continue;
    if (seen.has(address)) {
      throw refused(
        place,
        `with --attention-dp-size ${ranks} the replay of one rank would be at ${quoted(address)}, where another publishes; ` +
          "check the ports, or give ports=one if one socket carries all ranks",
      );
    }
    seen.add(address);
  }
  const curve = keysFor(target.serverKey);
  return Object.freeze({
    kind: "zmq",
    name,
    sockets: Object.freeze(sockets),
    topic,
    framing,
    ...(curve === null ? {} : { curve }),
  });
}

function endpointOf(base: string, place: Place): string {
  if (base.includes("@")) {
    throw refused(place, "a ZMQ address has no user name or password; it takes zmq+tcp://host:port or zmq+ipc://path");
  }
  try {
    return peerEndpoint.parse(base, place);
  } catch {
    throw refused(place, `${quoted(`zmq+${base}`)} is not allowed; it takes zmq+tcp://host:port or zmq+ipc://path`);
  }
}

function parametersOf(query: string, place: Place): ReadonlyMap<Parameter, string> {
  const given = new Map<Parameter, string>();
  for (const [key, value] of new URLSearchParams(query)) {
    const name = PARAMETERS.find((known) => known === key);
    if (name === undefined) {
      const known = PARAMETERS.join(", ");
      throw refused(place, `no parameter ${quoted(key)}${didYouMean(key, PARAMETERS)}; there are ${known}`);
    }
    if (given.has(name)) throw refused(place, `the parameter ${name} is given twice`);
    given.set(name, value);
  }
  return given;
}

/** A port alone is one of the same host. */
function replayAddress(value: string, endpoint: string, place: Place): string {
  const host = /^(tcp:\/\/.*:)\d+$/.exec(endpoint)?.[1];
  if (host !== undefined && /^\d+$/.test(value)) return `${host}${PORT.parse(value, place)}`;
  try {
    return peerEndpoint.parse(value, place);
  } catch {
    const port = host === undefined ? "" : "a port of the same host, ";
    throw refused(place, `${quoted(value)} is not allowed; it takes ${port}tcp://host:port or ipc://path`);
  }
}

function endpointOfRank(endpoint: string, rank: number, place: Place): string {
  const match = /^(tcp:\/\/.*:)(\d+)$/.exec(endpoint);
  if (match === null) return rank === 0 ? endpoint : `${endpoint}_dp${rank}`;
  const port = Number(match[2]) + rank;
  if (port > MAX_PORT) {
    throw refused(
      place,
      `rank ${rank} would be at port ${port}, and ports end at ${MAX_PORT}; give ports=one if one socket carries all ranks`,
    );
  }
  return `${match[1]}${port}`;
}
