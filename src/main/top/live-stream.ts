/**
 * The stream of a running service, read over HTTP: what it tells, and when it is away. MAIN THREAD.
 *
 * Whoever answers need not be kvcast: lines have a limit, an event is believed only when it has the form of this version, and a
 * connection that is silent is given up.
 */
import { parseBoundedJson } from "../bounded-json.ts";
import type { EngineCredentials } from "../config/config.ts";
import { guardedGet, type OpenAnswer } from "../http/guarded-get.ts";
import { codeOf, EXIT, KvcastError, messageOf } from "../../shared/errors.ts";
import { isFields } from "../../shared/json-object.ts";
import { LIVE_VERSION, type LiveHello, type LiveRow, type LiveSnapshot } from "../../shared/live-snapshot.ts";

export type LiveMessage =
  | { readonly type: "hello"; readonly hello: LiveHello }
  | { readonly type: "row"; readonly row: LiveRow }
  | { readonly type: "snapshot"; readonly snapshot: LiveSnapshot };

/** The service cannot be asked, or does not answer as one. Exit code 69. */
export class NoLiveError extends KvcastError {
  constructor(message: string, cause?: unknown) {
    super("KVCAST_NO_LIVE_VIEW", message, EXIT.unavailable, cause);
  }
}

const MAX_EVENT_CHARS: number = 16 * 1024 * 1024;

/** One snapshot, and its text. Throws NoLiveError. */
export async function fetchSnapshot(
  url: URL,
  timeoutMs: number,
  login?: EngineCredentials,
): Promise<{ readonly snapshot: LiveSnapshot; readonly text: string }> {
  const response = await answer(url, AbortSignal.timeout(timeoutMs), login);
  let text = "";
  try {
    for await (const piece of pieces(response)) {
      text += piece;
      if (text.length > MAX_EVENT_CHARS) throw strange(url);
    }
  } catch (cause) {
    throw cause instanceof KvcastError ? cause : unreachable(url, cause);
  }
  const snapshot = parsed(text, url);
  if (!isSnapshot(snapshot)) throw strange(url);
  return { snapshot, text: text.trimEnd() };
}

/** What one connection tells, until it ends; `silenceMs` without anything ends it as well. Throws NoLiveError. */
export async function* liveMessages(
  url: URL,
  silenceMs: number,
  signal: AbortSignal,
  login?: EngineCredentials,
): AsyncGenerator<LiveMessage, void> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error(`nothing for ${silenceMs / 1000} s`)), silenceMs);
  try {
    const response = await answer(url, AbortSignal.any([signal, silence.signal]), login);
    let rest = "";
    for await (const piece of pieces(response)) {
      timer.refresh();
      const events = (rest + piece).split("\n\n");
      rest = events.pop() ?? "";
      if (rest.length > MAX_EVENT_CHARS) throw strange(url);
      for (const event of events) {
        const message = messageOfEvent(event, url);
        if (message !== null) yield message;
      }
    }
  } catch (cause) {
    if (signal.aborted) return;
    throw cause instanceof KvcastError ? cause : unreachable(url, cause);
  } finally {
    clearTimeout(timer);
  }
}

async function answer(url: URL, signal: AbortSignal, credentials?: EngineCredentials): Promise<OpenAnswer> {
  let response: OpenAnswer;
  try {
    response = await guardedGet(url, { signal, ...(credentials && { credentials }) });
  } catch (cause) {
    throw unreachable(url, cause);
  }
  if (response.status === 200) return response;
  response.cancel();
  const why =
    response.status === 403 || response.status === 404
      ? "it shows no live view here: an older kvcast, or --live-page off, or an address beyond its own machine; docs/live-page.md"
      : response.status === 401
        ? "it asks for a password: give --header-file"
        : response.status === 503
          ? "as many live pages as are allowed are open"
          : `it answers with HTTP status ${response.status}`;
  throw new NoLiveError(`${url.origin}: ${why}`);
}

async function* pieces(response: OpenAnswer): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  for await (const bytes of response.body) yield decoder.decode(bytes, { stream: true });
}

function messageOfEvent(event: string, url: URL): LiveMessage | null {
  const name = /^event: ?(.*)$/m.exec(event)?.[1];
  const text = /^data: ?(.*)$/m.exec(event)?.[1];
  if (name === undefined || text === undefined) return null;
  const value = parsed(text, url);
  if (name === "hello" && isHello(value)) return { type: "hello", hello: value };
  if (name === "row" && isRow(value)) return { type: "row", row: value };
  if (name === "snapshot" && isSnapshot(value)) return { type: "snapshot", snapshot: value };
  if (name === "hello" || name === "row" || name === "snapshot") throw strange(url);
  return null;
}

function parsed(text: string, url: URL): unknown {
  try {
    return parseBoundedJson(text);
  } catch {
    throw strange(url);
  }
}

function isRow(value: unknown): value is LiveRow {
  return Array.isArray(value) && value.every((cell) => cell === null || typeof cell === "number");
}

function isHello(value: unknown): value is LiveHello {
  if (!isOfVersion(value)) return false;
  const { service, history, markers, tail } = value;
  return (
    isFields(service) &&
    typeof service["version"] === "string" &&
    listOf(history) &&
    history.every(isRow) &&
    listOf(markers) &&
    listOf(tail)
  );
}

function isSnapshot(value: unknown): value is LiveSnapshot {
  if (!isOfVersion(value)) return false;
  const { stages, engines, checks, markers, tail } = value;
  return [stages, engines, checks, markers, Object(tail).events].every(listOf);
}

function isOfVersion(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && "version" in value && value.version === LIVE_VERSION;
}

function listOf(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.every((each) => typeof each === "object" && each !== null);
}

function strange(url: URL): NoLiveError {
  return new NoLiveError(
    `${url.origin} does not answer as a kvcast serve of this version does; is it its --system-port?`,
  );
}

function unreachable(url: URL, cause: unknown): NoLiveError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = codeOf(inner) ?? messageOf(inner);
  return new NoLiveError(
    `${url.origin} cannot be reached (${code}); is kvcast serve running, and this its --system-port?`,
    cause,
  );
}
