/**
 * One connection to one NATS server: address, credentials, TLS. PUBLISHER THREAD.
 *
 * The client's own reconnecting is off. It would take messages while the server is away and throw them away, without a
 * word, when it is back; here a connection that is lost stays lost, and what it held is known.
 */
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import {
  type Authenticator,
  connect,
  type ConnectionOptions,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  type TlsOptions,
} from "nats";
import { KvcastError } from "../shared/errors.ts";
import type { NatsAuth, NatsConnectionData, NatsTls } from "../shared/nats-messages.ts";
import { NatsProbeError, probeServer } from "./nats-probe.ts";

const DEFAULT_PORT = 4222;
/** For the greeting, and then for all of TLS and authentication. */
const CONNECT_TIMEOUT_MS = 5000;
/** An idle connection is given up after two of these without an answer. */
const PING_INTERVAL_MS = 10_000;

/** Seed or creds file are none. The message says nothing of what they hold. */
export class NatsCredentialsError extends KvcastError {
  constructor(what: string) {
    super("KVCAST_NATS_CREDENTIALS", `${what}: cannot be read`);
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly wantsTls: boolean;
}

/** Options of Node's TLS that the client passes through, though its types do not name them. */
interface NodeTls extends TlsOptions {
  readonly minVersion: "TLSv1.2";
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** How a server is called in reports. */
export function serverName(server: string): string {
  if (!URL.canParse(urlOf(server))) return "no address at all";
  const { host, port } = addressOf(server);
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Connects to one of the servers. Rejects when that fails, the caller tries again; or when `isWanted` says no in between, so
 * that a thread which ends does not wait for a server.
 */
export async function connectTo(
  server: string,
  data: NatsConnectionData,
  isWanted: () => boolean,
): Promise<NatsConnection> {
  const address = addressOf(server);
  const { tlsRequired } = await probeServer(address.host, address.port, CONNECT_TIMEOUT_MS);
  if (!isWanted()) throw new NatsProbeError("KVCAST_NATS_UNWANTED", "the connection is not wanted any more");
  const wantsTls = tlsRequired || address.wantsTls || data.tls !== null;
  const options: ConnectionOptions = {
    servers: serverName(server),
    name: data.name,
    reconnect: false,
    // The system resolves names: its hosts file counts, and all addresses are tried.
    resolve: false,
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    tls: wantsTls ? tlsOptions(address.host, data.tls) : null,
    ...credentials(data.auth),
  };
  return connect(options);
}

function urlOf(server: string): string {
  return server.includes("://") ? server : `nats://${server}`;
}

function addressOf(server: string): Address {
  const url = new URL(urlOf(server));
  return {
    host: url.hostname.replaceAll(/^\[|\]$/gu, ""),
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    wantsTls: url.protocol === "tls:",
  };
}

/** Against the name that was configured: the client checks the certificate of a bare IP address against "localhost". */
function tlsOptions(host: string, tls: NatsTls | null): NodeTls {
  return {
    minVersion: "TLSv1.2",
    rejectUnauthorized: tls?.insecure !== true,
    checkServerIdentity: (_, certificate) =>
      tls?.insecure === true ? undefined : checkServerIdentity(host, certificate),
    ...(tls?.ca == null ? {} : { ca: tls.ca }),
    ...(tls?.cert == null ? {} : { cert: tls.cert }),
    ...(tls?.key == null ? {} : { key: tls.key }),
  };
}

/** Throws NatsCredentialsError. */
function credentials(auth: NatsAuth): ConnectionOptions {
  if (auth.creds !== null) {
    return { authenticator: checked(credsAuthenticator(bytesOf(auth.creds)), "the creds file") };
  }
  if (auth.nkeySeed !== null) {
    return { authenticator: checked(nkeyAuthenticator(bytesOf(auth.nkeySeed.trim())), "the nkey seed") };
  }
  if (auth.token !== null) return { token: auth.token };
  if (auth.user === null) return {};
  return { user: auth.user, ...(auth.password === null ? {} : { pass: auth.password }) };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An authenticator that throws does so in the middle of the greeting; better to know before. */
function checked(authenticator: Authenticator, what: string): Authenticator {
  try {
    authenticator("nonce");
  } catch {
    throw new NatsCredentialsError(what);
  }
  return authenticator;
}
