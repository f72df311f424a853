/**
 * How to log in to a NATS server, in the terms of its client. The publisher thread, which publishes, and the main thread of an index,
 * which reads. No sockets.
 */
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { type Authenticator, type ConnectionOptions, credsAuthenticator, nkeyAuthenticator, type TlsOptions } from "nats";
import { KvcastError } from "./errors.ts";
import type { NatsAuth, NatsTls } from "./nats-messages.ts";

/** Seed or creds file are none. The message says nothing of what they hold. */
export class NatsCredentialsError extends KvcastError {
  constructor(what: string) {
    super("KVCAST_NATS_CREDENTIALS", `${what}: cannot be read`);
  }
}

/** Options of Node's TLS that the client passes through, though its types do not name them. */
interface NodeTls extends TlsOptions {
  readonly minVersion: "TLSv1.2";
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** Against the name that was configured: the client checks the certificate of a bare IP address against "localhost". */
export function natsTls(host: string, tls: NatsTls | null): NodeTls {
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

/** How to log in. Throws NatsCredentialsError. */
export function natsCredentials(auth: NatsAuth): ConnectionOptions {
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
