/**
 * The words of the event schema, keys and type names, as small integers. MAIN THREAD.
 *
 * The scanner meets about ten keys a block. It compares their bytes with the one word they can be, instead of making a
 * string of each. Ids stay below 31, so that a set of words that were seen fits into a small integer.
 */
import { LayoutError } from "../../shared/errors.ts";

/** Any word that the schema does not know is `other`. */
export const WORD = {
  other: 0,
  event_id: 1,
  data: 2,
  attention_dp_rank: 3,
  window_size: 4,
  layer_group_id: 5,
  type: 6,
  parent_hash: 7,
  blocks: 8,
  block_hashes: 9,
  lora_name: 10,
  cache_salt: 11,
  block_hash: 12,
  tokens: 13,
  mm_keys: 14,
  token_id: 15,
  hash: 16,
  uuid: 17,
  start_offset: 18,
  created: 19,
  stored: 20,
  removed: 21,
  updated: 22,
  mm_key: 23,
  cache_level: 24,
  new_value: 25,
  old_value: 26,
} as const;
export type Word = (typeof WORD)[keyof typeof WORD];

/** Longest word, rounded up: each word has this many bytes in `LETTERS`. */
const STRIDE = 32;
const SLOTS = 64;

const LETTERS: Uint8Array = new Uint8Array(STRIDE * 32);
const LENGTHS: Uint8Array = new Uint8Array(32);
/** The one word that has this slot; `other` for none. */
const SLOT_WORD: Word[] = Array.from({ length: SLOTS }, () => WORD.other);
const WORD_BY_TEXT: Map<string, Word> = new Map();

/** Factors found by trial: no two words of the schema share a slot. Checked below, when the table is filled. */
function slotOf(length: number, first: number, last: number): number {
  return (length * 11 + first * 7 + last) & (SLOTS - 1);
}

for (const [text, word] of Object.entries(WORD)) {
  if (word === WORD.other) continue;
  const letters = Buffer.from(text, "latin1");
  const slot = slotOf(letters.length, letters[0] as number, letters[letters.length - 1] as number);
  if (SLOT_WORD[slot] !== WORD.other)
    throw new LayoutError(`two words of the event schema share slot ${slot}, one is ${text}`);
  SLOT_WORD[slot] = word;
  LETTERS.set(letters, word * STRIDE);
  LENGTHS[word] = letters.length;
  WORD_BY_TEXT.set(text, word);
}

/** The word whose letters are `bytes[start … end)`. */
export function wordAt(bytes: Uint8Array, start: number, end: number): Word {
  const length = end - start;
  const slot = slotOf(length, bytes[start] as number, bytes[end - 1] as number);
  const word = SLOT_WORD[slot] ?? WORD.other;
  if (LENGTHS[word] !== length) return WORD.other;
  const letters = word * STRIDE;
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== LETTERS[letters + i]) return WORD.other;
  }
  return word;
}

/** The same for a word that had to be unescaped first. */
export function wordOf(text: string): Word {
  return WORD_BY_TEXT.get(text) ?? WORD.other;
}
