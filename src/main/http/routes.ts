/**
 * The route table and what every request goes through before and after its handler. MAIN THREAD.
 *
 * Both servers are thin: they hand the head of a request to `Dispatcher.answer` and write what it returns. So the rules of
 * `head-rules.ts` hold on both, whatever their parsers let through. Who may have which route is judged before anything of a body is read.
 */
import type { Response, StreamedResponse } from "./response.ts";
import { messageOf } from "../../shared/errors.ts";
import type { Logger } from "../log.ts";
import type { Access, Client, RouteAccess } from "./access.ts";
import { type Answer, answerOf, NO_BODY, plain, type RequestHead } from "./answer.ts";
import { refusal, tooLarge } from "./head-rules.ts";
import { BODY_DEADLINE_MS, type BodyFault, BodyRoom, type BodySource, readBody } from "./request-body.ts";
import { NO_HANDLER, type RequestCounts } from "./request-counts.ts";

/** What a route that takes a body answers before its handler does. */
const BODY_CODES: readonly number[] = [400, 405, 408, 413, 415];

export interface Request {
  readonly query: URLSearchParams;
  /** By lower-case name; of a repeated header the first value. */
  readonly headers: Readonly<Record<string, string>>;
  /** Empty, except for a route that takes one. */
  readonly body: Buffer;
}

export interface Route {
  /** Compared exactly with the path of the request. */
  readonly path: string;
  /** Who may have it. Absent: it is private. */
  readonly access?: RouteAccess;
  /** Status codes that it gives beside 200, 500 and 503, to be counted apart. */
  readonly codes?: readonly number[];
  /** Most bytes of the JSON body that it takes by POST. Absent: it takes none, and is for GET and HEAD. */
  readonly maxBodyBytes?: number;
  /** May throw: the client then gets a 500 without details, the log the message. */
  readonly handler: (request: Request) => Response | StreamedResponse | Promise<Response | StreamedResponse>;
}

/** A route whose bodies are known as a whole. */
export interface WholeRoute extends Route {
  readonly handler: (request: Request) => Response | Promise<Response>;
}

/** What is said of a body that was not had. */
function faultAnswer(fault: BodyFault, maxBodyBytes: number): Answer {
  if (fault === "too-large") return tooLarge(maxBodyBytes);
  return plain(408, "The body did not come in time", { close: true });
}

function requestOf(head: RequestHead, query: string, body: Buffer): Request {
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of head.headers) headers[name.toLowerCase()] ??= value;
  return { query: new URLSearchParams(query), headers, body };
}

/** The first header of a name in lower case. */
function valueOf({ headers }: RequestHead, wanted: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
}

/** Bytes that the head announces; null when the body comes in chunks. */
function declaredBytes(head: RequestHead): number | null {
  if (head.headers.some(([name]) => name.toLowerCase() === "transfer-encoding")) return null;
  return Number(valueOf(head, "content-length") ?? 0);
}

export class Dispatcher {
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #log: Logger;
  readonly #counts: RequestCounts;
  readonly #access: Access;
  readonly #room: BodyRoom = new BodyRoom();

  constructor(routes: readonly Route[], log: Logger, counts: RequestCounts, access: Access) {
    this.#routes = new Map(routes.map((route) => [route.path, route]));
    this.#log = log;
    this.#counts = counts;
    this.#access = access;
    for (const { path, codes = [], maxBodyBytes } of routes) {
      counts.addRoute(path, maxBodyBytes === undefined ? codes : [...codes, ...BODY_CODES]);
    }
  }

  /**
   * A promise only for what is not turned away by its head alone: a server must know of that before it looks at what follows on the
   * connection. Never rejects. `source` has the body, of which nothing may have been read; what a route does not want is left alone.
   */
  answer(head: RequestHead, source: BodySource, client: Client): Answer | Promise<Answer> {
    const mark = head.target.indexOf("?");
    const path = mark < 0 ? head.target : head.target.slice(0, mark);
    const route = this.#routes.get(path);
    const maxBodyBytes = route?.maxBodyBytes ?? null;
    const refused = refusal(head, maxBodyBytes);
    if (refused !== null) return this.#counted(maxBodyBytes === null ? NO_HANDLER : path, refused);
    return this.#admitted(route, head, mark, source, client);
  }

  async #admitted(
    route: Route | undefined,
    head: RequestHead,
    mark: number,
    source: BodySource,
    client: Client,
  ): Promise<Answer> {
    const maxBodyBytes = route?.maxBodyBytes ?? null;
    // What is not there is shared: whoever may not come in is not told what there is.
    const judged = this.#access.refusal(
      route === undefined ? "shared" : (route.access ?? "private"),
      {
        authorization: valueOf(head, "authorization"),
        host: valueOf(head, "host"),
        origin: valueOf(head, "origin"),
      },
      client,
    );
    // Not waited for without need: what is not read at once of a body is lost with one of the servers.
    const turnedAway = judged instanceof Promise ? await judged : judged;
    if (turnedAway !== null) return this.#counted(NO_HANDLER, answerOf(turnedAway, maxBodyBytes !== null));
    if (route === undefined) return this.#counted(NO_HANDLER, plain(404, "Not found"));
    const { path } = route;
    if (maxBodyBytes === null) return this.#handle(route, head, mark, NO_BODY);
    const reserved = declaredBytes(head) ?? maxBodyBytes;
    if (!this.#room.take(reserved)) {
      return this.#counted(path, plain(503, "Too many bodies are being read", { close: true }));
    }
    try {
      const body = reserved === 0 ? NO_BODY : await readBody(source, maxBodyBytes, BODY_DEADLINE_MS);
      if (typeof body === "string") return this.#counted(path, faultAnswer(body, maxBodyBytes));
      return await this.#handle(route, head, mark, body);
    } finally {
      this.#room.give(reserved);
    }
  }

  async #handle(route: Route, head: RequestHead, mark: number, body: Buffer): Promise<Answer> {
    const { path } = route;
    try {
      const response = await route.handler(requestOf(head, mark < 0 ? "" : head.target.slice(mark + 1), body));
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
    return { ...answer, headers: { ...this.#access.headers, ...answer.headers } };
  }
}
