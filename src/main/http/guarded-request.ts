/**
 * A request to an address that a user named, as all commands send it that look at engines and services. MAIN THREAD.
 *
 * Link-local and metadata addresses are not connected to, whatever a name leads to; no redirect is followed and no compression
 * asked for. What an address means by itself is for the caller to ask first (`isRefusedAddress`): a lookup never sees it.
 */
import { type ClientRequest, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { EngineCredentials } from "../config/config.ts";
import { guardedLookup, type ResolveAll } from "../engine/engine-address.ts";

export interface GuardedRequest {
  readonly method?: "GET" | "OPTIONS";
  readonly credentials?: EngineCredentials | undefined;
  readonly signal: AbortSignal;
  /** How a name is resolved; for tests. */
  readonly resolve?: ResolveAll | undefined;
}

/** The caller ends it, and hears of its end. */
export function guardedRequest(url: URL, options: GuardedRequest): ClientRequest {
  const { method = "GET", credentials, signal, resolve } = options;
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return send(url, {
    method,
    agent: false,
    lookup: guardedLookup(resolve),
    // Said outright, so that no environment variable can switch verification off.
    rejectUnauthorized: true,
    headers: { ...credentials?.headers.reveal(), "accept-encoding": "identity", "user-agent": "kvcast" },
    ...(credentials?.ca === undefined ? {} : { ca: credentials.ca }),
    ...(credentials?.clientCert === undefined ? {} : { cert: credentials.clientCert }),
    ...(credentials?.clientKey === undefined ? {} : { key: credentials.clientKey.reveal() }),
    signal,
  });
}
