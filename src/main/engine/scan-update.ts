/**
 * What an `updated` entry says: which block, and between which cache levels it moved. MAIN THREAD.
 *
 *   {"type":"updated","block_hash":H,"cache_level":{"type":"event_diff","new_value":1,"old_value":0},"priority":…}
 *
 * Nobody needs it who does not follow tiers, so whatever is wrong in it is no defect: the entry then says nothing.
 */
import { CLOSE_BRACE, type JsonCursor, OPEN_BRACE } from "./json-cursor.ts";
import { isNumberStart, QUOTE } from "./json-lexer.ts";
import { WORD } from "./json-words.ts";
import { ABSENT, type RawEvent } from "./raw-event.ts";
import { takeHash } from "./scan-hash.ts";
import { ignore, takeCount, takeNewKey } from "./scan-value.ts";

export function scanUpdatedMember(cursor: JsonCursor, event: RawEvent, word: number): void {
  if (word === WORD.block_hash) scanHash(cursor, event);
  else if (word === WORD.cache_level && cursor.peek() === OPEN_BRACE) scanLevels(cursor, event);
  else ignore(cursor, event);
}

function scanHash(cursor: JsonCursor, event: RawEvent): void {
  const byte = cursor.peek();
  if (!isNumberStart(byte) && byte !== QUOTE) return ignore(cursor, event);
  const { defect } = event;
  event.defect = null;
  takeHash(cursor, event);
  if (event.defect === null) event.addBlock(cursor.magnitude.lo, cursor.magnitude.hi, false);
  event.defect = defect;
}

function scanLevels(cursor: JsonCursor, event: RawEvent): void {
  if (!cursor.enter(CLOSE_BRACE)) return;
  let seen = 0;
  do {
    const word = takeNewKey(cursor, seen);
    seen |= 1 << word;
    const isCount = isNumberStart(cursor.peek());
    if (isCount && word === WORD.old_value) event.levelFrom = Math.max(ABSENT, takeCount(cursor));
    else if (isCount && word === WORD.new_value) event.levelTo = Math.max(ABSENT, takeCount(cursor));
    else ignore(cursor, event);
  } while (cursor.more(CLOSE_BRACE));
}
