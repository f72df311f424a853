/**
 * The files that `serve` needs to talk to an engine: request headers, which are secrets, and PEM files. MAIN THREAD, at
 * start and whenever they are to be read again. No message from here repeats anything that stands in a file.
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { type ConfigError, messageOf } from "../../shared/errors.ts";
import { Secret } from "../../shared/secret.ts";
import { FRAMING_HEADERS } from "../engine/framing-headers.ts";
import type { EngineCredentials } from "./config.ts";
import type { NamedFile, Place } from "./option-spec.ts";
import { refused } from "./option-spec.ts";
import { readBounded } from "./read-bounded.ts";

const MAX_HEADER_FILE_BYTES = 64 * 1024;
/** The certificates of every public authority together have a quarter of this. */
const MAX_PEM_BYTES = 1024 * 1024;
const MAX_HEADERS = 64;

const NO_HEADERS: EngineCredentials["headers"] = new Secret(Object.freeze({}));

/** What HTTP calls a token; it has no separator and no control character in it. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** Printable ASCII and tabs: no line break can come through, so no header can be smuggled in. */
const HEADER_VALUE = /^[\t\u0020-\u007e]+$/;
/** The headers of a file, names in lower case. Throws ConfigError with the line, never with what stands there. */
export function readHeaderFile(file: string, place: Place): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  const lines = readBounded(file, place, MAX_HEADER_FILE_BYTES)
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .split("\n");
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const fail = (reason: string): ConfigError => refused(place, `${file} line ${index + 1}: ${reason}`);
    const colon = line.indexOf(":");
    if (colon === -1) throw fail("no colon; a line is Name: value");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!HEADER_NAME.test(name)) throw fail("what stands before the colon is not a header name");
    if (!HEADER_VALUE.test(value)) throw fail("the value is empty or has characters other than printable ASCII");
    if (FRAMING_HEADERS.has(name)) throw fail(`${name} is set by kvcast itself`);
    if (headers.has(name)) throw fail("a header of this name stands further up");
    if (headers.size === MAX_HEADERS) throw fail(`more than ${MAX_HEADERS} headers`);
    headers.set(name, value);
  }
  return Object.freeze(Object.fromEntries(headers));
}

/** The files that were named, each with the place that did. */
export interface EngineFiles {
  readonly headers: NamedFile | undefined;
  readonly ca: NamedFile | undefined;
  readonly clientCert: NamedFile | undefined;
  readonly clientKey: NamedFile | undefined;
}

/** All of them, or a ConfigError: never some of the new ones beside some of the old. */
export function readEngineFiles(files: EngineFiles): EngineCredentials {
  const { headers } = files;
  return {
    headers: headers === undefined ? NO_HEADERS : new Secret(readHeaderFile(headers.file, headers.place)),
    ...readTlsFiles(files),
  };
}

export interface TlsFiles {
  readonly ca: Buffer | undefined;
  readonly clientCert: Buffer | undefined;
  readonly clientKey: Secret<Buffer> | undefined;
}

/** Reads and checks the PEM files. Throws ConfigError for one that OpenSSL would not take, and for half a pair. */
export function readTlsFiles(files: {
  readonly ca: NamedFile | undefined;
  readonly clientCert: NamedFile | undefined;
  readonly clientKey: NamedFile | undefined;
}): TlsFiles {
  const { ca, clientCert, clientKey } = files;
  if (clientCert !== undefined && clientKey === undefined) {
    throw refused(clientCert.place, `a client certificate needs its key; give ${twin(clientCert.place, "key")} too`);
  }
  if (clientKey !== undefined && clientCert === undefined) {
    throw refused(clientKey.place, `a client key needs its certificate; give ${twin(clientKey.place, "cert")} too`);
  }
  const key = clientKey === undefined ? undefined : readBounded(clientKey.file, clientKey.place, MAX_PEM_BYTES);
  const result: TlsFiles = {
    ca: ca === undefined ? undefined : readCertificate(ca),
    clientCert: clientCert === undefined ? undefined : readCertificate(clientCert),
    clientKey: key === undefined ? undefined : new Secret(key),
  };
  if (clientKey !== undefined) {
    try {
      createSecureContext({ cert: result.clientCert, key });
    } catch (error) {
      throw refused(clientKey.place, `${clientKey.file} is not a PEM key of the certificate: ${messageOf(error)}`);
    }
  }
  return result;
}

/** The option that goes with this one: that of the engine's connection, or of another. */
function twin(place: Place, wanted: "key" | "cert"): string {
  const option = /--(?:[\w-]+-)?client-(?:cert|key)-file/.exec(place.label)?.[0] ?? "--engine-client-cert-file";
  return option.replace(/(?:cert|key)-file$/, `${wanted}-file`);
}

function readCertificate({ file, place }: NamedFile): Buffer {
  const content = readBounded(file, place, MAX_PEM_BYTES);
  try {
    void new X509Certificate(content);
  } catch (error) {
    throw refused(place, `${file} is not a PEM certificate: ${messageOf(error)}`);
  }
  return content;
}
