/**
 * What a TLS server needs, out of a web configuration and the PEM files that it names. MAIN THREAD.
 *
 * Everything is tried here, so that a bad file is found when it is read and not at the first client.
 */
import { constants, randomBytes, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { messageOf } from "../../shared/errors.ts";
import type { ClientAuth } from "./tls-names.ts";
import type { PemSource, TlsSettings } from "./web-config.ts";

export interface TlsMaterial {
  readonly context: SecureContextOptions;
  readonly clientAuth: ClientAuth;
  readonly allowedSans: readonly string[] | null;
}

/** Contents of the files that settings name, by name. */
export type PemFiles = ReadonlyMap<string, Buffer>;

/** What is wrong with one of the certificates or keys. Holds nothing of what stands in it. */
export class TlsMaterialError extends Error {
  /** The key of the web configuration. */
  readonly key: string;

  constructor(key: string, message: string) {
    super(message);
    this.name = "TlsMaterialError";
    this.key = key;
  }
}

/** The files that must be read for these settings. */
export function filesOf({
  cert,
  key,
  clientCa,
}: TlsSettings): readonly { readonly key: string; readonly file: string }[] {
  return [cert, key, clientCa].flatMap((source) => (source !== null && "file" in source ? [source] : []));
}

/** Throws TlsMaterialError. */
export function tlsMaterial(settings: TlsSettings, files: PemFiles): TlsMaterial {
  const { clientAuth, allowedSans, ciphers, curves, minVersion, maxVersion, prefersServerOrder } = settings;
  const clientCa = settings.clientCa === null ? null : certificateOf(settings.clientCa, files);
  const context: SecureContextOptions = {
    cert: certificateOf(settings.cert, files),
    key: pemOf(settings.key, files),
    // None is not the same as Node's own: those would be told to each client as the ones that are wanted.
    ...(clientCa === null ? (clientAuth.verifies ? {} : { ca: [] }) : { ca: clientCa }),
    ...(ciphers === null ? {} : { ciphers }),
    ...(curves === null ? {} : { ecdhCurve: curves }),
    minVersion,
    maxVersion,
    honorCipherOrder: prefersServerOrder,
    // A session that is resumed shows no certificate, so each connection begins anew.
    secureOptions: constants.SSL_OP_NO_TICKET,
    sessionIdContext: randomBytes(16).toString("hex"),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    throw new TlsMaterialError(settings.key.key, `it is not a PEM key of the certificate: ${messageOf(error)}`);
  }
  return { context, clientAuth, allowedSans };
}

function pemOf(source: PemSource, files: PemFiles): Buffer {
  if ("text" in source) return Buffer.from(source.text);
  const content = files.get(source.file);
  if (content === undefined) throw new TlsMaterialError(source.key, "it was not read");
  return content;
}

function certificateOf(source: PemSource, files: PemFiles): Buffer {
  const content = pemOf(source, files);
  try {
    void new X509Certificate(content);
  } catch (error) {
    throw new TlsMaterialError(source.key, `it is not a PEM certificate: ${messageOf(error)}`);
  }
  return content;
}
