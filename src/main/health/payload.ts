/**
 * The payload of a health check, as Dynamo's workers register it for their endpoint. Any thread; part of the library.
 *
 * It is a request of one token that costs next to nothing. A prefill or decode worker is asked to do both halves itself, so that it
 * needs no peer; the highest priority keeps it from starving behind others.
 */
import { KvcastError, messageOf } from "../../shared/errors.ts";
import type { DisaggregationMode } from "../component-metrics/worker-traits.ts";
import {
  HEALTH_CHECK_KEY,
  loadHealthCheckFromEnv,
  PAYLOAD_VARIABLE,
  type PayloadFields,
  type PayloadLog,
  SILENT,
} from "./payload-text.ts";

/** Where nothing says what begins a text. */
export const DEFAULT_BOS_TOKEN_ID = 1;

/** The payload of today, or that of Dynamo's release of January 2026. */
export const PAYLOAD_FORMS = ["v1", "2026-01"] as const;
export type PayloadForm = (typeof PAYLOAD_FORMS)[number];

export interface HealthCheckPayloadOptions {
  /** Where `DYN_HEALTH_CHECK_PAYLOAD` is looked up. Default: the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: nobody is told. */
  readonly log?: PayloadLog;
}

/** A payload that the environment may replace as a whole. */
export class HealthCheckPayload {
  readonly #default: PayloadFields;
  readonly #override: PayloadFields | null;
  #made: PayloadFields | null = null;

  /** Throws KvcastError without a default payload, which each kind of worker has to bring. */
  constructor(defaultPayload: PayloadFields | null | undefined, options: HealthCheckPayloadOptions = {}) {
    if (defaultPayload === null || defaultPayload === undefined) {
      throw new KvcastError("KVCAST_HEALTH_PAYLOAD", "a health check's payload needs a default: give it one");
    }
    this.#default = defaultPayload;
    this.#override = loadHealthCheckFromEnv(PAYLOAD_VARIABLE, options.env ?? process.env, options.log ?? SILENT);
  }

  /** The payload; the same object each time. An override without fields counts as none. */
  toDict(): PayloadFields {
    this.#made ??= this.complete(
      this.#override !== null && Object.keys(this.#override).length > 0 ? this.#override : this.#default,
    );
    return this.#made;
  }

  /** What a kind of worker lays over the payload, wherever that comes from. */
  protected complete(payload: PayloadFields): PayloadFields {
    return payload;
  }
}

export interface TrtllmPayloadOptions extends HealthCheckPayloadOptions {
  /** An object whose `tokenizer` has a `bos_token_id`, as TensorRT-LLM wraps those of Hugging Face. */
  readonly tokenizer?: unknown;
  /** Default `prefill_and_decode`. */
  readonly disaggregationMode?: DisaggregationMode;
  /** Default `v1`. */
  readonly form?: PayloadForm;
}

export class TrtllmHealthCheckPayload extends HealthCheckPayload {
  readonly #form: PayloadForm;
  readonly #isHalf: boolean;

  constructor(options: TrtllmPayloadOptions = {}) {
    const { tokenizer = null, disaggregationMode = "prefill_and_decode", form = "v1", log = SILENT } = options;
    super(usualPayload(bosTokenIdOf(tokenizer, log), form), options);
    this.#form = form;
    this.#isHalf = disaggregationMode === "prefill" || disaggregationMode === "decode";
  }

  protected override complete(payload: PayloadFields): PayloadFields {
    if (this.#form === "2026-01") return payload;
    return {
      ...payload,
      [HEALTH_CHECK_KEY]: true,
      ...(this.#isHalf ? { disaggregated_params: { request_type: "context_and_generation" } } : {}),
    };
  }
}

function usualPayload(bosTokenId: number, form: PayloadForm): PayloadFields {
  return {
    token_ids: [bosTokenId],
    ...(form === "v1" ? { priority: 1 } : {}),
    stop_conditions: {
      max_tokens: 1,
      stop: null,
      stop_token_ids: null,
      include_stop_str_in_output: false,
      ignore_eos: false,
      min_tokens: 0,
    },
    sampling_options: {
      temperature: 0,
      top_p: 1,
      top_k: 1,
      repetition_penalty: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      seed: null,
      ...(form === "2026-01" ? { beam_width: 1 } : {}),
    },
  };
}

/** Of the tokenizer inside a tokenizer, and of no other, as the reference looks it up. */
function bosTokenIdOf(tokenizer: unknown, log: PayloadLog): number {
  if (tokenizer === null || tokenizer === undefined) return DEFAULT_BOS_TOKEN_ID;
  try {
    const found = bosOf(fieldOf(tokenizer, "tokenizer"));
    if (found !== null) {
      log.info(`Using model's BOS token ID for health check: ${textOf(found)}`);
      return wholeNumberOf(found);
    }
  } catch (error) {
    log.debug(`Failed to get BOS token from tokenizer: ${messageOf(error)}`);
  }
  log.debug(`Using default BOS token ID (${DEFAULT_BOS_TOKEN_ID}) for health check`);
  return DEFAULT_BOS_TOKEN_ID;
}

/** The id that a tokenizer names itself, else the one inside it names, else `fallback`. Never throws. */
export function bosTokenIdOr(tokenizer: unknown, fallback: number = DEFAULT_BOS_TOKEN_ID): number {
  try {
    const found = bosOf(tokenizer) ?? bosOf(fieldOf(tokenizer, "tokenizer"));
    return found === null ? fallback : wholeNumberOf(found);
  } catch {
    return fallback;
  }
}

function bosOf(tokenizer: unknown): unknown {
  return fieldOf(tokenizer, "bos_token_id") ?? null;
}

function fieldOf(from: unknown, name: string): unknown {
  return (typeof from === "object" || typeof from === "function") && from !== null
    ? Reflect.get(from, name)
    : undefined;
}

function wholeNumberOf(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return Math.trunc(value);
  if (typeof value === "string" && /^\s*[+-]?\d+\s*$/.test(value)) return Number(value);
  throw new RangeError(`invalid literal for int() with base 10: '${textOf(value)}'`);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? typeof value);
}
