/**
 * How an answer gets onto a response of hyper-express. MAIN THREAD.
 *
 * Much of it by hand, on the native response: the library's own ways of a HEAD and of a stream each have a defect, named below.
 */
import { STATUS_CODES } from "node:http";
import type { Request, Response } from "hyper-express";
import type { Answer } from "./answer.ts";
import { type BodySink, type BodyStream, sendBody } from "./body-stream.ts";

/** Status and headers; inside `atomic`. */
function putHead({ raw }: Response, answer: Answer): void {
  raw.writeStatus(`${answer.status} ${STATUS_CODES[answer.status] ?? ""}`);
  for (const [name, value] of Object.entries(answer.headers)) raw.writeHeader(name, value);
}

/**
 * Ends a HEAD with the length that GET would have had. By hand: given a length, the library's own way leaves the native
 * response waiting for a body of that length, and the connection dies with the next request on it.
 */
function writeHead(response: Response, answer: Answer): void {
  response.atomic(() => {
    const { raw } = response;
    putHead(response, answer);
    if (answer.stream === null) raw.writeHeader("Content-Length", String(answer.body.length));
    raw.endWithoutBody();
  });
  response.completed = true;
}

function nothing(): void {}

/**
 * Sends a body piece by piece. `cuts` gets what ends it before its end. The library's own stream buffers beside the native one. The native `write` takes the whole chunk in any case
 * and says whether it had to keep some of it.
 */
export async function writeStream(
  response: Response,
  answer: Answer,
  stream: BodyStream,
  cuts: Set<() => void>,
): Promise<void> {
  const { raw } = response;
  let headWritten = false;
  let changed = nothing;
  const cut = (): void => {
    response.close();
    changed();
  };
  const corked = (writeSome: () => boolean): boolean => {
    let hasRoom = true;
    response.atomic(() => {
      if (!headWritten) {
        headWritten = true;
        putHead(response, answer);
      }
      hasRoom = writeSome();
    });
    return hasRoom;
  };
  const sink: BodySink = {
    get gone() {
      return response.completed;
    },
    write: (chunk) => corked(() => raw.write(chunk)),
    end() {
      corked(() => {
        raw.end(undefined, answer.close);
        return true;
      });
      response.completed = true;
    },
    onChange(callback) {
      changed = callback;
      response.once("abort", callback);
      raw.onWritable(() => {
        callback();
        return true;
      });
    },
  };
  cuts.add(cut);
  try {
    if (!(await sendBody(stream, sink))) response.close();
  } finally {
    cuts.delete(cut);
  }
}

/** Sends an answer whose body is known as a whole, or that has none. */
export function writeAnswer(request: Request, response: Response, answer: Answer): void {
  if (response.completed) return;
  const isHead = request.method === "HEAD";
  if (isHead && !answer.close) {
    writeHead(response, answer);
    return;
  }
  response.status(answer.status);
  for (const [name, value] of Object.entries(answer.headers)) response.header(name, value);
  // An answer would wait for the rest of the body; one that ends the connection need not.
  if (answer.close) request.received = true;
  response.send(isHead ? "" : answer.body, answer.close);
}
