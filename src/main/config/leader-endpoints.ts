/**
 * The two addresses of a cluster's leader as a user gives them: `PUB,ACK`, or `PUB` alone, from which the other follows, or
 * `default`. MAIN THREAD, at start only.
 *
 * The default is not that of Dynamo's block manager, and its variables are not looked at: who runs both on one machine does not
 * want either to count the other's workers.
 */
import type { LeaderEndpoints } from "../cluster/endpoints.ts";
import { MAX_PORT } from "./listen-types.ts";
import { notAllowed } from "./option-spec.ts";
import type { Place, ValueType } from "./option-spec.ts";
import { peerEndpoint } from "./peer-endpoint.ts";
import { isLocalEndpoint, zmqEndpoint } from "./zmq-endpoint.ts";

const DEFAULT: LeaderEndpoints = Object.freeze({ pub: "tcp://127.0.0.1:56101", ack: "tcp://127.0.0.1:56102" });
/** In words, for help. */
export const DEFAULT_LEADER_TEXT: string = `${DEFAULT.pub} and ${DEFAULT.ack}`;

const FORMS = `tcp://host:port or ipc://path, with a comma and the address for answers behind it, or default`;

/** Where a worker connects to. */
export const leaderAddress: ValueType<LeaderEndpoints> = addressType(
  `${FORMS}; without a second address the next port, or the path and .ack`,
  (text, place) => peerEndpoint.parse(text, place),
);

/** Where a leader binds: `*` stands for all addresses of this machine. */
export const leaderBindAddress: ValueType<LeaderEndpoints> = addressType(
  `${FORMS}, to be bound; without a second address the next port, or the path and .ack`,
  (text, place) => zmqEndpoint.parse(text, place) ?? "none",
);

/** Whether only this machine can reach both. */
export function isLocalLeader({ pub, ack }: LeaderEndpoints): boolean {
  return isLocalEndpoint(pub) && isLocalEndpoint(ack);
}

function addressType(takes: string, one: (text: string, place: Place) => string): ValueType<LeaderEndpoints> {
  return {
    placeholder: "EP",
    takes,
    parse(text: string, place: Place): LeaderEndpoints {
      if (text.trim() === "default") return DEFAULT;
      const [first = "", second, ...rest] = text.split(",").map((part) => part.trim());
      const pub = one(first, place);
      const ack = second === undefined ? besides(pub) : one(second, place);
      // Any free port: nobody could know which.
      const bad = [pub, ack].some((endpoint) => endpoint === null || endpoint === "none" || endpoint.endsWith(":*"));
      if (ack === null || bad || pub === ack || rest.length > 0) throw notAllowed(place, text, takes);
      return Object.freeze({ pub, ack });
    },
  };
}

/** The address for answers that follows from that for commands; null when there is no further port. */
function besides(pub: string): string | null {
  if (pub.startsWith("ipc://")) return `${pub}.ack`;
  const [, host, port] = /^(tcp:\/\/.*):(\d+)$/.exec(pub) ?? [];
  return Number(port) < MAX_PORT ? `${host ?? ""}:${Number(port) + 1}` : null;
}
