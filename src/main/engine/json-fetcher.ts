/**
 * Fetches one small JSON document of an engine, when asked. MAIN THREAD.
 *
 * On a connection of its own, because each client has one request at a time. What comes is bounded and typed by whoever asked;
 * a failure is a value.
 */
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { DrainClient } from "./drain-client.ts";

const TIMEOUT_MS = 5_000;
const MAX_DOCUMENT_BYTES: number = 64 * 1024;

export interface FetchedJson {
  /** Undefined where there is no document. */
  readonly value: unknown;
  /** 200 for an answer, also one that is no JSON; 0 without an answer. */
  readonly status: number;
  /** Monotonic milliseconds. */
  readonly sentMs: number;
  readonly receivedMs: number;
}

export class JsonFetcher {
  readonly #client: DrainClient;
  readonly #headOnly: boolean;

  /** With `headOnly` the document is cut as soon as it begins: it is only asked whether there is one. */
  constructor(config: HttpEngineConfig, path: string, headOnly: boolean = false) {
    const limits = { timeoutMs: Math.min(config.timeoutMs, TIMEOUT_MS), maxResponseBytes: MAX_DOCUMENT_BYTES };
    this.#client = new DrainClient({ ...config, ...limits }, { resource: { path, methods: ["GET"] } });
    this.#headOnly = headOnly;
  }

  async fetch(): Promise<FetchedJson> {
    const pieces: Buffer[] = [];
    const sentMs = performance.now();
    // The bytes are the client's own only until the call returns.
    const { error } = await this.#client.drain((chunk) => {
      pieces.push(Buffer.from(chunk));
      return !this.#headOnly;
    });
    const receivedMs = performance.now();
    if (error !== null) return { value: undefined, status: error.status, sentMs, receivedMs };
    return { value: this.#headOnly ? undefined : parsed(Buffer.concat(pieces)), status: 200, sentMs, receivedMs };
  }

  renew(credentials: EngineCredentials): void {
    this.#client.renew(credentials);
  }

  /** Cuts what is under way, and ends the connection. */
  close(): void {
    this.#client.abort();
    this.#client.close();
  }
}

/** The document, of which 64 KiB cannot nest so deep that the parser minds. */
function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
