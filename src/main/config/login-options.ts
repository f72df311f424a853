/**
 * How the commands that ask a running kvcast (`check`, `top`, `perf`, `support-bundle`) show who they are, where its web
 * configuration wants to know. Flags only: files, as secrets on a command line are everyone's. MAIN THREAD, at start only.
 */
import type { EngineCredentials } from "./config.ts";
import { readEngineFiles } from "./engine-files.ts";
import type { OptionSpec } from "./option-spec.ts";
import type { Resolver } from "./resolve.ts";
import { fileName } from "./value-types.ts";

const GROUP = "Connection";

export const LOGIN_OPTIONS: {
  readonly headerFile: OptionSpec<string>;
  readonly caFile: OptionSpec<string>;
  readonly clientCertFile: OptionSpec<string>;
  readonly clientKeyFile: OptionSpec<string>;
} = {
  headerFile: {
    name: "header-file",
    type: fileName,
    env: [],
    group: GROUP,
    help: "Headers for the request, a line each, such as Authorization: Basic …; lines that start with # are comments.",
  },
  caFile: {
    name: "ca-file",
    type: fileName,
    env: [],
    group: GROUP,
    help: "PEM certificates that the service's certificate is checked against, in place of the system's.",
  },
  clientCertFile: {
    name: "client-cert-file",
    type: fileName,
    env: [],
    group: GROUP,
    help: "PEM certificate to show to the service. Goes with --client-key-file.",
  },
  clientKeyFile: {
    name: "client-key-file",
    type: fileName,
    env: [],
    group: GROUP,
    help: "PEM private key of that certificate, without a passphrase.",
  },
};

/** What stands in the files. Throws ConfigError. */
export function loadLogin(resolver: Resolver): EngineCredentials {
  return readEngineFiles({
    headers: resolver.namedFile(LOGIN_OPTIONS.headerFile),
    ca: resolver.namedFile(LOGIN_OPTIONS.caFile),
    clientCert: resolver.namedFile(LOGIN_OPTIONS.clientCertFile),
    clientKey: resolver.namedFile(LOGIN_OPTIONS.clientKeyFile),
  });
}
