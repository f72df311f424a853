/**
 * Whether words from outside are records of stored events that may be applied. INDEX THREAD, when an index is loaded.
 *
 * A checksum proves that a file is what somebody wrote, not that it was us; every count is therefore checked against
 * what there is before anything follows it.
 */
import { MAX_RANK, RECORD_FLAG, RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD, textWords } from "../shared/record.ts";

const KNOWN_BITS: number =
  RECORD_KIND_MASK |
  RECORD_FLAG.parent |
  RECORD_FLAG.loraName |
  RECORD_FLAG.cacheSalt |
  RECORD_FLAG.mmList |
  RECORD_FLAG.mmAny;

/** The blocks in all records of `words`, or -1 if these are not whole, sound records with `tokens` tokens a block. */
export function countStoredBlocks(words: Uint32Array, tokens: number): number {
  let blocks = 0;
  let r = 0;
  while (r < words.length) {
    if (!isSound(words, r, tokens)) return -1;
    blocks += words[r + RECORD_WORD.blocks] as number;
    r += words[r + RECORD_WORD.length] as number;
  }
  return blocks;
}

function isSound(words: Uint32Array, r: number, tokens: number): boolean {
  if (words.length - r < RECORD_WORD.header) return false;
  const length = words[r + RECORD_WORD.length] as number;
  const kindWord = words[r + RECORD_WORD.kind] as number;
  const blocks = words[r + RECORD_WORD.blocks] as number;
  const nameBytes = words[r + RECORD_WORD.loraNameBytes] as number;
  const saltBytes = words[r + RECORD_WORD.cacheSaltBytes] as number;
  const mmWords = words[r + RECORD_WORD.mmWords] as number;
  const mmFrom = RECORD_WORD.header + 2 * blocks + blocks * tokens + textWords(nameBytes) + textWords(saltBytes);
  return (
    length <= words.length - r &&
    length === mmFrom + mmWords &&
    (kindWord & RECORD_KIND_MASK) === RECORD_KIND.stored &&
    (kindWord & ~KNOWN_BITS) === 0 &&
    blocks > 0 &&
    words[r + RECORD_WORD.tokens] === blocks * tokens &&
    (words[r + RECORD_WORD.rank] as number) <= MAX_RANK &&
    (nameBytes === 0 || (kindWord & RECORD_FLAG.loraName) !== 0) &&
    (saltBytes === 0 || (kindWord & RECORD_FLAG.cacheSalt) !== 0) &&
    isSoundMm(words, r + mmFrom, r + length, (kindWord & RECORD_FLAG.mmAny) === 0 ? 0 : blocks)
  );
}

/** Whether `words[m … end)` is one list of hashes for each block. */
function isSoundMm(words: Uint32Array, m: number, end: number, blocks: number): boolean {
  for (let b = 0; b < blocks; b++) {
    if (m >= end) return false;
    m += 1 + 2 * (words[m] as number);
  }
  return m === end;
}
