/** Hosts and ports that an HTTP server listens on. MAIN THREAD, at start only. */
import { isIP } from "node:net";
import { notAllowed } from "./option-spec.ts";
import type { Place, ValueType } from "./option-spec.ts";

export const MAX_PORT = 65_535;

/** The port of the HTTP server; null when it is off. */
export const systemPort: ValueType<number | null> = {
  placeholder: "N",
  takes: `a port from 1 to ${MAX_PORT}, 0 for any free one, or -1 for no HTTP server`,
  json: {
    anyOf: [
      { type: "integer", maximum: MAX_PORT },
      { type: "string", pattern: String.raw`^\s*-?\d{1,9}\s*$` },
    ],
  },
  parse(value: string, place: Place): number | null {
    const trimmed = value.trim();
    if (/^-\d{1,9}$/.test(trimmed) && Number(trimmed) < 0) return null;
    const port = /^\d{1,5}$/.test(trimmed) ? Number(trimmed) : Number.NaN;
    if (!(port <= MAX_PORT)) throw notAllowed(place, value, systemPort.takes);
    return port;
  },
};

/** An address or host name to listen on, without scheme and port. */
export const bindHost: ValueType<string> = {
  placeholder: "HOST",
  takes: "an IP address or host name without scheme and port, for example 127.0.0.1 or 0.0.0.0",
  parse(value: string, place: Place): string {
    const host = value.trim().replace(/^\[(.*)\]$/, "$1");
    const isName = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})$/.test(host) && !/^[\d.]+$/.test(host);
    if (isIP(host) === 0 && !isName) throw notAllowed(place, value, bindHost.takes);
    return host;
  },
};

/** A port that is always listened on. */
export const listenPort: ValueType<number> = {
  placeholder: "N",
  takes: `a port from 1 to ${MAX_PORT}, or 0 for any free one`,
  json: {
    anyOf: [
      { type: "integer", minimum: 0, maximum: MAX_PORT },
      { type: "string", pattern: String.raw`^\s*\d{1,5}\s*$` },
    ],
  },
  parse(value: string, place: Place): number {
    const port = /^\d{1,5}$/.test(value.trim()) ? Number(value.trim()) : Number.NaN;
    if (!(port <= MAX_PORT)) throw notAllowed(place, value, listenPort.takes);
    return port;
  },
};
