/** The address that the ZMQ sink binds: `tcp://host:port`, `ipc://path`, or `none`. MAIN THREAD, at start only. */
import { isIP } from "node:net";
import { MAX_PORT } from "./listen-types.ts";
import { notAllowed, refused } from "./option-spec.ts";
import type { Place, ValueType } from "./option-spec.ts";

/** Room for a path in a Unix socket address on Linux, without the closing NUL. */
const MAX_IPC_PATH_BYTES = 107;

export const zmqEndpoint: ValueType<string | null> = {
  placeholder: "EP",
  takes: `tcp://host:port with a port from 1 to ${MAX_PORT} (or 0 or * for any free one), ipc://path, or none`,
  parse(text: string, place: Place): string | null {
    const trimmed = text.trim();
    if (trimmed === "none") return null;
    if (trimmed.startsWith("tcp://")) return tcp(trimmed, text, place);
    if (trimmed.startsWith("ipc://")) return ipc(trimmed, text, place);
    throw notAllowed(place, text, zmqEndpoint.takes, schemeHint(trimmed));
  },
};

/** For an address that lacks the scheme, or has that of something else. */
export function schemeHint(address: string): string {
  const bare = /^(?:[a-z]{1,8}:\/\/)?((?:\*|[A-Za-z0-9.-]+):(?:\*|\d{1,5}))$/.exec(address)?.[1];
  if (bare !== undefined) return ` (did you mean tcp://${bare}?)`;
  return /^\/[^\s?#]+$/.test(address) ? ` (did you mean ipc://${address}?)` : "";
}

/** Whether only this machine can connect to the endpoint. */
export function isLocalEndpoint(endpoint: string): boolean {
  if (endpoint.startsWith("ipc://")) return true;
  const host = /^tcp:\/\/(.*):[^:]*$/.exec(endpoint)?.[1] ?? "";
  return isLoopbackHost(host);
}

/** Whether a host name or address, with or without brackets, stands for this machine only. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}

function tcp(endpoint: string, text: string, place: Place): string {
  const match = /^tcp:\/\/(\[[^\]]*\]|[^:[\]]*):(\*|\d{1,5})$/.exec(endpoint);
  const host = match?.[1] ?? "";
  const port = match?.[2] ?? "";
  if (!isBindHost(host) || Number(port) > MAX_PORT) throw notAllowed(place, text, zmqEndpoint.takes);
  // libzmq reads both as "any free port"; one spelling is enough for the rest of the program.
  return `tcp://${host}:${Number(port) === 0 ? "*" : port}`;
}

/** `*`, an address, a host name, or the name of a network interface. */
function isBindHost(host: string): boolean {
  if (host.startsWith("[")) return isIP(host.slice(1, -1)) === 6;
  if (/^[\d.]+$/.test(host)) return isIP(host) === 4;
  return host === "*" || /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})$/.test(host);
}

function ipc(endpoint: string, text: string, place: Place): string {
  const path = endpoint.slice("ipc://".length);
  if (path === "" || path.includes("\0")) throw notAllowed(place, text, zmqEndpoint.takes);
  if (Buffer.byteLength(path) > MAX_IPC_PATH_BYTES) {
    throw refused(
      place,
      `the path is ${Buffer.byteLength(path)} bytes long; a socket's path may have ${MAX_IPC_PATH_BYTES}`,
    );
  }
  return endpoint;
}
