/** Options about the live page. MAIN THREAD, at start only. */
import { isIP } from "node:net";
import { notAllowed } from "./option-spec.ts";
import type { Defaulted, Place, Repeatable, ValueType } from "./option-spec.ts";
import { oneOf } from "./value-types.ts";

export const LIVE_PAGE_MODES = ["auto", "on", "off"] as const;
export type LivePageMode = (typeof LIVE_PAGE_MODES)[number];

/** As a browser writes it, in lower case and without the port. */
const hostName: ValueType<string> = {
  placeholder: "NAME",
  takes: "a host name without scheme and port, for example kvcast.example.org",
  parse(text: string, place: Place): string {
    const name = text.trim().toLowerCase().replace(/\.$/, "");
    if (isIP(name) === 0 && !/^[a-z0-9](?:[a-z0-9._-]{0,252})$/.test(name))
      throw notAllowed(place, text, hostName.takes);
    return name;
  },
};

export const LIVE_OPTIONS: {
  readonly livePage: Defaulted<LivePageMode>;
  readonly liveAllowedHosts: Repeatable<string>;
} = {
  livePage: {
    name: "live-page",
    type: oneOf(LIVE_PAGE_MODES),
    env: [{ name: "KVCAST_LIVE_PAGE" }],
    default: "auto",
    group: "HTTP",
    help:
      "The live page at / of the system port. auto: wherever it is not for everyone: on an address of this machine, or to those whom a " +
      "web configuration knows. on: the same, and the start fails where nobody could see it.",
  },
  liveAllowedHosts: {
    name: "live-allowed-hosts",
    type: hostName,
    env: [{ name: "KVCAST_LIVE_ALLOWED_HOSTS" }],
    group: "HTTP",
    repeatable: true,
    help:
      "A further name under which browsers may ask for the live page, and on an address of this machine for snapshots and performance " +
      "data. Names of this machine, addresses and --system-host always may; any other is refused, or a foreign page could read these by " +
      "pointing its own name here.",
  },
};
