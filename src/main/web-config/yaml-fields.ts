/**
 * Typed reading of one map of a YAML file: a fixed set of keys, each at most once, each of one type. MAIN THREAD; pure.
 *
 * Errors name the key and the line and never the value: it may be a secret. Nor a key that does not look like one: who swaps a name
 * and a hash, or breaks a line of a private key, has a secret there.
 */
import type { ConfigError } from "../../shared/errors.ts";
import { quoted } from "../config/option-spec.ts";
import { didYouMean } from "../config/suggest.ts";
import type { YamlNode } from "../config/yaml-tree.ts";

/** Makes the error for a line of the file; 0 for the file as a whole. */
export type Fault = (line: number, reason: string) => ConfigError;

/** The words that Go's YAML takes for a truth value. */
const TRUE_WORDS: readonly string[] = ["true", "yes", "on", "y"];
const FALSE_WORDS: readonly string[] = ["false", "no", "off", "n"];

/** Shorter than the hash of bcrypt and than a line of PEM, and without their signs. */
const KEY_LIKE = /^[\w.@-]{1,32}$/;
const HIDDEN_KEY = "a key that is no name";

function shownKey(key: string): string {
  return KEY_LIKE.test(key) ? key : HIDDEN_KEY;
}

function noKey(key: string): string {
  return KEY_LIKE.test(key) ? `no key ${quoted(key)}` : HIDDEN_KEY;
}

export class YamlFields {
  readonly #name: string;
  readonly #values = new Map<string, YamlNode>();
  readonly #fault: Fault;

  /** `name` stands in messages; null is the file itself. `keys` null: any. Throws for a key that is not among them. */
  constructor(name: string | null, node: YamlNode, keys: readonly string[] | null, fault: Fault) {
    this.#name = name === null ? "" : `${name}: `;
    this.#fault = fault;
    if (node.kind === "text" && node.text === null) return;
    if (node.kind !== "map") throw fault(node.line, `${this.#name}a map of keys and values is needed here`);
    for (const { key, line, value } of node.entries) {
      if (keys !== null && !keys.includes(key)) {
        throw fault(line, `${this.#name}${noKey(key)}${didYouMean(key, keys)}; there are ${keys.join(", ")}`);
      }
      this.#values.set(key, value);
    }
  }

  get keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** 0 where the key is not there. */
  lineOf(key: string): number {
    return this.#values.get(key)?.line ?? 0;
  }

  fault(key: string, reason: string): ConfigError {
    return this.#fault(this.lineOf(key), `${this.#name}${shownKey(key)}: ${reason}`);
  }

  /** A map below this one; empty where it is not there. */
  map(key: string, keys: readonly string[] | null): YamlFields {
    const node = this.#values.get(key) ?? { kind: "text", text: null, line: 0 };
    return new YamlFields(`${this.#name}${key}`, node, keys, this.#fault);
  }

  /** Empty where it is not there, as in Go. */
  text(key: string): string {
    const node = this.#values.get(key);
    if (node === undefined) return "";
    if (node.kind !== "text") throw this.fault(key, "a text is needed here");
    return node.text ?? "";
  }

  flag(key: string, usual: boolean): boolean {
    const word = this.text(key).toLowerCase();
    if (word === "") return usual;
    if (TRUE_WORDS.includes(word)) return true;
    if (FALSE_WORDS.includes(word)) return false;
    throw this.fault(key, "it takes true or false");
  }

  /** A whole number from 0; 0 where it is not there. */
  whole(key: string, max: number): number {
    const text = this.text(key);
    const value = text === "" ? 0 : /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= max)) throw this.fault(key, `it takes a whole number from 0 to ${max}`);
    return value;
  }

  /** Null where it is not there. */
  texts(key: string): readonly string[] | null {
    const node = this.#values.get(key);
    if (node === undefined || (node.kind === "text" && node.text === null)) return null;
    if (node.kind !== "list") throw this.fault(key, "a list is needed here");
    return node.items.map((item) => {
      if (item.kind === "text" && item.text !== null) return item.text;
      throw this.#fault(item.line, `${this.#name}${key}: each entry of the list must be a text`);
    });
  }
}
