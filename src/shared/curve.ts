/**
 * CURVE, the encryption of ZMQ: what a socket must be told to demand it, or to meet the demand. ANY THREAD; pure.
 *
 * Keys are 32 bytes and travel as Z85, 40 printable characters, which is how libzmq takes them.
 */

/** A long-term key pair, both in Z85. */
export interface CurveKeyPair {
  readonly publicKey: string;
  /** Never printed, logged or shown. */
  readonly secretKey: string;
}

/** For a socket that binds and lets in whom the handler of its domain lets in. */
export interface CurveServerData {
  readonly secretKey: string;
  /** What the handler of ZAP requests knows the socket by; not empty. */
  readonly domain: string;
}

/** For a socket that connects to one that demands CURVE. */
export interface CurveClientKeys extends CurveKeyPair {
  /** Public key of the server, in Z85: it is what proves that the server is the one that is meant. */
  readonly serverKey: string;
}

interface ServerSocketOptions {
  readonly curveServer: true;
  readonly curveSecretKey: string;
  readonly zapDomain: string;
  readonly zapEnforceDomain: true;
}

interface ClientSocketOptions {
  readonly curveServerKey: string;
  readonly curvePublicKey: string;
  readonly curveSecretKey: string;
}

/**
 * Options for a socket that binds; none without keys. With the domain enforced, libzmq refuses every client while nobody
 * handles requests: left at its default it would let all of them in.
 */
export function curveServerOptions(curve: CurveServerData | null | undefined): Partial<ServerSocketOptions> {
  if (curve === null || curve === undefined) return {};
  return {
    curveServer: true,
    curveSecretKey: curve.secretKey,
    zapDomain: curve.domain,
    zapEnforceDomain: true,
  };
}

/** Options for a socket that connects; none without keys. */
export function curveClientOptions(curve: CurveClientKeys | null | undefined): Partial<ClientSocketOptions> {
  if (curve === null || curve === undefined) return {};
  return { curveServerKey: curve.serverKey, curvePublicKey: curve.publicKey, curveSecretKey: curve.secretKey };
}

/** Where all share one key pair, each of them is server and client under it. */
export function memberKeys(pair: CurveKeyPair | null | undefined): CurveClientKeys | null {
  return pair === null || pair === undefined ? null : { ...pair, serverKey: pair.publicKey };
}
