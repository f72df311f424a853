/**
 * What few blocks have, or many have in common: LoRA and salt of an event, multimodal hashes of a block. INDEX THREAD.
 *
 * Each distinct value (a short list of words) is kept once, under a number, for as long as somebody refers to it. The
 * table is bounded in bytes, and so is each value, because both come from outside. Values may be salts: they are never
 * to be shown.
 */
import { elementAt } from "../shared/element.ts";

/** The value that stands for LoRA and salt of an event; behind it come the words of both texts, as in its record. */
export const TEXTS = { flags: 0, loraId: 1, loraNameBytes: 2, cacheSaltBytes: 3, header: 4 } as const;

/** What a value costs beside its words: entry, key and array objects, about. */
const VALUE_OVERHEAD_BYTES = 192;
/** Most words of one value. */
export const MAX_SIDE_WORDS: number = 1 << 16;
const KEY_STEP = 4096;

const NO_WORDS: Uint32Array = new Uint32Array(0);

export class SideTable {
  /** Bytes held, about. */
  memoryBytes: number = 0;
  readonly #maxBytes: number;
  readonly #ids: Map<string, number> = new Map();
  /** By id; id 0 is "none" and never given out. */
  readonly #values: Uint32Array[] = [NO_WORDS];
  readonly #keys: string[] = [""];
  readonly #references: number[] = [0];
  readonly #free: number[] = [];
  /** The value asked for last: events in a row mostly have the same. */
  #last: number = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The words of a value. */
  value(id: number): Uint32Array {
    return elementAt(this.#values, id);
  }

  /** The number of `words[start … end)`, with one more reference to it; 0 when there is no room for it. */
  acquire(words: Uint32Array, start: number, end: number): number {
    if (this.#last !== 0 && equalWords(this.value(this.#last), words, start, end)) {
      this.retain(this.#last);
      return this.#last;
    }
    if (end - start > MAX_SIDE_WORDS) return 0;
    const key = keyOf(words, start, end);
    let id = this.#ids.get(key) ?? 0;
    if (id === 0) {
      const bytes = sizeOf(end - start);
      if (this.memoryBytes + bytes > this.#maxBytes) return 0;
      this.memoryBytes += bytes;
      id = this.#free.pop() ?? this.#values.length;
      this.#ids.set(key, id);
      this.#values[id] = words.slice(start, end);
      this.#keys[id] = key;
      this.#references[id] = 0;
    }
    this.#last = id;
    this.retain(id);
    return id;
  }

  /** One more reference; nothing for 0. */
  retain(id: number): void {
    if (id !== 0) this.#references[id] = (this.#references[id] as number) + 1;
  }

  /** One reference less; the last one takes the value with it. Nothing for 0. */
  release(id: number): void {
    if (id === 0) return;
    const left = (this.#references[id] as number) - 1;
    this.#references[id] = left;
    if (left > 0) return;
    this.memoryBytes -= sizeOf(this.value(id).length);
    this.#ids.delete(elementAt(this.#keys, id));
    this.#values[id] = NO_WORDS;
    this.#keys[id] = "";
    this.#free.push(id);
    if (this.#last === id) this.#last = 0;
  }
}

/** The words themselves, and as many bytes again for the key. */
function sizeOf(words: number): number {
  return VALUE_OVERHEAD_BYTES + 8 * words;
}

function equalWords(value: Uint32Array, words: Uint32Array, start: number, end: number): boolean {
  if (value.length !== end - start) return false;
  for (let i = 0; i < value.length; i++) if (value[i] !== words[start + i]) return false;
  return true;
}

/** The words as UTF-16 units, two each: equal texts mean equal words. */
function keyOf(words: Uint32Array, start: number, end: number): string {
  let key = "";
  for (let at = start; at < end; at += KEY_STEP) {
    const part = words.slice(at, Math.min(end, at + KEY_STEP));
    key += String.fromCharCode(...new Uint16Array(part.buffer));
  }
  return key;
}
