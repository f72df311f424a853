/**
 * `/v1/completions` of the stand-in engine: one request, one token, as the engine's server answers it. MAIN THREAD.
 *
 * It refuses what that refuses: fields that it does not know, and prompts that are none. No text is made; who asks wants to see that
 * something answers.
 */
import { fieldsOf } from "../../shared/json-object.ts";
import type { IncomingMessage } from "node:http";
import { PROBE_HEADER } from "../health/completion-request.ts";
import { type Answer, jsonAnswer } from "./answer.ts";
import { MODEL_NAME } from "./engine-view.ts";
import type { DrainGeneration } from "./sim-config.ts";

export const COMPLETIONS_ROUTE = "/v1/completions";
const MAX_BODY_BYTES = 1_048_576;

const FIELDS: ReadonlySet<string> = new Set([
  "model",
  "prompt",
  "max_tokens",
  "stream",
  "user",
  "stop",
  "stop_token_ids",
  "include_stop_str_in_output",
  "ignore_eos",
  "min_tokens",
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "repetition_penalty",
  "presence_penalty",
  "frequency_penalty",
  "seed",
  "disaggregated_params",
]);
/** Of today's engines only. */
const NEW_FIELD = "priority";

/** Requests that were answered, and those among them that said that they are canaries. */
export interface CompletionCounts {
  readonly requests: number;
  readonly canaries: number;
}

export class Completions {
  readonly #generation: DrainGeneration;
  #requests: number = 0;
  #canaries: number = 0;

  constructor(generation: DrainGeneration) {
    this.#generation = generation;
  }

  get counts(): CompletionCounts {
    return { requests: this.#requests, canaries: this.#canaries };
  }

  async answer(request: IncomingMessage): Promise<Answer> {
    const refusal = this.#refusalOf(await bodyOf(request));
    if (typeof refusal === "string") return errorAnswer(refusal);
    this.#requests++;
    if (request.headers[PROBE_HEADER] !== undefined) this.#canaries++;
    const choice = { index: 0, text: "", finish_reason: "length", stop_reason: null };
    const response = { id: `cmpl-${this.#requests}`, object: "text_completion", model: MODEL_NAME, choices: [choice] };
    if (!refusal.stream) {
      return jsonAnswer({ ...response, usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
    }
    const text = `data: ${JSON.stringify(response)}\n\ndata: [DONE]\n\n`;
    return { status: 200, contentType: "text/event-stream; charset=utf-8", body: [Buffer.from(text)] };
  }

  /** Why the engine would not take it; or what it asks for. */
  #refusalOf(body: unknown): string | { readonly stream: boolean } {
    const fields = fieldsOf(body);
    if (fields === null) return "the body is no JSON object";
    for (const name of Object.keys(fields)) {
      const known = FIELDS.has(name) || (name === NEW_FIELD && this.#generation === "c");
      if (!known) return `${name.slice(0, 40)}: Extra inputs are not permitted`;
    }
    if (typeof fields["model"] !== "string") return "model: Field required";
    const { prompt } = fields;
    const isText = typeof prompt === "string";
    const isTokens = Array.isArray(prompt) && prompt.length > 0 && prompt.every((id) => Number.isInteger(id));
    return isText || isTokens ? { stream: fields["stream"] === true } : "prompt: Input should be text or token ids";
  }
}

function errorAnswer(message: string): Answer {
  return jsonAnswer({ object: "error", message, type: "BadRequestError", param: null, code: 400 }, 400);
}

/** Undefined for what is no JSON, or too long. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const body: AsyncIterable<Buffer> = request;
  for await (const part of body) {
    bytes += part.length;
    if (bytes <= MAX_BODY_BYTES) parts.push(part);
  }
  try {
    return bytes > MAX_BODY_BYTES ? undefined : JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    return undefined;
  }
}
