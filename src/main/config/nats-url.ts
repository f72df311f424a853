/**
 * Addresses of NATS servers. MAIN THREAD, at start only. Credentials do not belong in an address: it is logged, and seen by
 * whoever lists processes.
 */
import type { ConfigError } from "../../shared/errors.ts";
import { notAllowed, refused } from "./option-spec.ts";
import type { Place, ValueType } from "./option-spec.ts";

const MAX_SERVERS = 16;
const DEFAULT_PORT = 4222;

export const natsServers: ValueType<readonly string[]> = {
  placeholder: "URL[,URL]",
  takes: "nats://host:port or tls://host:port, several with commas between them",
  parse(text: string, place: Place): readonly string[] {
    const parts = text.split(",").map((part) => part.trim());
    if (parts.length > MAX_SERVERS) throw refused(place, `more than ${MAX_SERVERS} servers`);
    return Object.freeze(parts.map((part) => serverOf(part, text, place)));
  },
};

function serverOf(part: string, whole: string, place: Place): string {
  const fail = (): ConfigError => notAllowed(place, whole.includes("@") ? "an address" : whole, natsServers.takes);
  let url: URL;
  try {
    url = new URL(part.includes("://") ? part : `nats://${part}`);
  } catch {
    throw fail();
  }
  if (url.username !== "" || url.password !== "") {
    throw refused(
      place,
      "credentials do not belong in the address; give --nats-user or one of the --nats-…-file options",
    );
  }
  const isKnown = url.protocol === "nats:" || url.protocol === "tls:";
  if (!isKnown || url.hostname === "" || !/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "")
    throw fail();
  return `${url.protocol}//${url.hostname}:${url.port === "" ? DEFAULT_PORT : url.port}`;
}
