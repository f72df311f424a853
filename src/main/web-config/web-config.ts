/**
 * Prometheus' web configuration: who may ask over HTTP, and over which TLS. MAIN THREAD; pure.
 *
 * The format is that of Prometheus and all its exporters, key for key, so that one file and one way to check it
 * (`promtool check web-config`) do for all. What stands in the files that it names is read elsewhere.
 */
import path from "node:path";
import type { YamlNode } from "../config/yaml-tree.ts";
import { goDurationMs } from "./duration.ts";
import {
  CIPHERS,
  CIPHERS_13,
  CLIENT_AUTHS,
  type ClientAuth,
  CURVES,
  type SpokenVersion,
  VERSIONS,
} from "./tls-names.ts";
import { type Fault, YamlFields } from "./yaml-fields.ts";

/** PEM in a file of its own, or in the web configuration itself. */
export type PemSource =
  | { readonly key: string; readonly file: string }
  | { readonly key: string; readonly text: string };

export interface TlsSettings {
  readonly cert: PemSource;
  readonly key: PemSource;
  /** Null: the authorities that Node knows. */
  readonly clientCa: PemSource | null;
  readonly clientAuth: ClientAuth;
  /** A certificate must have one of these names; null: any. */
  readonly allowedSans: readonly string[] | null;
  readonly minVersion: SpokenVersion;
  readonly maxVersion: SpokenVersion;
  /** As OpenSSL writes them; null: its own choice. */
  readonly ciphers: string | null;
  readonly curves: string | null;
  readonly prefersServerOrder: boolean;
}

export interface RateLimit {
  /** Requests that may come at once. */
  readonly burst: number;
  /** Until one more may come. */
  readonly intervalMs: number;
}

export interface WebConfig {
  /** Null: plain HTTP. */
  readonly tls: TlsSettings | null;
  /** For every answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly rateLimit: RateLimit | null;
  /** bcrypt hashes by user name; empty: no password is asked for. */
  readonly users: ReadonlyMap<string, string>;
}

const TLS_KEYS = [
  "cert",
  "key",
  "client_ca",
  "cert_file",
  "key_file",
  "client_auth_type",
  "client_ca_file",
  "cipher_suites",
  "curve_preferences",
  "min_version",
  "max_version",
  "prefer_server_cipher_suites",
  "client_allowed_sans",
] as const;
/** One of these makes it a server of TLS. */
const TLS_SIGNS = ["cert", "key", "client_ca", "cert_file", "key_file", "client_auth_type", "client_ca_file"] as const;

/** Headers that may be set, and to what where that is fixed. */
const HEADERS: ReadonlyMap<string, readonly string[] | null> = new Map([
  ["Strict-Transport-Security", null],
  ["X-Content-Type-Options", ["nosniff"]],
  ["X-Frame-Options", ["deny", "sameorigin"]],
  ["X-XSS-Protection", null],
  ["Content-Security-Policy", null],
]);
/** Printable ASCII: no line break can come through. */
const HEADER_VALUE = /^[\t\u0020-\u007e]*$/;

/** The versions of bcrypt, its cost, and 22 characters of salt before 31 of hash. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** One check of cost 17 takes ten seconds; `htpasswd` makes no higher ones. */
const MAX_COST = 17;
const MIN_COST = 4;
const MAX_BURST = 1_000_000;

/** Throws what `fault` makes. Names of files are taken to be beside `file`. */
export function webConfigOf(root: YamlNode, file: string, fault: Fault): WebConfig {
  const top = new YamlFields(
    null,
    root,
    ["tls_server_config", "http_server_config", "rate_limit", "basic_auth_users"],
    fault,
  );
  const http = top.map("http_server_config", ["http2", "headers"]);
  // Either is fine: HTTP/1.1 is spoken, which every client falls back to.
  http.flag("http2", true);
  return {
    tls: tlsOf(top.map("tls_server_config", TLS_KEYS), path.dirname(file)),
    headers: headersOf(http.map("headers", null)),
    rateLimit: rateLimitOf(top.map("rate_limit", ["burst", "interval"])),
    users: usersOf(top.map("basic_auth_users", null)),
  };
}

function tlsOf(fields: YamlFields, folder: string): TlsSettings | null {
  const versions = versionsOf(fields);
  const suites = namesOf(fields, "cipher_suites", [...CIPHERS.keys(), ...CIPHERS_13]);
  const curves = namesOf(fields, "curve_preferences", [...CURVES.keys()]);
  const prefersServerOrder = fields.flag("prefer_server_cipher_suites", true);
  const allowedSans = fields.texts("client_allowed_sans");
  if (TLS_SIGNS.every((key) => fields.text(key) === "")) {
    if (allowedSans === null) return null;
    throw fields.fault(
      "client_allowed_sans",
      "there is no TLS to ask for certificates; cert_file and key_file are missing",
    );
  }
  const cert = pemOf(fields, "cert", folder);
  const key = pemOf(fields, "key", folder);
  if (cert === null) throw fields.fault("cert_file", "it is missing, and so is cert; TLS needs one of them");
  if (key === null) throw fields.fault("key_file", "it is missing, and so is key; TLS needs one of them");
  const clientCa = pemOf(fields, "client_ca", folder);
  const clientAuth = CLIENT_AUTHS.get(fields.text("client_auth_type") || "NoClientCert");
  if (clientAuth === undefined) {
    throw fields.fault("client_auth_type", `it takes one of ${[...CLIENT_AUTHS.keys()].join(", ")}`);
  }
  if (clientCa !== null && !clientAuth.asks) {
    throw fields.fault(clientCa.key, "it has no use without a client_auth_type that asks for certificates");
  }
  if (allowedSans !== null && !clientAuth.needs) {
    throw fields.fault(
      "client_allowed_sans",
      "client_auth_type must be RequireAnyClientCert or RequireAndVerifyClientCert, or clients come in without a certificate",
    );
  }
  return {
    cert,
    key,
    clientCa,
    clientAuth,
    allowedSans,
    ...versions,
    ciphers: suites === null ? null : [...CIPHERS_13, ...suites.flatMap((name) => CIPHERS.get(name) ?? [])].join(":"),
    curves: curves === null ? null : curves.flatMap((name) => CURVES.get(name) ?? []).join(":"),
    prefersServerOrder,
  };
}

/** The file goes before the text, as with Prometheus. */
function pemOf(fields: YamlFields, key: "cert" | "key" | "client_ca", folder: string): PemSource | null {
  const file = fields.text(`${key}_file`);
  if (file.includes("\0")) throw fields.fault(`${key}_file`, "it holds a NUL character");
  if (file !== "") return { key: `${key}_file`, file: path.resolve(folder, file) };
  const text = fields.text(key);
  return text === "" ? null : { key, text };
}

function versionsOf(fields: YamlFields): Pick<TlsSettings, "minVersion" | "maxVersion"> {
  const versionOf = (key: string, usual: SpokenVersion): SpokenVersion | null => {
    const name = fields.text(key);
    const version = name === "" ? usual : VERSIONS.get(name);
    if (version !== undefined) return version;
    throw fields.fault(key, `it takes one of ${[...VERSIONS.keys()].join(", ")}`);
  };
  // Less than 1.2 is allowed and not used: OpenSSL as Node has it speaks nothing older with today's certificates.
  const minVersion = versionOf("min_version", "TLSv1.2") ?? "TLSv1.2";
  const maxVersion = versionOf("max_version", "TLSv1.3");
  if (maxVersion === null)
    throw fields.fault("max_version", "nothing older than TLS12 is spoken, so none could connect");
  if (minVersion > maxVersion) throw fields.fault("max_version", "it is less than min_version");
  return { minVersion, maxVersion };
}

/** Null: nothing is chosen. */
function namesOf(fields: YamlFields, key: string, known: readonly string[]): readonly string[] | null {
  const names = fields.texts(key) ?? [];
  if (names.some((name) => !known.includes(name))) {
    throw fields.fault(key, `there is an entry that is not known; it takes ${known.join(", ")}`);
  }
  return names.length === 0 ? null : names;
}

function headersOf(fields: YamlFields): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const name of fields.keys) {
    const values = HEADERS.get(name);
    if (values === undefined) {
      throw fields.fault(name, `this header cannot be set; these can: ${[...HEADERS.keys()].join(", ")}`);
    }
    const value = fields.text(name);
    if (values !== null && !values.includes(value)) throw fields.fault(name, `it takes ${values.join(" or ")}`);
    if (!HEADER_VALUE.test(value)) throw fields.fault(name, "it has characters other than printable ASCII");
    headers[name] = value;
  }
  return Object.freeze(headers);
}

function rateLimitOf(fields: YamlFields): RateLimit | null {
  const burst = fields.whole("burst", MAX_BURST);
  const interval = fields.text("interval");
  const intervalMs = interval === "" ? 0 : goDurationMs(interval);
  if (intervalMs === null) throw fields.fault("interval", "it takes a duration such as 100ms, 1s or 1m30s");
  if (intervalMs === 0) return null;
  if (burst === 0)
    throw fields.fault("interval", "with a burst of 0 no request would ever be answered; give burst too");
  return { burst, intervalMs };
}

function usersOf(fields: YamlFields): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const name of fields.keys) {
    const hash = fields.text(name);
    const cost = Number(BCRYPT.exec(hash)?.[1] ?? Number.NaN);
    if (name.includes(":")) throw fields.fault(name, "a user name cannot hold a colon: HTTP ends it there");
    if (Number.isNaN(cost)) {
      throw fields.fault(
        name,
        "this is no bcrypt hash; make one with htpasswd -nBC 10 NAME, of which the part behind the colon",
      );
    }
    if (cost < MIN_COST || cost > MAX_COST) {
      throw fields.fault(name, `the cost of the hash is ${cost}; it may be from ${MIN_COST} to ${MAX_COST}`);
    }
    users.set(name, hash);
  }
  return users;
}
