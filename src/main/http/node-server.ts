/**
 * The route table on `node:http`, for machines where hyper-express' native parser does not load. MAIN THREAD.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { bindError } from "./bind-error.ts";
import { type BodySink, type BodyStream, sendBody } from "./body-stream.ts";
import { CLOSE_GRACE_MS, type Listener } from "./listener.ts";
import { type Dispatcher, MAX_HEAD_BYTES, type RequestHead } from "./routes.ts";

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

async function respond(dispatcher: Dispatcher, message: IncomingMessage, response: ServerResponse): Promise<void> {
  const answer = await dispatcher.answer(headOf(message), {
    onData(callback) {
      // Whoever waits for leave to send the body has it now.
      if (message.headers.expect !== undefined) response.writeContinue();
      message.on("data", callback);
    },
    onEnd: (callback) => message.once("end", callback),
    onGone: (callback) => message.once("close", callback),
  });
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

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearTimeout(grace);
}

/** Throws a BindError when the address is taken or not ours. */
export async function startNodeServer(host: string, port: number, dispatcher: Dispatcher): Promise<Listener> {
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
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    respond(dispatcher, message, response).catch((error: unknown) => {
      dispatcher.unanswered(error);
      response.destroy();
    });
  };
  server.on("request", onRequest);
  // Without this Node would invite the body that is refused anyway.
  server.on("checkContinue", onRequest);
  const boundPort = await listen(server, host, port);
  let closing: Promise<void> | null = null;
  return { port: boundPort, close: () => (closing ??= close(server)) };
}
