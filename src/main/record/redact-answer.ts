/**
 * An engine's answer without what people have asked it. MAIN THREAD.
 *
 * What may stay is listed, and all else goes: numbers and texts under keys that are not known, tokens and salts. A text becomes
 * empty, a number 0, a token id its place in its list, a salt a number of its own, so that what is left has the same entries with
 * the same number of tokens, and what was malformed is so still. Works on an answer as it arrives, in pieces of any size.
 */
const NUMBER_KEYS: ReadonlySet<string> = new Set([
  "event_id",
  "attention_dp_rank",
  "window_size",
  "layer_group_id",
  "num_blocks_per_cache_level",
  "cache_level",
  "priority",
  "old_value",
  "new_value",
  "parent_hash",
  "block_hash",
  "block_hashes",
  "start_offset",
]);
/** Hashes and names that a stream of events has as well. */
const TEXT_KEYS: ReadonlySet<string> = new Set([
  "parent_hash",
  "block_hash",
  "block_hashes",
  "hash",
  "uuid",
  "lora_name",
]);
/** Those of them that may be any text, that of a picture or an adapter; the others are hashes of blocks, digits or none at all. */
const NAME_KEYS: ReadonlySet<string> = new Set(["hash", "uuid", "lora_name"]);
/** What a `type` may be called. */
const TYPES: ReadonlySet<string> = new Set([
  "created",
  "stored",
  "removed",
  "updated",
  "mm_key",
  "unique_token",
  "event_diff",
]);
const OTHER_KEYS: readonly string[] = [
  "data",
  "type",
  "blocks",
  "tokens",
  "token_id",
  "token_extra_id",
  "cache_salt",
  "mm_keys",
];
const KEYS: ReadonlySet<string> = new Set([...NUMBER_KEYS, ...TEXT_KEYS, ...OTHER_KEYS]);

/** Longer texts and numbers become empty. */
const MAX_HELD_CHARS = 4096;
const MAX_TOKEN = 0xffff_ffff;

const MAX_SALTS = 1000;

const PLAIN = /^[\w.-]*$/;
const HASH = /^[0-9a-fA-F]{16,64}$/;
const DIGITS = /^[-+]?(?:0x)?[0-9a-fA-F]{0,128}$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** In place of what is no JSON, so that it is none still. */
const BROKEN_TEXT = '"\\?"';
const BROKEN_NUMBER = "1e";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const STRUCTURE = "[]{},:";
const LITERAL_LETTERS = "truefalsn";
const SPACES = " \t\r\n";
const NUMBER_CHARS = "+-.0123456789eE";

type State = "between" | "text" | "behind-text" | "number";

export class AnswerRedactor {
  #state: State = "between";
  #escaped: boolean = false;
  /** Characters of the text or number at hand; it ends with the piece or goes on in the next. */
  #held: string = "";
  #overlong: boolean = false;
  /** Whose value comes; null: nobody's that is known. */
  #key: string | null = null;
  readonly #salts: Map<string, number> = new Map();
  /** Token ids in the list at hand. */
  #tokens: number = 0;

  /** A new answer. */
  begin(): void {
    this.#state = "between";
    this.#escaped = false;
    this.#held = "";
    this.#overlong = false;
    this.#key = null;
    this.#tokens = 0;
  }

  /** What may be kept of the next piece. */
  push(piece: Buffer): Buffer {
    // One character a byte: what is no ASCII is inside texts, and stays or goes with them.
    const text = piece.toString("latin1");
    let out = "";
    for (let at = 0; at < text.length; at++) {
      if (this.#state === "text" && !this.#escaped) at = this.#skipText(text, at);
      if (at < text.length) out += this.#take(text, at);
    }
    return Buffer.from(out, "latin1");
  }

  /** The rest of the answer, where it ends in the middle of something. */
  end(): Buffer {
    let out = "";
    if (this.#state === "number") out = this.#number();
    else if (this.#state === "text") out = '"';
    else if (this.#state === "behind-text") out = this.#value();
    this.begin();
    return Buffer.from(out, "latin1");
  }

  /** Holds what cannot end the text; most of an answer is in texts. Returns where that ends. */
  #skipText(text: string, at: number): number {
    let end = at;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === QUOTE || code === BACKSLASH) break;
    }
    this.#hold(text.slice(at, end));
    return end;
  }

  #take(text: string, at: number): string {
    const char = text[at] ?? "";
    switch (this.#state) {
      case "text":
        this.#inText(text.charCodeAt(at), char);
        return "";
      case "behind-text": {
        if (SPACES.includes(char)) return "";
        this.#state = "between";
        if (text.charCodeAt(at) !== COLON) return this.#value() + this.#between(text.charCodeAt(at), char);
        const key = this.#text();
        this.#key = key !== null && KEYS.has(key) ? key : null;
        return this.#key === null ? `${key === null ? BROKEN_TEXT : '"?"'}:` : `"${this.#key}":`;
      }
      case "number":
        if (NUMBER_CHARS.includes(char)) {
          this.#hold(char);
          return "";
        }
        this.#state = "between";
        return this.#number() + this.#between(text.charCodeAt(at), char);
      case "between":
        return this.#between(text.charCodeAt(at), char);
    }
  }

  #inText(code: number, char: string): void {
    if (this.#escaped) this.#escaped = false;
    else if (code === BACKSLASH) this.#escaped = true;
    else if (code === QUOTE) {
      this.#state = "behind-text";
      return;
    }
    this.#hold(char);
  }

  #between(code: number, char: string): string {
    if (code === QUOTE) {
      this.#state = "text";
      this.#start();
      return "";
    }
    if (char === "-" || (char >= "0" && char <= "9")) {
      this.#state = "number";
      this.#start();
      this.#hold(char);
      return "";
    }
    if (STRUCTURE.includes(char)) {
      if (char === "[") this.#tokens = 0;
      // What comes behind has a key of its own, or is in a list of other things.
      else if (char !== "," && char !== ":") this.#key = null;
      return char;
    }
    return SPACES.includes(char) || LITERAL_LETTERS.includes(char) ? char : "?";
  }

  #start(): void {
    this.#held = "";
    this.#overlong = false;
    this.#escaped = false;
  }

  #hold(chars: string): void {
    if (this.#held.length + chars.length <= MAX_HELD_CHARS) this.#held += chars;
    else this.#overlong = true;
  }

  /** What the held text says; empty where it is too long to be of use, null where it is no text of JSON. */
  #text(): string | null {
    if (this.#overlong) return "";
    if (PLAIN.test(this.#held)) return this.#held;
    try {
      const value: unknown = JSON.parse(`"${this.#held}"`);
      return typeof value === "string" ? value : null;
    } catch {
      return null;
    }
  }

  /** The text that was held, which is a value. */
  #value(): string {
    const key = this.#key;
    const text = this.#text();
    if (text === null) return BROKEN_TEXT;
    if (key === "token_id") {
      this.#tokens++;
      // Not a token, but the hash of a picture or a sound that stands in its place.
      return HASH.test(text) ? `"${text}"` : '"?"';
    }
    if (key === "cache_salt") return text === "" ? '""' : `"salt-${this.#saltNumber(text)}"`;
    if (key === "type") return TYPES.has(text) ? `"${text}"` : '"?"';
    if (key === null || !TEXT_KEYS.has(key) || this.#overlong) return '""';
    return NAME_KEYS.has(key) || DIGITS.test(text) ? `"${this.#held}"` : '"?"';
  }

  /** Salts stay as different as they are, and no more is told of them. */
  #saltNumber(salt: string): number {
    const known = this.#salts.get(salt);
    if (known !== undefined) return known;
    const number = Math.min(this.#salts.size, MAX_SALTS);
    if (number < MAX_SALTS) this.#salts.set(salt, number);
    return number;
  }

  #number(): string {
    const text = this.#held;
    const key = this.#key;
    if (this.#overlong) return "0";
    if (!NUMBER.test(text)) return BROKEN_NUMBER;
    if (key !== null && NUMBER_KEYS.has(key)) return text;
    if (key !== "token_id") return "0";
    const place = this.#tokens++;
    // What is out of range, or odd, stays so: it is what a bug may be about.
    const token = Math.trunc(Number(text));
    if (!(token >= 0 && token <= MAX_TOKEN)) return String(MAX_TOKEN + 1);
    return /^-?\d+$/.test(text) ? String(place) : `${place}.5`;
  }
}
