/**
 * Why one drain of an engine failed, as a value: a poll loop counts it and goes on. MAIN THREAD.
 */
import type { SourceErrorReason } from "../metrics/engine-counters.ts";
import { codeOf, KvcastError } from "../../shared/errors.ts";
import { ADDRESS_REFUSED } from "./engine-address.ts";

/** `schema` is for readers of the body; the rest of the reasons are seen while it is fetched. */
export type DrainFailure = Exclude<SourceErrorReason, "schema">;

export interface DrainErrorDetail {
  /** HTTP status of the refused answer; 0 when it is not about one. */
  readonly status?: number;
  /** A kept-alive connection was closed by the engine just as we wrote to it. */
  readonly staleSocket?: boolean;
  readonly cause?: unknown;
}

export class DrainError extends KvcastError {
  readonly reason: DrainFailure;
  readonly status: number;
  /**
   * The request was written to a connection that the engine had closed as idle: it was never read, nothing is lost, and
   * it says nothing about the engine. The next drain opens a new connection and may start at once.
   */
  readonly staleSocket: boolean;

  constructor(reason: DrainFailure, message: string, detail: DrainErrorDetail = {}) {
    super("KVCAST_DRAIN_FAILED", message, undefined, detail.cause);
    this.reason = reason;
    this.status = detail.status ?? 0;
    this.staleSocket = detail.staleSocket ?? false;
  }
}

/**
 * Classifies an error of the socket or of the HTTP parser.
 *
 * Only the code enters the message: the texts of TLS and parser errors hold what the other side sent. A connection that
 * ends inside the body is `connect`, not `decode`: the reason names the place to look at, and that is the network or a
 * dying engine, not the JSON.
 *
 * @param answering the head of the answer had arrived
 * @param reused the request went over a kept-alive connection
 */
export function drainErrorFrom(cause: unknown, answering: boolean, reused: boolean): DrainError {
  const code = codeOf(cause) ?? "unknown error";
  if (code === "HPE_HEADER_OVERFLOW") return new DrainError("oversize", "the answer's headers are too long", { cause });
  if (code.startsWith("HPE_")) return new DrainError("decode", `the answer is not valid HTTP (${code})`, { cause });
  if (code === ADDRESS_REFUSED) {
    return new DrainError("connect", "the engine's name points to a link-local or metadata address", { cause });
  }
  if (answering) {
    return new DrainError("connect", `the connection ended inside the answer (${code}): the rest of it is lost`, {
      cause,
    });
  }
  const staleSocket = reused && (code === "ECONNRESET" || code === "EPIPE");
  if (staleSocket)
    return new DrainError("connect", `the engine closed an idle connection (${code})`, { cause, staleSocket });
  return new DrainError("connect", `no connection to the engine, or it ended before an answer (${code})`, { cause });
}
