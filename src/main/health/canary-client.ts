/**
 * Sends the canary: one request of one token to an engine's `/v1/completions`, of whose answer the first response counts. MAIN
 * THREAD.
 *
 * What follows the first response is read for a moment, so that the connection can be used again, and then cut: an engine that
 * never ends costs nothing.
 */
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { DrainClient } from "../engine/drain-client.ts";
import type { DrainError } from "../engine/drain-error.ts";
import { completionRequest, PROBE_HEADER } from "./completion-request.ts";
import { FirstResponse, MAX_RESPONSE_BYTES, type ResponseVerdict } from "./first-response.ts";
import type { PayloadFields } from "./payload-text.ts";

/** How a canary may end: values of the label `outcome`. */
export const PROBE_OUTCOMES = [
  "ok",
  "timeout",
  "unreachable",
  "http_status",
  "error_response",
  "malformed",
  "no_response",
] as const;
export type ProbeOutcome = (typeof PROBE_OUTCOMES)[number];

/** Most that is read behind the first response: time, and bytes over the whole answer. */
export const DRAIN_MS = 1000;
const MAX_ANSWER_BYTES: number = 2 * MAX_RESPONSE_BYTES;

/** Whoever sends canaries; tests put scripts in its place. */
export interface CanarySender {
  /** Sends one, and resolves when its verdict stands and the rest of the answer is dealt with. Never rejects. */
  send(): Promise<ProbeOutcome>;
  renew(credentials: EngineCredentials): void;
  /** Cuts a canary that is under way, and ends the connection. */
  close(): void;
}

export interface CanaryClientOptions {
  readonly config: HttpEngineConfig;
  readonly timeoutMs: number;
  /** Asked for each canary: what is known of the engine may change. */
  readonly payload: () => PayloadFields;
  readonly model: () => string;
  readonly bosTokenId: number;
  readonly drainMs?: number;
}

export class CanaryClient implements CanarySender {
  readonly #client: DrainClient;
  readonly #drainMs: number;
  /** Until an engine refuses it. */
  #withPriority: boolean = true;

  constructor({ config, timeoutMs, payload, model, bosTokenId, drainMs = DRAIN_MS }: CanaryClientOptions) {
    this.#drainMs = drainMs;
    this.#client = new DrainClient(
      { ...config, timeoutMs, maxResponseBytes: MAX_ANSWER_BYTES },
      {
        resource: { path: "v1/completions", methods: ["POST"] },
        headers: { [PROBE_HEADER]: "1", accept: "text/event-stream, application/json" },
        body: () => completionRequest(payload(), { model: model(), bosTokenId, withPriority: this.#withPriority }),
      },
    );
  }

  async send(): Promise<ProbeOutcome> {
    const first = await this.#attempt();
    if (typeof first === "string") return first;
    // An engine of before the field refuses the whole request; a connection it had closed as idle says nothing about it.
    const isRefused = this.#withPriority && (first.status === 400 || first.status === 422);
    if (!isRefused && !first.staleSocket) return outcomeOf(first);
    if (isRefused) this.#withPriority = false;
    const second = await this.#attempt();
    return typeof second === "string" ? second : outcomeOf(second);
  }

  renew(credentials: EngineCredentials): void {
    this.#client.renew(credentials);
  }

  close(): void {
    this.#client.abort();
    this.#client.close();
  }

  async #attempt(): Promise<ProbeOutcome | DrainError> {
    const response = new FirstResponse();
    let verdict: ResponseVerdict | null = null;
    let timer: NodeJS.Timeout | undefined;
    const { error } = await this.#client.drain((chunk) => {
      if (verdict !== null) return true;
      verdict = response.push(chunk);
      if (verdict === null) return true;
      if (verdict !== "ok") return false;
      timer = setTimeout(() => this.#client.abort(), this.#drainMs);
      return true;
    });
    clearTimeout(timer);
    const judged: ResponseVerdict | null = verdict ?? (error === null ? response.end() : null);
    if (judged !== null) return judged === "error" ? "error_response" : judged;
    return error ?? "no_response";
  }
}

function outcomeOf({ reason, status }: DrainError): ProbeOutcome {
  if (status !== 0) return "http_status";
  if (reason === "timeout") return "timeout";
  return reason === "connect" ? "unreachable" : "malformed";
}
