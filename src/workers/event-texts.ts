/**
 * LoRA and salt of an event, as the index keeps them: one value of the side table for all blocks that have the same. INDEX THREAD.
 */
import { RECORD_FLAG, RECORD_WORD, textWords } from "../shared/record.ts";
import { textStart } from "./event-fields.ts";
import { MAX_SIDE_WORDS, type SideTable, TEXTS } from "./side-table.ts";

export class EventTexts {
  readonly #side: SideTable;
  /** Flags of the texts that are kept. */
  readonly #kept: number;
  /** The value that is made; it grows to the largest. */
  #value: Uint32Array = new Uint32Array(64);

  /** Without `keepSalts` a salt is left out, as if the event had none. */
  constructor(side: SideTable, keepSalts: boolean) {
    this.#side = side;
    this.#kept = RECORD_FLAG.loraName | (keepSalts ? RECORD_FLAG.cacheSalt : 0);
  }

  /** Whether the record that starts at `word` has any. */
  has(records: Uint32Array, word: number): boolean {
    const kindWord = records[word + RECORD_WORD.kind] as number;
    return (kindWord & this.#kept) !== 0 || records[word + RECORD_WORD.loraId] !== 0;
  }

  /** The value, which the caller holds from then on and releases; 0 when there is no room for it. */
  acquire(records: Uint32Array, word: number): number {
    const kindWord = records[word + RECORD_WORD.kind] as number;
    const start = textStart(records, word);
    const nameBytes = records[word + RECORD_WORD.loraNameBytes] as number;
    const hasSalt = (this.#kept & RECORD_FLAG.cacheSalt) !== 0;
    // It lies behind the name, so what is not kept is left out at the end.
    const saltBytes = hasSalt ? (records[word + RECORD_WORD.cacheSaltBytes] as number) : 0;
    const words = TEXTS.header + textWords(nameBytes) + textWords(saltBytes);
    if (words > MAX_SIDE_WORDS) return 0;
    if (words > this.#value.length) this.#value = new Uint32Array(2 * words);
    const texts = this.#value;
    texts[TEXTS.flags] = kindWord & this.#kept;
    texts[TEXTS.loraId] = records[word + RECORD_WORD.loraId] as number;
    texts[TEXTS.loraNameBytes] = nameBytes;
    texts[TEXTS.cacheSaltBytes] = saltBytes;
    for (let i = TEXTS.header; i < words; i++) texts[i] = records[start + i - TEXTS.header] as number;
    return this.#side.acquire(texts, 0, words);
  }
}
