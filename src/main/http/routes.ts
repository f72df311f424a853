/**
 * The route table and what every request goes through before and after its handler. MAIN THREAD.
 *
 * Both servers are thin: they hand the head of a request to `Dispatcher.answer` and write what it returns. So the rules
 * (GET and HEAD only, no bodies, one Host, bounded headers) hold on both, whatever their parsers let through.
 */
import { messageOf } from "../../shared/errors.ts";
import type { Logger } from "../log.ts";
import type { BodyStream } from "./body-stream.ts";
import { NO_HANDLER, type RequestCounts } from "./request-counts.ts";

/** Most bytes of request line and headers together. */
export const MAX_HEAD_BYTES: number = 8 * 1024;
export const TEXT = "text/plain; charset=utf-8";
const NO_BODY: Buffer = Buffer.alloc(0);

export interface Request {
  readonly query: URLSearchParams;
  /** By lower-case name; of a repeated header the first value. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Response {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A response whose body is made while it is sent. For a HEAD request the body is cancelled at once. */
export interface StreamedResponse {
  readonly status: number;
  readonly contentType: string;
  readonly stream: BodyStream;
}

export interface Route {
  /** Compared exactly with the path of the request. */
  readonly path: string;
  /** Status codes that it gives beside 200, 500 and 503, to be counted apart. */
  readonly codes?: readonly number[];
  /** May throw: the client then gets a 500 without details, the log the message. */
  readonly handler: (request: Request) => Response | StreamedResponse | Promise<Response | StreamedResponse>;
}

/** A route whose bodies are known as a whole. */
export interface WholeRoute extends Route {
  readonly handler: (request: Request) => Response | Promise<Response>;
}

/** A request as a server's parser hands it over. */
export interface RequestHead {
  readonly method: string;
  /** The request target as sent: path and query. */
  readonly target: string;
  /** All headers in order, repeated ones as often as they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/**
 * What a server writes. `Content-Length` is the length of `body`, also for HEAD, where the body itself stays away; a stream
 * has none and goes out in chunks.
 */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** In place of `body`, which is empty then. */
  readonly stream: BodyStream | null;
  /** The connection must not be used again, because what follows on it may be a body nobody reads. */
  readonly close: boolean;
}

/** Why a request is turned away before any handler; null for a good one. */
function refusal(head: RequestHead): Answer | null {
  const { method, target, headers } = head;
  let bytes = method.length + target.length;
  let hosts = 0;
  let body = false;
  for (const [name, value] of headers) {
    bytes += name.length + value.length + 4;
    const lower = name.toLowerCase();
    if (lower === "host") hosts++;
    else if (lower === "transfer-encoding" || (lower === "content-length" && value.trim() !== "0")) body = true;
  }
  if (bytes > MAX_HEAD_BYTES) return plain(431, "Request header fields too large", { close: true });
  if (hosts > 1) return plain(400, "More than one Host header", { close: true });
  if (!target.startsWith("/")) return plain(400, "The request target must be a path", { close: true });
  if (method !== "GET" && method !== "HEAD") {
    return plain(405, "Only GET and HEAD are served", { headers: { Allow: "GET, HEAD" }, close: true });
  }
  if (body) return plain(413, "Request bodies are not accepted", { close: true });
  return null;
}

function plain(
  status: number,
  text: string,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly close?: boolean } = {},
): Answer {
  const { headers, close = false } = more;
  return answerOf({ status, contentType: TEXT, body: `${text}\n`, ...(headers && { headers }) }, close);
}

function answerOf(response: Response | StreamedResponse, close: boolean): Answer {
  const isStream = "stream" in response;
  return {
    status: response.status,
    headers: {
      "Content-Type": response.contentType,
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...(isStream ? {} : response.headers),
    },
    body: isStream ? NO_BODY : typeof response.body === "string" ? Buffer.from(response.body, "utf8") : response.body,
    stream: isStream ? response.stream : null,
    close,
  };
}

function requestOf(head: RequestHead, query: string): Request {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of head.headers) headers[name.toLowerCase()] ??= value;
  return { query: new URLSearchParams(query), headers };
}

export class Dispatcher {
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #log: Logger;
  readonly #counts: RequestCounts;

  constructor(routes: readonly Route[], log: Logger, counts: RequestCounts) {
    this.#routes = new Map(routes.map((route) => [route.path, route]));
    this.#log = log;
    this.#counts = counts;
    for (const { path, codes } of routes) counts.addRoute(path, codes);
  }

  /** Never rejects. */
  async answer(head: RequestHead): Promise<Answer> {
    const refused = refusal(head);
    if (refused !== null) return this.#counted(NO_HANDLER, refused);
    const mark = head.target.indexOf("?");
    const path = mark < 0 ? head.target : head.target.slice(0, mark);
    const route = this.#routes.get(path);
    if (route === undefined) return this.#counted(NO_HANDLER, plain(404, "Not found"));
    try {
      const response = await route.handler(requestOf(head, mark < 0 ? "" : head.target.slice(mark + 1)));
      return this.#counted(path, answerOf(response, false));
    } catch (error) {
      this.#log.limited(`http ${path}`).error("HTTP handler failed", { handler: path, error: messageOf(error) });
      return this.#counted(path, plain(500, "Internal error"));
    }
  }

  /** For a server that could not write an answer, which then drops the connection. */
  unanswered(error: unknown): void {
    this.#log.limited("http unanswered").error("HTTP answer could not be written", { error: messageOf(error) });
  }

  #counted(handler: string, answer: Answer): Answer {
    this.#counts.count(handler, answer.status);
    return answer;
  }
}
