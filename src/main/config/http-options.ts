/** Options about who may ask over HTTP, of every command that serves it. MAIN THREAD, at start only. */
import { flagPlace } from "./option-spec.ts";
import type { Defaulted, OptionSpec, Place } from "./option-spec.ts";
import { fileName, onOff } from "./value-types.ts";

const WEB_CONFIG_FILE = "web-config-file";

/** For what is wrong with the file after the start. */
export const WEB_CONFIG_PLACE: Place = flagPlace(WEB_CONFIG_FILE);

export const HTTP_OPTIONS: {
  readonly webConfigFile: OptionSpec<string>;
  readonly insecure: Defaulted<boolean>;
} = {
  webConfigFile: {
    name: WEB_CONFIG_FILE,
    type: fileName,
    env: [{ name: "KVCAST_WEB_CONFIG_FILE" }],
    group: "HTTP",
    help:
      "Prometheus' web configuration for the HTTP server: TLS, client certificates, users with bcrypt passwords, headers, a rate " +
      "limit; docs/http-security.md. Read again when it or a file that it names changes. Probes never need a password.",
  },
  insecure: {
    name: "insecure",
    type: onOff,
    bare: "on",
    env: [{ name: "KVCAST_INSECURE" }],
    default: "off",
    group: "HTTP",
    help:
      "On an address that other machines can reach, serve everything to everyone. Without it, and without a web configuration that " +
      "asks who they are, only probes, /metrics and other answers that are meant for all are served there.",
  },
};
