/**
 * The route table on hyper-express. MAIN THREAD; the one user of that library, loaded only when its native module is.
 *
 * The native parser is quick and lenient: it accepts two Host headers and heads of any size, so the rules of the
 * dispatcher are the real gate. What it cannot parse (an absolute request target, HTTP/1.0, a bare line feed) it never
 * answers and drops after some 10 s, as it does slow and idle clients. It knows no limit of connections, and it cannot
 * end idle ones: after `close()` they keep the event loop alive until then, unless the process exits.
 */
import { existsSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { createRequire } from "node:module";
import path from "node:path";
import type { Request, Response, Server } from "hyper-express";
import { messageOf } from "../../shared/errors.ts";
import type { Client } from "./access.ts";
import { writeAnswer, writeStream } from "./hyper-express-answer.ts";
import { bindExclusively } from "./hyper-express-bind.ts";
import { CLOSE_GRACE_MS, type Listener } from "./listener.ts";
import type { BodySource } from "./request-body.ts";
import type { RequestHead } from "./answer.ts";
import type { Dispatcher } from "./routes.ts";

/** Body lengths are judged by the dispatcher; the library must not answer first. */
const ANY_BODY_LENGTH: number = Number.MAX_SAFE_INTEGER;

/** What it knows of clients is not asked for: a web configuration, which would, is not served here. */
const UNKNOWN_CLIENT: Client = { address: "", isVerified: false };

export interface HyperExpressLibrary {
  readonly Server: typeof Server;
}

export type LoadResult =
  | { readonly ok: true; readonly library: HyperExpressLibrary }
  | { readonly ok: false; readonly reason: string };

/**
 * Loads the library if its native module can be. The module is tried first, by itself: without it the library falls
 * back to a stand-in that writes warnings to the console and cannot serve.
 */
export async function loadHyperExpress(): Promise<LoadResult> {
  const kind = `${process.platform}_${process.arch}_${process.versions.modules}`;
  if (process.env["UWS_USE_FALLBACK"]) return { ok: false, reason: "UWS_USE_FALLBACK asks for no native module" };
  try {
    const ours = createRequire(import.meta.url);
    const theirs = createRequire(ours.resolve("hyper-express"));
    const folder = path.dirname(theirs.resolve("uWebSockets.js"));
    const file = [path.join(folder, "../binaries"), folder]
      .map((place) => path.join(place, `uws_${kind}.node`))
      .find((candidate) => existsSync(candidate));
    if (file === undefined) return { ok: false, reason: `no native module for ${kind}` };
    theirs(file);
    const { default: library } = await import("hyper-express");
    return { ok: true, library };
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
}

/** Must be called before anything is awaited: the parser's request lives only as long as its callback. */
function headOf(request: Request): RequestHead {
  const headers: [string, string][] = [];
  request.raw.forEach((name, value) => headers.push([name, value]));
  // Undefined where there is none, whatever the library's types say.
  const query = request.path_query || "";
  return { method: request.method, target: query === "" ? request.path : `${request.path}?${query}`, headers };
}

function nothing(): void {}

/**
 * The body from the native response: the library's own stream of it does not flow. Must be listened to before anything is awaited, as
 * the library has a listener of its own until then.
 */
function bodyOf(request: Request, response: Response): BodySource {
  let ended = nothing;
  return {
    onData(callback) {
      response.raw.onData((chunk, isLast) => {
        // The memory is the parser's, and only lent.
        callback(new Uint8Array(chunk.slice(0)));
        if (!isLast) return;
        request.received = true;
        ended();
      });
    },
    onEnd: (callback) => (ended = callback),
    onGone: (callback) => response.once("abort", callback),
  };
}

/** Throws a BindError when the address is taken or not ours. */
export async function startHyperExpressServer(
  library: HyperExpressLibrary,
  host: string,
  port: number,
  dispatcher: Dispatcher,
): Promise<Listener> {
  const server = new library.Server({ auto_close: false, max_body_length: ANY_BODY_LENGTH });
  /** Each ends a body that is being sent. */
  const cuts = new Set<() => void>();
  let running = 0;
  let closing: Promise<void> | null = null;
  let idle: (() => void) | null = null;

  async function respond(request: Request, response: Response, head: RequestHead): Promise<void> {
    running++;
    try {
      const found = await dispatcher.answer(head, bodyOf(request, response), UNKNOWN_CLIENT);
      const answer = closing === null ? found : { ...found, close: true };
      // The parser has the rest of what came at once still before it. With no answer yet it drops the connection there, and with
      // one it would go on and take what follows for a request.
      if (answer.close) await nextTurn();
      if (answer.stream !== null && request.method !== "HEAD" && !response.completed) {
        await writeStream(response, answer, answer.stream, cuts);
      } else {
        answer.stream?.cancel();
        writeAnswer(request, response, answer);
      }
    } finally {
      if (--running === 0) idle?.();
    }
  }

  async function close(): Promise<void> {
    server.close();
    if (running === 0) return;
    let grace: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      idle = resolve;
      grace = setTimeout(resolve, CLOSE_GRACE_MS);
    });
    clearTimeout(grace);
    for (const cut of cuts) cut();
  }

  server.any("/*", (request, response) => {
    // The native server cannot end idle connections; a request on one that outlived the listening socket ends it.
    if (closing !== null) {
      response.close();
      return;
    }
    respond(request, response, headOf(request)).catch((error: unknown) => {
      dispatcher.unanswered(error);
      response.close();
    });
  });
  await bindExclusively(server, host, port);
  return { port: server.port, close: () => (closing ??= close()) };
}
