/**
 * GET of an address that a user named, with the body as it comes. MAIN THREAD.
 *
 * Whoever answers steers nothing: no redirect is followed, no compression accepted, and link-local and metadata addresses are not
 * connected to, whatever a name leads to. How much of the body is read, and for how long, is for the caller to bound.
 */
import type { IncomingMessage } from "node:http";
import type { EngineCredentials } from "../config/config.ts";
import { addressRefusal, isRefusedAddress, type ResolveAll } from "../engine/engine-address.ts";
import { guardedRequest } from "./guarded-request.ts";

export interface OpenAnswer {
  readonly status: number;
  /** Throws where the answer breaks off, and what `signal` says when that is why. Leaving the loop ends the connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection, where the body is of no interest. */
  cancel(): void;
}

export interface GetOptions {
  readonly credentials?: EngineCredentials;
  readonly signal: AbortSignal;
  /** How a name is resolved; for tests. */
  readonly resolve?: ResolveAll;
}

/** Rejects where there is no answer, with `signal`'s reason when that is why. */
export function guardedGet(url: URL, { signal, credentials, resolve: resolveName }: GetOptions): Promise<OpenAnswer> {
  if (isRefusedAddress(url.hostname)) return Promise.reject(addressRefusal(url.hostname));
  return new Promise((resolve, reject) => {
    const request = guardedRequest(url, { credentials, signal, resolve: resolveName });
    request.on("error", (error) => reject(signal.aborted ? signal.reason : error));
    request.on("response", (response) => {
      const coding = response.headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
      const cancel = (): void => void response.destroy();
      if (coding === "identity") {
        return resolve({ status: response.statusCode ?? 0, body: bodyOf(response, signal), cancel });
      }
      cancel();
      return reject(new Error("the answer is compressed although that was not accepted"));
    });
    request.end();
  });
}

async function* bodyOf(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  try {
    const body: AsyncIterable<Buffer> = response;
    yield* body;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    response.destroy();
  }
}
