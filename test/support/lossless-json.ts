/**
 * A second JSON reader for tests, slow and plain: regular expressions on a decoded text, recursion, no number ever
 * converted. It keeps what `JSON.parse` loses, the digits of numbers and keys that come twice, and shares nothing with
 * the scanner of the service.
 */
export type LosslessJson =
  | { readonly type: "null" }
  | { readonly type: "bool"; readonly value: boolean }
  /** As written. */
  | { readonly type: "number"; readonly text: string }
  /** Unescaped; surrogates without their other half are U+FFFD. */
  | { readonly type: "string"; readonly text: string }
  | { readonly type: "array"; readonly items: readonly LosslessJson[] }
  /** In the order of the text, with duplicates. */
  | { readonly type: "object"; readonly members: readonly Member[] };
export type Member = readonly [key: string, value: LosslessJson];

/** The entries of a list up to the place where the text is no JSON any more, if there is one. */
export interface Entries {
  readonly entries: readonly LosslessJson[];
  readonly wellFormed: boolean;
}

const SPACE = /[ \t\n\r]*/y;
/** With the lookaheads a number that breaks off (`1.`, `2e+`, `01`) is none, rather than a shorter one with a rest. */
const NUMBER = /-?(?:0|[1-9][0-9]*)(?![0-9])(?:\.[0-9]+(?![0-9])|(?!\.))(?:[eE][+-]?[0-9]+|(?![eE]))/y;
const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const LITERAL = /true|false|null/y;

/** UTF-8 to text: what is not UTF-8 becomes U+FFFD, a byte order mark in front is dropped. */
export function decodeBody(bytes: Uint8Array): string {
  return new TextDecoder("utf-8").decode(bytes);
}

/** The whole text as one value; a SyntaxError when it is none. */
export function parseText(text: string): LosslessJson {
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

/** The text as a list. A text that is JSON, but no list, has no entries and is not well-formed in this sense. */
export function parseEntries(text: string): Entries {
  const entries: LosslessJson[] = [];
  try {
    const reader = new Reader(text);
    for (const entry of reader.list("[", "]", () => reader.value())) entries.push(entry);
    reader.end();
    return { entries, wellFormed: true };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { entries, wellFormed: false };
  }
}

class Reader {
  readonly #text: string;
  #at: number = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): LosslessJson {
    this.#take(SPACE);
    const first = this.#text[this.#at];
    if (first === "{") {
      return { type: "object", members: [...this.list("{", "}", () => this.#member())] };
    }
    if (first === "[") return { type: "array", items: [...this.list("[", "]", () => this.value())] };
    if (first === '"') return { type: "string", text: this.#string() };
    const literal = this.#take(LITERAL);
    if (literal === "null") return { type: "null" };
    if (literal !== null) return { type: "bool", value: literal === "true" };
    return { type: "number", text: this.#expect(NUMBER) };
  }

  *list<T>(open: string, close: string, item: () => T): Generator<T> {
    this.#punctuation(open);
    if (this.#next() === close) {
      this.#at++;
      return;
    }
    for (;;) {
      yield item();
      if (this.#next() === close) break;
      this.#punctuation(",");
    }
    this.#at++;
  }

  end(): void {
    if (this.#next() !== undefined) throw new SyntaxError("trailing text");
  }

  #member(): Member {
    this.#take(SPACE);
    const key = this.#string();
    this.#punctuation(":");
    return [key, this.value()];
  }

  #string(): string {
    const text = JSON.parse(this.#expect(STRING)) as string;
    return text.replaceAll(/\p{Surrogate}/gu, "\ufffd");
  }

  /** The character behind whitespace. */
  #next(): string | undefined {
    this.#take(SPACE);
    return this.#text[this.#at];
  }

  #punctuation(character: string): void {
    if (this.#next() !== character) throw new SyntaxError(`no ${character}`);
    this.#at++;
  }

  #expect(pattern: RegExp): string {
    const match = this.#take(pattern);
    if (match === null) throw new SyntaxError(`no ${pattern.source}`);
    return match;
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0] ?? null;
    if (match !== null) this.#at += match.length;
    return match;
  }
}
