/**
 * One connection to one NATS server: address, credentials, TLS. PUBLISHER THREAD.
 *
 * The client's own reconnecting is off. It would take messages while the server is away and throw them away, without a
 * word, when it is back; here a connection that is lost stays lost, and what it held is known.
 */
import { connect, type ConnectionOptions, credsAuthenticator, type NatsConnection, nkeyAuthenticator } from "nats";
import { natsLogin, natsTls } from "../shared/nats-login.ts";
import type { NatsConnectionData } from "../shared/nats-messages.ts";
import { NatsProbeError, probeServer } from "./nats-probe.ts";

const DEFAULT_PORT = 4222;
/** For the greeting, and then for all of TLS and authentication. */
const CONNECT_TIMEOUT_MS = 5000;
/** An idle connection is given up after two of these without an answer. */
const PING_INTERVAL_MS = 10_000;

interface Address {
  readonly host: string;
  readonly port: number;
  readonly wantsTls: boolean;
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
    tls: wantsTls ? natsTls(address.host, data.tls) : null,
    ...natsLogin(data.auth, { creds: credsAuthenticator, nkey: nkeyAuthenticator }),
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
