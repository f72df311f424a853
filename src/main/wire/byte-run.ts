/** Bytes that are expected at a place of a payload, compared four at a time. MAIN THREAD; pure. */
import type { MsgpackCursor } from "./msgpack-cursor.ts";

const WORD_BYTES = 4;

export class ByteRun {
  readonly size: number;
  readonly #bytes: Uint8Array;
  /** Big-endian; a last word that is not full overlaps the one before. None for fewer than four bytes. */
  readonly #words: Int32Array;

  constructor(bytes: Uint8Array) {
    this.size = bytes.length;
    this.#bytes = Uint8Array.from(bytes);
    this.#words = wordsOf(this.#bytes);
  }

  /** Takes the bytes if they come next; whatever they mean, the cursor then stands behind them. */
  take(cursor: MsgpackCursor): boolean {
    const { view, at } = cursor;
    const { size } = this;
    if (size > cursor.end - at) return false;
    const words = this.#words;
    const last = words.length - 1;
    if (last < 0) {
      const bytes = this.#bytes;
      for (let i = 0; i < size; i++) if (view.getUint8(at + i) !== bytes[i]) return false;
    } else {
      // From the end: of texts as long as each other, the heads are the same.
      if (view.getInt32(at + size - WORD_BYTES) !== words[last]) return false;
      for (let i = 0, p = at; i < last; i++, p += WORD_BYTES) if (view.getInt32(p) !== words[i]) return false;
    }
    cursor.at = at + size;
    return true;
  }
}

function wordsOf(bytes: Uint8Array): Int32Array {
  const { length } = bytes;
  if (length < WORD_BYTES) return new Int32Array(0);
  const view = new DataView(bytes.buffer);
  const words = new Int32Array(Math.ceil(length / WORD_BYTES));
  for (let i = 0; i < words.length; i++) words[i] = view.getInt32(Math.min(i * WORD_BYTES, length - WORD_BYTES));
  return words;
}
