/**
 * Events without what comes from people's text: `--redact-tokens`. ENCODER THREAD.
 *
 * A dialect's own writer is given a copy of the record that has neither token ids nor a cache salt, so that each dialect says
 * "there are none" in the way it always does: an empty `token_ids`, no key or entry for the salt. What is redacted is thereby
 * decided in one place for all dialects, also those to come, and who does not redact pays nothing.
 */
import { RECORD_FLAG, RECORD_WORD, textWords } from "../shared/record.ts";
import type { EventWriter } from "./event-keys.ts";

const { header: HEADER } = RECORD_WORD;
const FIRST_WORDS = 256;

/** `write`, for records that lose their token ids and cache salts on the way. Hashes, LoRA and multimodal hashes stay. */
export function redactedWriter(write: EventWriter): EventWriter {
  let scratch = new Uint32Array(FIRST_WORDS);
  return (records, r, out, p) => {
    const hashWords = 2 * (records[r + RECORD_WORD.blocks] as number);
    const nameWords = textWords(records[r + RECORD_WORD.loraNameBytes] as number);
    const saltWords = textWords(records[r + RECORD_WORD.cacheSaltBytes] as number);
    const mmWords = records[r + RECORD_WORD.mmWords] as number;
    const length = HEADER + hashWords + nameWords + mmWords;
    if (length > scratch.length) scratch = new Uint32Array(2 * length);
    const hashEnd = r + HEADER + hashWords;
    const nameStart = hashEnd + (records[r + RECORD_WORD.tokens] as number);
    const mmStart = nameStart + nameWords + saltWords;
    let to = copy(records, r, hashEnd, scratch, 0);
    to = copy(records, nameStart, nameStart + nameWords, scratch, to);
    copy(records, mmStart, mmStart + mmWords, scratch, to);
    scratch[RECORD_WORD.length] = length;
    scratch[RECORD_WORD.kind] = (records[r + RECORD_WORD.kind] as number) & ~RECORD_FLAG.cacheSalt;
    scratch[RECORD_WORD.tokens] = 0;
    scratch[RECORD_WORD.cacheSaltBytes] = 0;
    return write(scratch, 0, out, p);
  };
}

/** Words `from` to `end`, to `at`; returns the word behind them. */
function copy(records: Uint32Array, from: number, end: number, into: Uint32Array, at: number): number {
  for (let i = from; i < end; i++) into[at++] = records[i] as number;
  return at;
}
