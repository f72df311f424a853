/** What a handler answers. MAIN THREAD. */
import type { BodyStream } from "./body-stream.ts";

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
