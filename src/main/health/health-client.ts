/**
 * Asks an engine's own `/health`, one request at a time, with a deadline. MAIN THREAD.
 */
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { DrainClient } from "../engine/drain-client.ts";
import type { DrainError } from "../engine/drain-error.ts";
import type { Problem } from "./check.ts";

/** What an engine said of itself; `absent`: it has no `/health`. */
export type HealthAnswer =
  | { readonly kind: "well" | "absent"; readonly skewSeconds: number | null }
  | { readonly kind: "ill"; readonly problem: Problem; readonly skewSeconds: number | null };

/** Whoever asks; tests put scripts in its place. */
export interface HealthAsker {
  ask(): Promise<HealthAnswer>;
  renew(credentials: EngineCredentials): void;
  /** Cuts a question that is under way, and ends the connection. */
  close(): void;
}

/** A status without a body, as a rule. */
const MAX_BODY_BYTES = 4096;
/** For none at all: long after anyone waits for it. */
const NO_DEADLINE_MS = 86_400_000;
/** HTTP dates have whole seconds, cut off: on average half of one is missing. */
const DATE_STEP_MS = 1000;

export class HealthClient implements HealthAsker {
  readonly #client: DrainClient;
  readonly #name: string;
  readonly #timeoutMs: number;
  /** Of the answer under way. */
  #skewSeconds: number | null = null;

  /** `timeoutMs` null: without a deadline. */
  constructor(config: HttpEngineConfig, timeoutMs: number | null) {
    this.#name = config.name;
    this.#timeoutMs = timeoutMs ?? NO_DEADLINE_MS;
    this.#client = new DrainClient(
      { ...config, timeoutMs: this.#timeoutMs, maxResponseBytes: MAX_BODY_BYTES },
      {
        resource: { path: "health", methods: ["GET"] },
        onHead: ({ date }) => (this.#skewSeconds = skewOf(date, Date.now())),
      },
    );
  }

  async ask(): Promise<HealthAnswer> {
    this.#skewSeconds = null;
    let { error } = await this.#client.drain(() => true);
    // The engine had closed an idle connection: that is no news about it.
    if (error?.staleSocket === true) ({ error } = await this.#client.drain(() => true));
    const skewSeconds = this.#skewSeconds;
    if (error === null || (error.status >= 200 && error.status < 300)) return { kind: "well", skewSeconds };
    if (error.status === 404 || error.status === 405) return { kind: "absent", skewSeconds };
    return { kind: "ill", problem: this.#problemOf(error), skewSeconds };
  }

  renew(credentials: EngineCredentials): void {
    this.#client.renew(credentials);
  }

  close(): void {
    this.#client.abort();
    this.#client.close();
  }

  #problemOf({ reason, status }: DrainError): Problem {
    const engine = `engine ${this.#name}`;
    if (status === 503) {
      return {
        reason: `${engine} says that it is unavailable (503 on /health)`,
        fix: "Look at the engine's log and restart it: a server that has lost a rank answers so for ever.",
      };
    }
    if (status === 401 || status === 403) {
      return {
        reason: `${engine} refuses its /health to kvcast (status ${status})`,
        fix: "Give the credentials with --engine-header-file, or switch this off with --engine-health-interval off.",
      };
    }
    if (status !== 0) {
      return {
        reason: `${engine} answers its /health with status ${status}`,
        fix: "Look at the engine's log, and at what stands between it and kvcast.",
      };
    }
    if (reason === "timeout") {
      return {
        reason: `${engine} does not answer its /health within ${this.#timeoutMs / 1000} s`,
        fix: "The engine's server hangs or is overloaded: look at its log; --engine-health-timeout allows more.",
      };
    }
    if (reason === "connect") {
      return {
        reason: `engine ${this.#name} cannot be reached for its /health`,
        fix: "Start the engine, or look at the address and the network between.",
      };
    }
    return {
      reason: `what answers for ${engine} on /health is no HTTP server that can be understood`,
      fix: "Look at the address that --engine has.",
    };
  }
}

/** How many seconds the clock of an answer's `Date` is ahead of ours; null where it has none. */
export function skewOf(date: string | undefined, nowMs: number): number | null {
  const theirs = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isFinite(theirs) ? (theirs + DATE_STEP_MS / 2 - nowMs) / 1000 : null;
}
