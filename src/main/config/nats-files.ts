/**
 * The files that a connection to NATS needs: secrets and PEM files. MAIN THREAD, at start. No message from here repeats anything
 * that stands in a file.
 */
import type { NatsTls } from "../../shared/nats-messages.ts";
import { readTlsFiles } from "./engine-files.ts";
import { readBounded } from "./read-bounded.ts";
import type { NamedFile } from "./option-spec.ts";
import { NATS_OPTIONS } from "./nats-options.ts";
import { refused } from "./option-spec.ts";
import type { OptionSpec, Place } from "./option-spec.ts";

/** The content without the line end that editors leave. Throws ConfigError for a file that is empty, too large or unreadable. */
export function readSecretFile(file: string, place: Place, maxBytes: number): string {
  const content = readBounded(file, place, maxBytes).toString("utf8").trim();
  if (content === "") throw refused(place, `${file} is empty`);
  return content;
}

/** Null when no option asks for TLS: then the server may still demand it. Throws ConfigError. */
export function readTls(
  named: (option: OptionSpec<string>) => NamedFile | undefined,
  insecure: boolean,
): NatsTls | null {
  const files = {
    ca: named(NATS_OPTIONS.natsCaFile),
    clientCert: named(NATS_OPTIONS.natsClientCertFile),
    clientKey: named(NATS_OPTIONS.natsClientKeyFile),
  };
  const { ca, clientCert, clientKey } = readTlsFiles(files);
  if (ca === undefined && clientCert === undefined && !insecure) return null;
  return Object.freeze({ ca: text(ca), cert: text(clientCert), key: text(clientKey?.reveal()), insecure });
}

function text(pem: Buffer | undefined): string | null {
  return pem?.toString("utf8") ?? null;
}
