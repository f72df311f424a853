/**
 * How many cache blocks an engine says it uses: `GET /prometheus/metrics`, every few seconds. MAIN THREAD.
 *
 * Of the engine's statistics this page is the one that can be read without harm: `/metrics` gives each row to one reader only,
 * and, where statistics are off, waits for seconds inside the engine. The page is there only with `return_perf_metrics`; an
 * engine without it is asked now and then, in case it comes back with other settings.
 *
 * Nothing depends on the figure but one metric, so a failure is no event: the figure is then unknown.
 */
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { DrainClient, type Resource } from "./drain-client.ts";

const EVERY_MS = 5_000;
/** After an answer that has no such figure. */
const SELDOM_MS = 60_000;
const TIMEOUT_MS = 3_000;
const PAGE: Resource = { path: "prometheus/metrics", methods: ["GET"] };
/** A page of all families is some 20 KB, more with many labels. */
const MAX_PAGE_BYTES: number = 1024 * 1024;

export interface UsagePollerOptions {
  readonly config: HttpEngineConfig;
  /** Told after each try; null: unknown. */
  readonly onUsed: (blocks: number | null) => void;
  readonly everyMs?: number;
}

export class UsagePoller {
  readonly #client: DrainClient;
  readonly #options: UsagePollerOptions;
  #timer: NodeJS.Timeout | null = null;
  #stopped: boolean = false;

  constructor(options: UsagePollerOptions) {
    this.#options = options;
    const limits = { timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_PAGE_BYTES };
    this.#client = new DrainClient({ ...options.config, ...limits }, { resource: PAGE });
  }

  start(): void {
    void this.#poll();
  }

  /** The credentials from the next request on. */
  renew(credentials: EngineCredentials): void {
    this.#client.renew(credentials);
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#client.abort();
    this.#client.close();
  }

  async #poll(): Promise<void> {
    const pieces: Buffer[] = [];
    // The bytes are the client's own only until the call returns.
    const { error } = await this.#client.drain((chunk) => pieces.push(Buffer.from(chunk)) > 0);
    if (this.#stopped) return;
    const used = error === null ? usedBlocksOf(Buffer.concat(pieces).toString("utf8")) : null;
    this.#options.onUsed(used);
    const hasNone = used === null && (error === null || error.status === 404);
    this.#timer = setTimeout(() => void this.#poll(), hasNone ? SELDOM_MS : (this.#options.everyMs ?? EVERY_MS));
    this.#timer.unref();
  }
}

/**
 * The figure on a page, or null. Names have had a prefix since some release. There is one series a process, and those of
 * processes that are gone linger: they are older, and as a rule lower.
 */
export function usedBlocksOf(page: string): number | null {
  let highest: number | null = null;
  for (const [, text = ""] of page.matchAll(/^(?:trtllm_)?kv_cache_used_blocks(?:\{[^}\n]*\})? ([0-9.eE+]+)\s*$/gmu)) {
    const value = Number(text);
    if (Number.isFinite(value)) highest = Math.max(highest ?? 0, value);
  }
  return highest;
}
