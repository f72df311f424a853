/**
 * The blocks of a stored event and the hashes of a removed one. MAIN THREAD.
 *
 * Keys come in any order; of a key that comes twice the first counts. Every block is read to its end, also behind one
 * that is partial or broken, because salts and multimodal keys of all blocks matter for the event as a whole.
 */
import { CLOSE_BRACE, CLOSE_BRACKET, type JsonCursor, OPEN_BRACE, OPEN_BRACKET } from "./json-cursor.ts";
import { WORD } from "./json-words.ts";
import { ABSENT, MAX_BLOCKS_PER_EVENT, MAX_EXTRAS_PER_EVENT, type RawEvent } from "./raw-event.ts";
import { takeHash } from "./scan-hash.ts";
import { scanTokens } from "./scan-token.ts";
import {
  ignore,
  NOT_A_COUNT,
  refuse,
  takeCount,
  takeNewKey,
  takeNull,
  takeString,
  takeText,
  takeWord,
} from "./scan-value.ts";

/** Takes `blocks`. */
export function scanBlocks(cursor: JsonCursor, event: RawEvent): void {
  if (cursor.peek() !== OPEN_BRACKET) return refuse(cursor, event);
  if (!cursor.enter(CLOSE_BRACKET)) return;
  do {
    if (hasRoom(event)) scanBlock(cursor, event);
    else ignore(cursor, event);
  } while (cursor.more(CLOSE_BRACKET));
}

/** Takes `block_hashes`. */
export function scanRemovedHashes(cursor: JsonCursor, event: RawEvent): void {
  if (cursor.peek() !== OPEN_BRACKET) return refuse(cursor, event);
  if (!cursor.enter(CLOSE_BRACKET)) return;
  do {
    if (hasRoom(event)) {
      const isNull = takeHash(cursor, event);
      event.addBlock(cursor.magnitude.lo, cursor.magnitude.hi, isNull);
    } else {
      ignore(cursor, event);
    }
  } while (cursor.more(CLOSE_BRACKET));
}

/** Takes a `cache_salt`, the event's own or a block's. */
export function scanSalt(cursor: JsonCursor, event: RawEvent): void {
  const salt = takeText(cursor, event);
  if (salt !== null) event.addSalt(salt);
}

function hasRoom(event: RawEvent): boolean {
  if (event.blockCount < MAX_BLOCKS_PER_EVENT) return true;
  event.fail("too_many_blocks");
  return false;
}

function scanBlock(cursor: JsonCursor, event: RawEvent): void {
  if (cursor.peek() !== OPEN_BRACE) return refuse(cursor, event);
  let seen = 0;
  let lo = 0;
  let hi = 0;
  let isNull = false;
  if (cursor.enter(CLOSE_BRACE)) {
    do {
      const word = takeNewKey(cursor, seen);
      seen |= 1 << word;
      switch (word) {
        case WORD.block_hash:
          isNull = takeHash(cursor, event);
          lo = cursor.magnitude.lo;
          hi = cursor.magnitude.hi;
          break;
        case WORD.tokens:
          if (cursor.peek() === OPEN_BRACKET) scanTokens(cursor, event);
          else refuse(cursor, event);
          break;
        case WORD.cache_salt:
          scanSalt(cursor, event);
          break;
        case WORD.mm_keys:
          scanMmKeys(cursor, event);
          break;
        default:
          ignore(cursor, event);
      }
    } while (cursor.more(CLOSE_BRACE));
  }
  const needed = (1 << WORD.block_hash) | (1 << WORD.tokens);
  if ((seen & needed) !== needed) event.fail("missing_field");
  event.addBlock(lo, hi, isNull);
}

function scanMmKeys(cursor: JsonCursor, event: RawEvent): void {
  if (takeNull(cursor)) return;
  if (cursor.peek() !== OPEN_BRACKET) return refuse(cursor, event);
  if (!cursor.enter(CLOSE_BRACKET)) return;
  do {
    if (cursor.peek() === OPEN_BRACE) scanMmKey(cursor, event);
    else refuse(cursor, event);
  } while (cursor.more(CLOSE_BRACKET));
}

/**
 * Takes one multimodal key. A wrong type in it is no defect of the event: the older rule ignores such keys, and for the
 * newer rule it reads as a value that cannot match, an empty hash or UUID, an absent offset.
 */
function scanMmKey(cursor: JsonCursor, event: RawEvent): void {
  let seen = 0;
  let isMmKey = false;
  let hash = "";
  let uuid: string | null = null;
  let startOffset = ABSENT;
  if (cursor.enter(CLOSE_BRACE)) {
    do {
      const word = takeNewKey(cursor, seen);
      seen |= 1 << word;
      switch (word) {
        case WORD.type:
          isMmKey = takeWord(cursor) === WORD.mm_key;
          break;
        case WORD.hash:
          hash = takeString(cursor) ?? "";
          break;
        case WORD.uuid: {
          const text = takeString(cursor);
          uuid = text === undefined ? "" : text;
          break;
        }
        case WORD.start_offset: {
          const offset = takeCount(cursor);
          startOffset = offset === NOT_A_COUNT ? ABSENT : offset;
          break;
        }
        default:
          ignore(cursor, event);
      }
    } while (cursor.more(CLOSE_BRACE));
  }
  if (event.mmKeys.length >= MAX_EXTRAS_PER_EVENT) return event.fail("mm_key");
  event.mmKeys.push({ block: event.blockCount, usable: isMmKey && hash !== "", hash, uuid, startOffset });
}
