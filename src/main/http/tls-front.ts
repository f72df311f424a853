/**
 * TLS in front of the `node:http` server, by a web configuration that may change while it serves. MAIN THREAD.
 *
 * Each connection gets the configuration of the moment: certificates, versions, and what a client must show. Clients that do not
 * are cut off before anything of HTTP is read. A connection that stands keeps what it was made with.
 */
import { type Socket, SocketAddress } from "node:net";
import { X509Certificate } from "node:crypto";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { TlsMaterial } from "../web-config/tls-material.ts";
import type { WebConfigFile } from "../web-config/web-config-file.ts";

const HANDSHAKE_TIMEOUT_MS = 5_000;

export interface TlsFrontOptions {
  readonly file: WebConfigFile;
  /** Takes a connection whose client was let in. */
  readonly deliver: (socket: TLSSocket) => void;
  /** Told why a client was not. */
  readonly onRefused: (reason: string) => void;
}

export class TlsFront {
  readonly #options: TlsFrontOptions;
  /** Connections that were not handed on yet, by the client's address and port. */
  readonly #waiting = new Map<string, Socket>();
  readonly #verified = new WeakSet<object>();
  #server: Server | null = null;
  /** What the server was made of. */
  #material: TlsMaterial | null = null;

  constructor(options: TlsFrontOptions) {
    this.#options = options;
  }

  /** Takes a connection as it comes from the listening socket. */
  async accept(raw: Socket): Promise<void> {
    const peer = peerNameOf(raw);
    this.#waiting.set(peer, raw);
    raw.once("close", () => {
      if (this.#waiting.get(peer) === raw) this.#waiting.delete(peer);
    });
    // It may end before TLS has begun.
    raw.on("error", () => {});
    const { tls } = await this.#options.file.fresh();
    if (raw.destroyed) return;
    if (tls === null) {
      raw.destroy();
      return;
    }
    if (this.#server === null || this.#material !== tls) {
      this.#server = this.#make(tls);
      this.#material = tls;
    }
    this.#server.emit("connection", raw);
  }

  /** Whether the client of this connection has shown a certificate that a known authority has signed. */
  isVerified(socket: object): boolean {
    return this.#verified.has(socket);
  }

  /** Ends connections that are not handed on yet. */
  close(): void {
    for (const raw of this.#waiting.values()) raw.destroy();
  }

  /** A server that listens nowhere: connections are given to it. */
  #make({ context, clientAuth, allowedSans }: TlsMaterial): Server {
    const server = createServer({
      ...context,
      requestCert: clientAuth.asks,
      // Judged below, where it can be said why.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      this.#options.onRefused(error.code ?? "no TLS");
      socket.destroy();
    });
    server.on("secureConnection", (socket) => {
      const certificate = peerOf(socket);
      const reason = clientAuth.asks ? refusalOf(socket, certificate, clientAuth, allowedSans) : null;
      if (reason !== null) {
        this.#options.onRefused(reason);
        socket.destroy();
        return;
      }
      if (clientAuth.verifies && certificate !== null && socket.authorized) this.#verified.add(socket);
      this.#waiting.delete(peerNameOf(socket));
      this.#options.deliver(socket);
    });
    return server;
  }
}

function peerNameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Null where the client has shown none. */
function peerOf(socket: TLSSocket): X509Certificate | null {
  // One that was resumed from an earlier session has none, whatever Node thinks of it.
  const { raw } = socket.getPeerCertificate();
  return raw === undefined ? null : new X509Certificate(raw);
}

function refusalOf(
  socket: TLSSocket,
  certificate: X509Certificate | null,
  clientAuth: TlsMaterial["clientAuth"],
  allowedSans: readonly string[] | null,
): string | null {
  if (certificate === null) return clientAuth.needs ? "no client certificate" : null;
  if (clientAuth.verifies && !socket.authorized) return `client certificate: ${String(socket.authorizationError)}`;
  if (allowedSans === null || sansOf(certificate).some((name) => allowedSans.includes(name))) return null;
  return "client certificate: none of its names is in client_allowed_sans";
}

/** All names that a certificate is for: DNS names, e-mail and IP addresses, URIs. */
export function sansOf({ subjectAltName }: Pick<X509Certificate, "subjectAltName">): readonly string[] {
  // `DNS:a, IP Address:::1, URI:"with, comma"`: what has a comma in it is quoted as JSON.
  const parts = (subjectAltName ?? "").match(/(?:[A-Za-z0-9 ]+):(?:"(?:[^"\\]|\\.)*"|[^,]*)/g) ?? [];
  return parts.flatMap((part) => {
    const [, kind = "", value = ""] = /^\s*(DNS|email|IP Address|URI):(.*)$/s.exec(part) ?? [];
    if (kind === "") return [];
    if (kind === "IP Address") return addressOf(value);
    return value.startsWith('"') ? unquoted(value) : [value];
  });
}

function unquoted(text: string): readonly string[] {
  try {
    return [String(JSON.parse(text))];
  } catch {
    return [];
  }
}

/** As Go writes it, in its shortest form. */
function addressOf(text: string): readonly string[] {
  try {
    return [new SocketAddress({ address: text, family: text.includes(":") ? "ipv6" : "ipv4" }).address];
  } catch {
    return [];
  }
}
