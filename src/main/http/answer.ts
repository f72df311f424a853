/** What a server hands to the route table, and what it gets back to write. MAIN THREAD; pure. */
import type { BodyStream } from "./body-stream.ts";
import type { Response, StreamedResponse } from "./response.ts";

export const TEXT = "text/plain; charset=utf-8";
export const NO_BODY: Buffer = Buffer.alloc(0);

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

/** A sentence. */
export function plain(
  status: number,
  text: string,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly close?: boolean } = {},
): Answer {
  const { headers, close = false } = more;
  return answerOf({ status, contentType: TEXT, body: `${text}\n`, ...(headers && { headers }) }, close);
}

/** The answer to a request whose handler gave this. */
export function answerOf(response: Response | StreamedResponse, close: boolean): Answer {
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
