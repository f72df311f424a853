/**
 * Finds the first response in an answer of `/v1/completions`, which decides over the engine. MAIN THREAD, pure.
 *
 * An answer in pieces is server-sent events, of which the first with data counts; any other is one JSON document. What comes is
 * hostile: bounded, and nothing of it is kept.
 */
import { objectOf } from "../../shared/json-object.ts";
import { StringDecoder } from "node:string_decoder";

/** Longer than any response of one token. */
export const MAX_RESPONSE_BYTES: number = 64 * 1024;

/** What a response is: one of an engine that generates, an error, or nothing that anyone would call a response. */
export type ResponseVerdict = "ok" | "error" | "malformed";

export class FirstResponse {
  #text: string = "";
  #bytes: number = 0;
  readonly #decoder: StringDecoder = new StringDecoder("utf8");

  /** Takes a piece. The verdict as soon as there is one, else null. */
  push(chunk: Buffer): ResponseVerdict | null {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_RESPONSE_BYTES) return "malformed";
    this.#text += this.#decoder.write(chunk);
    const text = this.#text.trim();
    if (!text.startsWith("{")) return this.#eventVerdict();
    return text.endsWith("}") ? verdictOf(text) : null;
  }

  /** The answer is over. Null: there was no response in it. */
  end(): ResponseVerdict | null {
    const text = this.#text.trim();
    if (text === "" || text === "data: [DONE]") return null;
    return this.#eventVerdict() ?? "malformed";
  }

  #eventVerdict(): ResponseVerdict | null {
    const lines = this.#text.split(/\r\n|\r|\n/);
    // The last one may still grow.
    for (const line of lines.slice(0, -1)) {
      if (!line.startsWith("data:")) continue;
      const data = line.slice("data:".length).trim();
      return data === "[DONE]" ? null : (verdictOf(data) ?? "malformed");
    }
    return null;
  }
}

/** Null while it is no JSON, which it may become. */
function verdictOf(text: string): ResponseVerdict | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { choices, error, object } = objectOf(value);
  if ((error !== undefined && error !== null) || object === "error") return "error";
  return Array.isArray(choices) && choices.length > 0 ? "ok" : "malformed";
}
