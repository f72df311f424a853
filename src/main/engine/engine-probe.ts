/**
 * What an engine says of itself: its model, its settings, which of its pages there are. MAIN THREAD.
 *
 * Asked when the engine answers, and then once a minute, because it may come back with other settings. All of it is optional:
 * releases differ in what `/server_info` holds, so a few spellings are understood and everything else is left alone.
 */
import type { EngineCredentials, HttpEngineConfig } from "../config/config.ts";
import { backendOf, disaggregationModeOf, modalityOf } from "../component-metrics/worker-traits.ts";
import type { Backend, DisaggregationMode, Modality } from "../component-metrics/worker-traits.ts";
import { JsonFetcher } from "./json-fetcher.ts";
import { Sleeper } from "./poll-loop.ts";
import { objectOf } from "../../shared/json-object.ts";

/** What an engine said; null for what it did not. */
export interface EngineFacts {
  readonly model: string | null;
  readonly version: string | null;
  readonly tokensPerBlock: number | null;
  readonly hashAlgorithm: string | null;
  readonly eventBufferCapacity: number | null;
  readonly backend: Backend | null;
  readonly modality: Modality | null;
  readonly disaggregationMode: DisaggregationMode | null;
  /** Whether it has Prometheus metrics of its own; null while that is not known. */
  readonly hasMetricsPage: boolean | null;
}

export const NO_FACTS: EngineFacts = {
  model: null,
  version: null,
  tokensPerBlock: null,
  hashAlgorithm: null,
  eventBufferCapacity: null,
  backend: null,
  modality: null,
  disaggregationMode: null,
  hasMetricsPage: null,
};

export const PROBE_EVERY_MS = 60_000;
/** While the engine does not answer. */
const RETRY_MS = 1_000;
const MAX_NAME_CHARS = 200;
const PLAIN_WORD = /^[\w.:+-]{1,64}$/;
const MAX_TOKENS_PER_BLOCK = 65_536;

export interface EngineProbeOptions {
  readonly config: HttpEngineConfig;
  /** Told after each try that was answered. */
  readonly onFacts: (facts: EngineFacts) => void;
  readonly everyMs?: number;
}

export class EngineProbe {
  readonly #options: EngineProbeOptions;
  readonly #info: JsonFetcher;
  readonly #models: JsonFetcher;
  readonly #version: JsonFetcher;
  readonly #page: JsonFetcher;
  readonly #sleeper: Sleeper = new Sleeper();
  #stopped: boolean = false;

  constructor(options: EngineProbeOptions) {
    const { config } = options;
    this.#options = options;
    this.#info = new JsonFetcher(config, "server_info");
    this.#models = new JsonFetcher(config, "v1/models");
    this.#version = new JsonFetcher(config, "version");
    this.#page = new JsonFetcher(config, "prometheus/metrics", true);
  }

  /** Asks until `stop()`. */
  async run(): Promise<void> {
    const { onFacts, everyMs = PROBE_EVERY_MS } = this.#options;
    while (!this.#stopped) {
      const facts = await this.#ask();
      if (this.#stopped) return;
      if (facts !== null) onFacts(facts);
      await this.#sleeper.sleep(facts === null ? RETRY_MS : everyMs);
    }
  }

  renew(credentials: EngineCredentials): void {
    for (const fetcher of this.#fetchers()) fetcher.renew(credentials);
  }

  stop(): void {
    this.#stopped = true;
    this.#sleeper.wake();
    for (const fetcher of this.#fetchers()) fetcher.close();
  }

  #fetchers(): readonly JsonFetcher[] {
    return [this.#info, this.#models, this.#version, this.#page];
  }

  /** Null where the engine does not answer at all. One question after the other: it has better things to do. */
  async #ask(): Promise<EngineFacts | null> {
    const version = await this.#version.fetch();
    if (version.status === 0 || this.#stopped) return null;
    const info = await this.#info.fetch();
    const models = await this.#models.fetch();
    const page = await this.#page.fetch();
    return {
      ...infoFacts(info.value),
      model: modelOf(models.value) ?? textOf(objectOf(info.value)["model"], MAX_NAME_CHARS),
      version: wordOf(objectOf(version.value)["version"]),
      hasMetricsPage: page.status === 200 ? true : page.status === 404 ? false : null,
    };
  }
}

/** What `/server_info` says, on its top level or among the settings of the cache. */
export function infoFacts(value: unknown): Omit<EngineFacts, "model" | "version" | "hasMetricsPage"> {
  const info = objectOf(value);
  const cache = objectOf(info["kv_cache_config"]);
  const mode = wordOf(info["disaggregation_mode"]);
  const modality = wordOf(info["modality"]);
  const backend = wordOf(info["backend"]);
  return {
    tokensPerBlock: countOf(info["tokens_per_block"] ?? cache["tokens_per_block"], MAX_TOKENS_PER_BLOCK),
    hashAlgorithm: wordOf(
      info["kv_cache_event_hash_algo"] ?? info["kv_cache_hash_algo"] ?? info["hash_algo"] ?? cache["hash_algo"],
    ),
    eventBufferCapacity: countOf(
      info["event_buffer_max_size"] ?? cache["event_buffer_max_size"],
      Number.MAX_SAFE_INTEGER,
    ),
    backend: backend === null ? null : backendOf(backend),
    modality: modality === null ? null : modalityOf(modality),
    disaggregationMode: mode === null ? null : disaggregationModeOf(mode),
  };
}

/** The first model of a list. */
function modelOf(value: unknown): string | null {
  const { data } = objectOf(value);
  return Array.isArray(data) ? textOf(objectOf(data[0])["id"], MAX_NAME_CHARS) : null;
}

/** A short text without control characters: it becomes a label. */
function textOf(value: unknown, maxChars: number): string | null {
  if (typeof value !== "string" || value === "" || value.length > maxChars) return null;
  return /[\p{Cc}\p{Cs}]/u.test(value) ? null : value;
}

function wordOf(value: unknown): string | null {
  return typeof value === "string" && PLAIN_WORD.test(value) ? value : null;
}

function countOf(value: unknown, max: number): number | null {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= max ? value : null;
}
