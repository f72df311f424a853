/**
 * Fetches the KV-cache events of one trtllm-serve: `POST /kv_cache_events`, one request at a time. MAIN THREAD.
 *
 * The call is a destructive drain: what an answer holds is gone from the engine, and there is no cursor to ask again
 * with. Hence no retry here, ever: a failed drain is reported, and what it cost shows as a hole in the event ids. For
 * the same reason as much of an answer as possible is handed on before it is given up (see `Exchange`).
 *
 * Nothing an engine says steers the client: no redirect is followed, no compression accepted, the content type not
 * believed, and time and size have a limit.
 */
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingHttpHeaders,
  request as httpRequest,
  type RequestOptions,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { ConfigError, KvcastError } from "../../shared/errors.ts";
import { DeadlineClock } from "./deadline-clock.ts";
import { drainErrorFrom } from "./drain-error.ts";
import { Exchange, type ExchangeResult, type OnChunk } from "./drain-exchange.ts";
import { FRAMING_HEADERS } from "./framing-headers.ts";
import { urlBelow } from "../http/url-below.ts";
import { guardedLookup, isRefusedAddress, type ResolveAll } from "./engine-address.ts";

/**
 * An idle connection is dropped after this time. uvicorn, which serves trtllm-serve, closes after 5 s; the margin keeps
 * us from writing a request into a connection that is being closed.
 */
const IDLE_SOCKET_MS = 3500;

/** Headers that are ours: those that frame the message, and the one that chooses its form. A header file's are ignored. */
const OWN_HEADERS: ReadonlySet<string> = new Set(["accept-encoding", ...FRAMING_HEADERS]);

export interface DrainOutcome extends ExchangeResult {
  /** Milliseconds that the engine took; the time that the consumer held it up is not in it. */
  readonly elapsedMs: number;
}

/** What a source needs of a client; tests put scripts in its place. */
export interface Drain {
  /** Whether the running drain's answer has begun. */
  readonly answering: boolean;
  /**
   * Drains once and hands the body over piece by piece. Failures are in the outcome; rejects only when `onChunk` threw,
   * or on a second call while the first runs.
   */
  drain(onChunk: OnChunk): Promise<DrainOutcome>;
  /** Cuts the running drain at once. Harmless when there is none. */
  abort(): void;
  /** From the next request on; a drain that runs ends as it began. */
  renew(credentials: EngineCredentials): void;
  /** Drops idle connections; for the end of the client's life. */
  close(): void;
}

/** What can be fetched of an engine. */
export interface Resource {
  /** Below the engine's URL, without a slash in front. */
  readonly path: string;
  /** The first is used; after a 405 the next, which is then remembered. */
  readonly methods: readonly ["GET"] | readonly ["POST"] | readonly ["POST", "GET"];
}

/** Every release that was seen serves POST; some builds have only GET. */
const EVENTS: Resource = { path: "kv_cache_events", methods: ["POST", "GET"] };

/** What is fetched in place of the events; and seams for tests. */
export interface DrainClientOptions {
  readonly resource?: Resource;
  /** A JSON document that goes with each POST, made when it is sent. Default: none. */
  readonly body?: () => Buffer;
  /** Headers besides the engine's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Told of the head of each answer, whatever its status. */
  readonly onHead?: (headers: IncomingHttpHeaders) => void;
  readonly idleSocketMs?: number;
  readonly resolve?: ResolveAll;
}

/** Seams for tests of whoever drains; each defaults to the real thing. */
export interface DrainPorts {
  readonly drain: Drain;
  readonly sleep: (ms: number) => Promise<void>;
  readonly random: () => number;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
}

export class DrainClient implements Drain {
  readonly #config: HttpEngineConfig;
  readonly #url: URL;
  readonly #lookup: ReturnType<typeof guardedLookup>;
  readonly #idleSocketMs: number;
  readonly #body: (() => Buffer) | null;
  readonly #moreHeaders: Readonly<Record<string, string>>;
  readonly #onHead: ((headers: IncomingHttpHeaders) => void) | null;
  #credentials: EngineCredentials;
  #agent: HttpAgent;
  /** Agents of earlier credentials whose connection the running drain may still use. */
  #retired: HttpAgent[] = [];
  #headers: Record<string, string>;
  /** The one in use first. */
  readonly #methods: ("POST" | "GET")[];
  #exchange: Exchange | null = null;
  #aborted: boolean = false;

  constructor(config: HttpEngineConfig, options: DrainClientOptions = {}) {
    if (isRefusedAddress(config.url.hostname)) {
      const rule = "link-local and metadata addresses are refused; give the engine's own address";
      throw new ConfigError("--engine", `--engine: ${config.url.hostname} is not allowed: ${rule}`);
    }
    this.#config = config;
    const { path, methods } = options.resource ?? EVENTS;
    this.#url = urlBelow(config.url, path);
    this.#methods = [...methods];
    this.#body = options.body ?? null;
    this.#moreHeaders = options.headers ?? {};
    this.#onHead = options.onHead ?? null;
    this.#headers = ownHeaders(config.headers.reveal());
    this.#idleSocketMs = options.idleSocketMs ?? IDLE_SOCKET_MS;
    this.#lookup = guardedLookup(options.resolve);
    this.#credentials = config;
    this.#agent = this.#makeAgent(config);
  }

  get answering(): boolean {
    return this.#exchange?.answering ?? false;
  }

  async drain(onChunk: OnChunk): Promise<DrainOutcome> {
    if (this.#exchange !== null) throw new KvcastError("KVCAST_DRAIN_OVERLAP", "one drain at a time: this is a bug");
    this.#aborted = false;
    const limitMs = this.#config.timeoutMs;
    const clock = new DeadlineClock(limitMs, () => this.#exchange?.timeOut(limitMs));
    try {
      let result = await this.#attempt(clock, onChunk);
      // The other verb is tried once and then remembered; an engine behind a proxy may change its mind later.
      if (result.error?.status === 405 && this.#methods.length > 1) {
        this.#methods.reverse();
        if (!this.#aborted) result = await this.#attempt(clock, onChunk);
      }
      return { ...result, elapsedMs: clock.elapsedMs };
    } finally {
      clock.stop();
      this.#exchange = null;
      this.#dropRetired();
    }
  }

  renew(credentials: EngineCredentials): void {
    this.#headers = ownHeaders(credentials.headers.reveal());
    const before = this.#credentials;
    this.#credentials = credentials;
    if (this.#url.protocol !== "https:" || sameTls(before, credentials)) return;
    this.#retired.push(this.#agent);
    this.#agent = this.#makeAgent(credentials);
    if (this.#exchange === null) this.#dropRetired();
  }

  abort(): void {
    this.#aborted = true;
    this.#exchange?.abort();
  }

  close(): void {
    this.#agent.destroy();
    this.#dropRetired();
  }

  #dropRetired(): void {
    for (const agent of this.#retired) agent.destroy();
    this.#retired = [];
  }

  #makeAgent({ ca, clientCert, clientKey }: EngineCredentials): HttpAgent {
    const options = { keepAlive: true, maxSockets: 1, timeout: this.#idleSocketMs, lookup: this.#lookup };
    if (this.#url.protocol !== "https:") return new HttpAgent(options);
    return new HttpsAgent({
      ...options,
      // Said outright, so that no environment variable can switch verification off.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
      ...(clientCert === undefined ? {} : { cert: clientCert }),
      ...(clientKey === undefined ? {} : { key: clientKey.reveal() }),
    });
  }

  async #attempt(clock: DeadlineClock, onChunk: OnChunk): Promise<ExchangeResult> {
    const send = this.#url.protocol === "https:" ? httpsRequest : httpRequest;
    const method = this.#methods[0] ?? "GET";
    const body = method === "POST" ? (this.#body?.() ?? null) : null;
    const options: RequestOptions = {
      agent: this.#agent,
      method,
      headers: {
        ...this.#headers,
        ...this.#moreHeaders,
        ...(method === "POST" ? { "content-length": String(body?.length ?? 0) } : {}),
        ...(body === null ? {} : { "content-type": "application/json" }),
      },
    };
    try {
      clock.resume();
      const request = this.#watched(send(this.#url, options));
      this.#exchange = new Exchange(request, clock, this.#config.maxResponseBytes, onChunk, body);
    } catch (cause) {
      // For example a header value with a line break. The message of such an error may hold the value: it is a secret.
      return { error: drainErrorFrom(cause, false, false), cut: false };
    }
    return this.#exchange.settled;
  }

  #watched(request: ClientRequest): ClientRequest {
    const onHead = this.#onHead;
    if (onHead !== null) request.once("response", ({ headers }) => onHead(headers));
    return request;
  }
}

function sameTls(a: EngineCredentials, b: EngineCredentials): boolean {
  return (
    sameBytes(a.ca, b.ca) &&
    sameBytes(a.clientCert, b.clientCert) &&
    sameBytes(a.clientKey?.reveal(), b.clientKey?.reveal())
  );
}

function sameBytes(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

function ownHeaders(extra: Readonly<Record<string, string>>): Record<string, string> {
  const headers: Record<string, string> = { accept: "application/json", "user-agent": "kvcast" };
  for (const [name, value] of Object.entries(extra)) {
    const key = name.toLowerCase();
    if (!OWN_HEADERS.has(key)) headers[key] = value;
  }
  headers["accept-encoding"] = "identity";
  return headers;
}
