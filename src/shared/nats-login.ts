/**
 * How to log in to a NATS server, in the terms of its client. The publisher thread, which publishes, and the main thread of an index,
 * which reads. Values only: the client itself belongs to those who connect, and hands in what makes its authenticators.
 */
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { KvcastError } from "./errors.ts";
import type { NatsAuth, NatsTls } from "./nats-messages.ts";

/** Seed or creds file are none. The message says nothing of what they hold. */
export class NatsCredentialsError extends KvcastError {
  constructor(what: string) {
    super("KVCAST_NATS_CREDENTIALS", `${what}: cannot be read`);
  }
}

/** Options of Node's TLS that the client passes through, though its types do not name them all. */
export interface NodeTls {
  readonly minVersion: "TLSv1.2";
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What makes the client's authenticators. */
export interface Authenticators<A> {
  readonly creds: (contents: Uint8Array) => A;
  readonly nkey: (seed: Uint8Array) => A;
}

/** A part of the client's options. */
export interface NatsLogin<A> {
  readonly authenticator?: A;
  readonly token?: string;
  readonly user?: string;
  readonly pass?: string;
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
export function natsLogin<A extends (nonce?: string) => unknown>(
  auth: NatsAuth,
  make: Authenticators<A>,
): NatsLogin<A> {
  if (auth.creds !== null) return { authenticator: checked(make.creds(bytesOf(auth.creds)), "the creds file") };
  if (auth.nkeySeed !== null) {
    return { authenticator: checked(make.nkey(bytesOf(auth.nkeySeed.trim())), "the nkey seed") };
  }
  if (auth.token !== null) return { token: auth.token };
  if (auth.user === null) return {};
  return { user: auth.user, ...(auth.password === null ? {} : { pass: auth.password }) };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An authenticator that throws does so in the middle of the greeting; better to know before. */
function checked<A extends (nonce?: string) => unknown>(authenticator: A, what: string): A {
  try {
    authenticator("nonce");
  } catch {
    throw new NatsCredentialsError(what);
  }
  return authenticator;
}
