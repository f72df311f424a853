/**
 * The route table on `node:http`, for machines where hyper-express' native parser does not load, and wherever there is a web
 * configuration. MAIN THREAD.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../log.ts";
import type { WebConfigFile } from "../web-config/web-config-file.ts";
import type { Client } from "./access.ts";
import { bindError } from "./bind-error.ts";
import { type BodySink, type BodyStream, sendBody } from "./body-stream.ts";
import type { BodySource } from "./request-body.ts";
import { CLOSE_GRACE_MS, type Listener } from "./listener.ts";
import type { RequestHead } from "./answer.ts";
import { MAX_HEAD_BYTES } from "./head-rules.ts";
import type { Dispatcher } from "./routes.ts";
import { TlsFront } from "./tls-front.ts";

const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than the usual scrape interval of 15 s, so that a scraper keeps its connection. */
const KEEP_ALIVE_TIMEOUT_MS = 20_000;
/** Node looks for late clients only this often; its default of 30 s would void the timeouts above. */
const CHECK_INTERVAL_MS = 1_000;
const MAX_CONNECTIONS = 256;
const MAX_REQUESTS_PER_CONNECTION = 1_000;

/** Pairs of `rawHeaders`, which unlike `headers` keep repeated ones apart. */
function headOf(message: IncomingMessage): RequestHead {
  const raw = message.rawHeaders;
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) headers.push([raw[i] ?? "", raw[i + 1] ?? ""]);
  return { method: message.method ?? "", target: message.url ?? "", headers };
}

function bodyOf(message: IncomingMessage, response: ServerResponse): BodySource {
  return {
    onData(callback) {
      // Whoever waits for leave to send the body has it now.
      if (message.headers.expect !== undefined) response.writeContinue();
      message.on("data", callback);
    },
    onEnd: (callback) => message.once("end", callback),
    onGone: (callback) => message.once("close", callback),
  };
}

async function respond(
  dispatcher: Dispatcher,
  client: Client,
  message: IncomingMessage,
  response: ServerResponse,
  ending: WeakSet<object>,
): Promise<void> {
  // What follows a request that was turned away is not believed to be one; the parser hands it over all the same, and at once.
  if (ending.has(message.socket)) return;
  const found = dispatcher.answer(headOf(message), bodyOf(message, response), client);
  if (!(found instanceof Promise) && found.close) ending.add(message.socket);
  const answer = await found;
  // The client may have left while the handler ran; writing then is a no-op, not an error.
  response.on("error", () => {});
  response.shouldKeepAlive &&= !answer.close;
  if (answer.stream !== null) {
    response.writeHead(answer.status, answer.headers);
    return respondStream(message, response, answer.stream);
  }
  response.writeHead(answer.status, { ...answer.headers, "Content-Length": answer.body.length });
  if (message.method === "HEAD") response.end();
  else response.end(answer.body);
}

async function respondStream(message: IncomingMessage, response: ServerResponse, stream: BodyStream): Promise<void> {
  if (message.method === "HEAD") {
    stream.cancel();
    response.end();
    return;
  }
  const sink: BodySink = {
    get gone() {
      return response.destroyed;
    },
    write: (chunk) => response.write(chunk),
    end: () => response.end(),
    onChange: (callback) => response.on("drain", callback).on("close", callback),
  };
  if (!(await sendBody(stream, sink))) response.destroy();
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(bindError(host, port, error)));
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

/** Has the server take its connections from TLS. */
function frontOf(server: Server, { file, log }: NonNullable<NodeServerOptions["tls"]>): TlsFront {
  const [takeConnection] = server.listeners("connection");
  if (takeConnection === undefined) throw new Error("the HTTP server takes no connections");
  server.removeAllListeners("connection");
  const front = new TlsFront({
    file,
    deliver: (socket) => void Reflect.apply(takeConnection, server, [socket]),
    onRefused: (reason) => log.limited("tls client").warn("a client was refused by TLS", { reason }),
  });
  server.on("connection", (raw: Socket) => void front.accept(raw));
  return front;
}

async function close(server: Server, front: TlsFront | null): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  front?.close();
  server.closeIdleConnections();
  const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(grace);
}

export interface NodeServerOptions {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly dispatcher: Dispatcher;
  /** Null: plain HTTP. */
  readonly tls: { readonly file: WebConfigFile; readonly log: Logger } | null;
}

/** Throws a BindError when the address is taken or not ours. */
export async function startNodeServer({ host, port, dispatcher, tls }: NodeServerOptions): Promise<Listener> {
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
    insecureHTTPParser: false,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  const front = tls === null ? null : frontOf(server, tls);
  /** Connections that end with the answer that is being written. */
  const ending = new WeakSet<object>();
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    const { socket } = message;
    const client = { address: socket.remoteAddress ?? "", isVerified: front?.isVerified(socket) ?? false };
    respond(dispatcher, client, message, response, ending).catch((error: unknown) => {
      dispatcher.unanswered(error);
      response.destroy();
    });
  };
  server.on("request", onRequest);
  // Without this Node would invite the body that is refused anyway.
  server.on("checkContinue", onRequest);
  const boundPort = await listen(server, host, port);
  let closing: Promise<void> | null = null;
  return { port: boundPort, close: () => (closing ??= close(server, front)) };
}
