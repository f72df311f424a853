/**
 * Closed sets of texts, such as keys and tags, recognised in a payload without making strings of them. MAIN THREAD; pure.
 *
 * Publishers write the same keys in the same order again and again, so a reader says which text it expects; that one is
 * compared first, together with its msgpack head. Only when it is another one its length is looked at, which leaves one
 * candidate or a few.
 */
import { ByteRun } from "./byte-run.ts";
import type { MsgpackCursor } from "./msgpack-cursor.ts";
import { elementAt } from "../../shared/element.ts";

/** A text, but none of the set. */
export const OTHER_TEXT = -1;
/** No text, and nothing taken. */
export const NO_TEXT = -2;

const FIX_STR = 0xa0;
const MAX_BYTES = 31;

export class KnownTexts {
  readonly #texts: readonly Buffer[];
  /** Each text behind its head. */
  readonly #headed: readonly ByteRun[];
  /** Places of the texts of each length. */
  readonly #ofLength: readonly (readonly number[])[];

  /** Texts of at most 31 ASCII characters; a text is known by its place in the list. */
  constructor(texts: readonly string[]) {
    this.#texts = texts.map((text) => Buffer.from(text, "latin1"));
    this.#headed = this.#texts.map((text) => new ByteRun(Buffer.from([FIX_STR | text.length, ...text])));
    const lengths = Array.from({ length: MAX_BYTES + 1 }, (_, length) => length);
    this.#ofLength = lengths.map((length) => [...texts.keys()].filter((i) => texts[i]?.length === length));
  }

  /** Takes the text at hand and returns its place, OTHER_TEXT or NO_TEXT. `expected` is the likeliest place. */
  take(cursor: MsgpackCursor, expected: number): number {
    if (elementAt(this.#headed, expected).take(cursor)) return expected;
    const length = cursor.takeText();
    return length < 0 ? NO_TEXT : this.#find(cursor, length);
  }

  #find({ bytes, textAt }: MsgpackCursor, length: number): number {
    for (const i of this.#ofLength[length] ?? []) {
      const text = elementAt(this.#texts, i);
      let same = 0;
      while (same < length && bytes[textAt + same] === text[same]) same++;
      if (same === length) return i;
    }
    return OTHER_TEXT;
  }
}
