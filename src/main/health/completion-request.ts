/**
 * The payload of a health check as a request to an engine's `/v1/completions`. MAIN THREAD, pure.
 *
 * trtllm-serve refuses fields that it does not know, so only those go out that it has, and none without a value. What marks the request
 * is therefore a header, and the field `user`, which the engine takes and ignores.
 */
import type { PayloadFields } from "./payload-text.ts";
import { isFields } from "../../shared/json-object.ts";

/** The header, and the value of `user`, by which a probe is told from requests of people. */
export const PROBE_HEADER = "x-kvcast-health-check";
export const PROBE_USER = "kvcast-health-check";

/** Fields of the two groups that have the same name on both sides. */
const STOP_FIELDS = ["stop", "stop_token_ids", "include_stop_str_in_output", "ignore_eos", "min_tokens"] as const;
const SAMPLING_FIELDS = [
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "repetition_penalty",
  "presence_penalty",
  "frequency_penalty",
  "seed",
] as const;

export interface RequestTraits {
  readonly model: string;
  /** The prompt where the payload has none. */
  readonly bosTokenId: number;
  /** Only newer engines have the field, and others refuse a request with it. */
  readonly withPriority: boolean;
}

/** The body, as JSON. One token is asked for unless the payload says otherwise, and the answer in pieces: the first one counts. */
export function completionRequest(payload: PayloadFields, traits: RequestTraits): Buffer {
  const stop = groupOf(payload, "stop_conditions");
  const sampling = groupOf(payload, "sampling_options");
  const body: Record<string, unknown> = {
    model: traits.model,
    prompt: Array.isArray(payload["token_ids"]) ? payload["token_ids"] : [traits.bosTokenId],
    max_tokens: stop["max_tokens"] ?? 1,
    stream: true,
    user: PROBE_USER,
  };
  for (const name of STOP_FIELDS) body[name] = stop[name];
  for (const name of SAMPLING_FIELDS) body[name] = sampling[name];
  if (traits.withPriority) body["priority"] = payload["priority"];
  body["disaggregated_params"] = payload["disaggregated_params"];
  // Undefined ones leave no trace in JSON.
  for (const [name, value] of Object.entries(body)) if (value === null) delete body[name];
  return Buffer.from(JSON.stringify(body));
}

function groupOf(payload: PayloadFields, name: string): PayloadFields {
  const group = payload[name];
  return isFields(group) ? group : {};
}
