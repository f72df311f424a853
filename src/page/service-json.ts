/**
 * What the service tells the page, as JSON. BROWSER.
 *
 * All of it is written by the service that this script came from, of the same version, so it is taken at its word: the values are
 * what the types say.
 */
import type { LiveHello, LiveRow, LiveSnapshot } from "../shared/live-snapshot.ts";

export const PHASES = ["queue", "prefill", "transfer", "decode"] as const;

/** What is read of the answer of `/v1/perf/requests`. */
export interface Report {
  readonly engines: Readonly<Record<string, { readonly state: string; readonly hint: string | null }>>;
  readonly requests: readonly SlowRequest[];
}

export interface SlowRequest {
  readonly engine: string;
  readonly request_id: string;
  readonly seconds: Readonly<Record<(typeof PHASES)[number] | "ttft" | "e2e", number | null>>;
  readonly blocks: { readonly reuse: number | null } | null;
  readonly cache: {
    readonly stored_blocks_per_s: number;
    readonly removed_blocks_per_s: number;
    readonly missing_ids: number;
    readonly usage: number | null;
  } | null;
}

/** Throws SyntaxError, as the others do. */
export function parseHello(text: string): LiveHello {
  return JSON.parse(text);
}

export function parseRow(text: string): LiveRow {
  return JSON.parse(text);
}

export function parseSnapshot(text: string): LiveSnapshot {
  return JSON.parse(text);
}

export function parseReport(text: string): Report {
  return JSON.parse(text);
}
