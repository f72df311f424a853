/**
 * A real HTTP(S) server in the test's process whose every answer is written by the test.
 *
 * It also watches what a client must never do: two requests at a time.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { Server as NetServer, Socket } from "node:net";
import type { TestContext } from "node:test";
import { Secret } from "../../src/shared/secret.ts";
import type { HttpEngineConfig } from "../../src/main/config/config.ts";

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  /** The client's port: two requests with the same came over one connection. */
  readonly port: number;
  /** Bytes of the request's body. */
  readonly bodyBytes: number;
  readonly body: string;
}

/** Answers request number `n`, counted from 0. */
export type Answer = (response: ServerResponse, n: number, request: IncomingMessage) => void;

export interface ScriptedEngine {
  readonly url: URL;
  readonly requests: SeenRequest[];
  /** Most requests that were unanswered at the same time. */
  readonly maxInFlight: number;
  readonly connections: number;
  readonly server: Server;
}

/** The port of a server that listens. */
export function portOf(server: NetServer): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}

/** Starts one that ends with the test. */
export async function scriptedEngine(t: TestContext, answer: Answer, tls?: ServerOptions): Promise<ScriptedEngine> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let inFlight = 0;
  let maxInFlight = 0;
  let connections = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const n = requests.length;
    let bodyBytes = 0;
    const parts: Buffer[] = [];
    maxInFlight = Math.max(maxInFlight, ++inFlight);
    response.on("close", () => inFlight--);
    request.on("data", (chunk: Buffer) => {
      bodyBytes += chunk.length;
      parts.push(chunk);
    });
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const body = Buffer.concat(parts).toString("utf8");
      requests.push({ method, url, headers, port: request.socket.remotePort ?? 0, bodyBytes, body });
      answer(response, n, request);
    });
  };
  const server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  server.on("connection", (socket: Socket) => {
    connections++;
    socket.setNoDelay(true);
    socket.on("error", () => {});
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return {
    url: new URL(`${tls === undefined ? "http" : "https"}://127.0.0.1:${portOf(server)}`),
    requests,
    server,
    get maxInFlight(): number {
      return maxInFlight;
    },
    get connections(): number {
      return connections;
    },
  };
}

/** A complete engine configuration for `url`. */
export function engineConfig(url: URL, over: Partial<HttpEngineConfig> = {}): HttpEngineConfig {
  return {
    kind: "http",
    name: "engine0",
    url,
    headers: new Secret({}),
    ca: undefined,
    clientCert: undefined,
    clientKey: undefined,
    timeoutMs: 10_000,
    maxResponseBytes: 64 * 1024 * 1024,
    ...over,
  };
}
