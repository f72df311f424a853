/**
 * Looks whether a NATS server answers at an address, before the client is let loose on it. PUBLISHER THREAD.
 *
 * The client keeps the socket of an attempt that timed out before the server's first line. At a server that hangs, or an
 * address behind which something else listens, every attempt would cost a file descriptor. The socket here is always
 * closed. And the first line says whether the server demands TLS, which the client has to be told beforehand.
 */
import { connect } from "node:net";
import { KvcastError } from "../shared/errors.ts";

/** The INFO line of a large cluster lists all its members; more than this no server says. */
const MAX_LINE_BYTES = 65_536;
const LINE_END = 0x0a;

/** No NATS server answered in time, or something else did. */
export class NatsProbeError extends KvcastError {}

export interface ServerInfo {
  readonly tlsRequired: boolean;
}

/** Rejects with Node's error, or NatsProbeError, within `timeoutMs`. */
export function probeServer(host: string, port: number, timeoutMs: number): Promise<ServerInfo> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => {
      end(new NatsProbeError("KVCAST_NATS_SILENT", `no NATS server answers at ${host}:${port}`));
    }, timeoutMs);
    // A thread that ends does not wait for a server that does not answer.
    timer.unref();
    socket.unref();
    const end = (error: Error | null): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      // A socket that is being destroyed may still have something to complain about.
      socket.on("error", () => {});
      socket.destroy();
      if (error !== null) reject(error);
    };
    socket.on("error", end);
    socket.on("close", () => end(new NatsProbeError("KVCAST_NOT_NATS", `${host}:${port} hung up without a greeting`)));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (chunk.indexOf(LINE_END) === -1 && bytes < MAX_LINE_BYTES) return;
      const info = parseInfo(Buffer.concat(chunks).toString("utf8"));
      if (info === null) {
        end(new NatsProbeError("KVCAST_NOT_NATS", `what listens at ${host}:${port} is no NATS server`));
        return;
      }
      end(null);
      resolve(info);
    });
  });
}

function parseInfo(text: string): ServerInfo | null {
  const json = /^INFO\s+(\{[^\r\n]*\})\s*\r?\n/u.exec(text)?.[1];
  if (json === undefined) return null;
  try {
    const info: unknown = JSON.parse(json);
    const isRequired =
      typeof info === "object" && info !== null && "tls_required" in info && info.tls_required === true;
    return { tlsRequired: isRequired };
  } catch {
    return null;
  }
}
