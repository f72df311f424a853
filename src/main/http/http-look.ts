/**
 * One look at an HTTP address: status, two headers, a bounded body. MAIN THREAD.
 *
 * It takes nothing away: OPTIONS and GET of what is not a drain. Redirects are not followed, link-local and metadata addresses are not
 * connected to.
 */
import { parseBoundedJson } from "../bounded-json.ts";
import type { EngineCredentials } from "../config/config.ts";
import { ADDRESS_REFUSED, isRefusedAddress } from "../engine/engine-address.ts";
import { guardedRequest } from "./guarded-request.ts";

const USUAL_BODY_BYTES: number = 1024 * 1024;

export interface LookOptions {
  readonly method?: "GET" | "OPTIONS";
  readonly timeoutMs: number;
  readonly credentials?: EngineCredentials;
  /** Where the body is cut; a megabyte if not given. */
  readonly maxBodyBytes?: number;
}

export interface Look {
  /** 0: there was no answer, and `failure` says why. */
  readonly status: number;
  /** The code of the failure: `ECONNREFUSED`, `TIMEOUT`. Empty when there was an answer. */
  readonly failure: string;
  /** Verbs of the `Allow` header, in capitals. */
  readonly allow: readonly string[];
  /** Seconds by which the server's clock is ahead, half a second exact at best; null when it does not tell. */
  readonly clockAheadSeconds: number | null;
  /** Cut at `maxBodyBytes`. */
  readonly body: Buffer;
}

/** Never rejects. */
export function lookAt(url: URL, options: LookOptions): Promise<Look> {
  const { method = "GET", timeoutMs, credentials, maxBodyBytes = USUAL_BODY_BYTES } = options;
  if (isRefusedAddress(url.hostname)) return Promise.resolve(failed(ADDRESS_REFUSED));
  return new Promise((resolve) => {
    const request = guardedRequest(url, { method, credentials, signal: AbortSignal.timeout(timeoutMs) });
    request.on("error", (error: NodeJS.ErrnoException) => {
      resolve(
        failed(error.name === "AbortError" || error.name === "TimeoutError" ? "TIMEOUT" : (error.code ?? "ERROR")),
      );
    });
    request.on("response", (response) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      const done = (): void => {
        const { date, allow } = response.headers;
        resolve({
          status: response.statusCode ?? 0,
          failure: "",
          allow: (allow ?? "")
            .toUpperCase()
            .split(/[\s,]+/)
            .filter((verb) => /^[A-Z]{1,16}$/.test(verb)),
          clockAheadSeconds: aheadOf(date),
          body: Buffer.concat(pieces),
        });
      };
      response.on("data", (piece: Buffer) => {
        bytes += piece.length;
        if (bytes <= maxBodyBytes) pieces.push(piece);
        else response.destroy();
      });
      response.on("close", done);
      response.on("error", () => {});
    });
    request.end();
  });
}

function failed(failure: string): Look {
  return { status: 0, failure, allow: [], clockAheadSeconds: null, body: Buffer.alloc(0) };
}

/** The header has whole seconds, cut off: half a second is added. */
function aheadOf(date: string | undefined): number | null {
  const ms = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(ms) ? null : (ms + 500 - Date.now()) / 1000;
}

/** The body as JSON; undefined where it is none. */
export function jsonOf(body: Buffer): unknown {
  try {
    return parseBoundedJson(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
