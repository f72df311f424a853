/** What the requests of the index say, read from JSON and checked. MAIN THREAD; pure. */
import { fieldsOf } from "../../shared/json-object.ts";
import type { BlockMmInfo } from "../normalise/published-event.ts";
import { parseBigJson, u64Of, unsignedOf } from "../router-feed/big-json.ts";

/** What is wrong with a request, in words for whoever sent it; never with what stood there, which may be a prompt. */
export class RequestError extends Error {
  readonly status: number;

  constructor(message: string, status: number = 400) {
    super(message);
    this.name = "RequestError";
    this.status = status;
  }
}

const MAX_TEXT_CHARS = 4096;
const U32 = 2 ** 32;

export class RequestFields {
  readonly #fields: Readonly<Record<string, unknown>>;

  /** Throws RequestError. */
  constructor(body: Buffer) {
    let parsed: unknown;
    try {
      parsed = parseBigJson(body.toString("utf8"));
    } catch {
      throw new RequestError("the body is no JSON");
    }
    const fields = fieldsOf(parsed);
    if (fields === null) throw new RequestError("the body must be a JSON object");
    this.#fields = fields;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined && this.#fields[name] !== null;
  }

  /** null when it is missing, null, or empty. */
  text(name: string): string | null {
    const value = this.#fields[name] ?? null;
    if (value === null || value === "") return null;
    if (typeof value !== "string" || value.length > MAX_TEXT_CHARS) {
      throw new RequestError(`${name} must be a text of at most ${MAX_TEXT_CHARS} characters`);
    }
    return value;
  }

  requiredText(name: string): string {
    const value = this.text(name);
    if (value === null) throw new RequestError(`${name} is missing`);
    return value;
  }

  u64(name: string): bigint {
    const value = unsignedOf(this.#fields[name]);
    if (value === null) throw new RequestError(`${name} must be a whole number of 64 bits`);
    return value;
  }

  integer(name: string, min: number, max: number): number | null {
    const value = this.#fields[name] ?? null;
    if (value === null) return null;
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      throw new RequestError(`${name} must be a whole number from ${min} to ${max}`);
    }
    return value;
  }

  decimal(name: string, min: number, max: number): number | null {
    const value = this.#fields[name] ?? null;
    if (value === null) return null;
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      throw new RequestError(`${name} must be a number from ${min} to ${max}`);
    }
    return value;
  }

  flag(name: string): boolean {
    const value = this.#fields[name] ?? false;
    if (typeof value !== "boolean") throw new RequestError(`${name} must be true or false`);
    return value;
  }

  tokens(name: string): Uint32Array {
    const values = this.#list(name);
    const tokens = new Uint32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= U32) {
        throw new RequestError(`${name} must hold whole numbers of 32 bits`);
      }
      tokens[i] = value;
    }
    return tokens;
  }

  /** Halves, signed. */
  hashes(name: string): { readonly lo: Int32Array; readonly hi: Int32Array } {
    const values = this.#list(name);
    const lo = new Int32Array(values.length);
    const hi = new Int32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const value = u64Of(values[i]);
      if (value === null) throw new RequestError(`${name} must hold whole numbers of 64 bits`);
      lo[i] = Number(BigInt.asIntN(32, value));
      hi[i] = Number(BigInt.asIntN(32, value >> 32n));
    }
    return { lo, hi };
  }

  /** Multimodal hashes by block: `[null | {mm_objects: [{mm_hash}]}]`, as events have them. */
  mmInfos(name: string): readonly BlockMmInfo[] | null {
    if (!this.has(name)) return null;
    return this.#list(name).map((info): BlockMmInfo => {
      if (info === null) return null;
      const objects: unknown = typeof info === "object" && "mm_objects" in info ? info.mm_objects : null;
      if (!Array.isArray(objects))
        throw new RequestError(`${name} must hold null or {"mm_objects": […]} for each block`);
      return objects.map((object: unknown) => {
        const hash =
          typeof object === "object" && object !== null && "mm_hash" in object ? u64Of(object.mm_hash) : null;
        if (hash === null) throw new RequestError(`${name}: mm_hash must be a whole number of 64 bits`);
        return { lo: Number(hash & 0xffff_ffffn), hi: Number(hash >> 32n) };
      });
    });
  }

  #list(name: string): readonly (object | null | number | string | boolean)[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw new RequestError(`${name} must be a list`);
    return value;
  }
}
