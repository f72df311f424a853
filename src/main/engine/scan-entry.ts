/**
 * One entry of the list: from JSON to a `RawEvent`. MAIN THREAD.
 *
 * What is wrong with the content of an entry is noted as the event's defect, the first in the order of the text, and the
 * entry is read to its end; what is wrong with its grammar is the cursor's fault. Of a key that comes twice the first
 * counts. After a fault the event holds a part of something and must not be used.
 */
import { MAX_RANK } from "../../shared/record.ts";
import { CLOSE_BRACE, type JsonCursor, OPEN_BRACE } from "./json-cursor.ts";
import { WORD } from "./json-words.ts";
import { ABSENT, BAD_RANK, PARENT, RAW_KIND, type RawEvent, type RawKind } from "./raw-event.ts";
import { scanUpdatedMember } from "./scan-update.ts";
import { scanBlocks, scanRemovedHashes, scanSalt } from "./scan-blocks.ts";
import { takeHash } from "./scan-hash.ts";
import { ignore, NOT_A_COUNT, refuse, takeCount, takeNewKey, takeNull, takeText, takeWord } from "./scan-value.ts";

/** Takes an entry into `event`, which was reset before. */
export function scanEntry(cursor: JsonCursor, event: RawEvent): void {
  if (takeNull(cursor)) return event.fail("empty_entry");
  if (cursor.peek() !== OPEN_BRACE) {
    event.kind = RAW_KIND.unknown;
    return refuse(cursor, event);
  }
  if (!cursor.enter(CLOSE_BRACE)) return event.fail("empty_entry");
  event.kind = RAW_KIND.unknown;
  let seen = 0;
  do {
    const word = takeNewKey(cursor, seen);
    seen |= 1 << word;
    switch (word) {
      case WORD.event_id:
        event.eventId = known(takeCount(cursor));
        if (event.eventId === ABSENT) event.fail("bad_type");
        break;
      case WORD.attention_dp_rank:
        event.rank = takeRank(cursor, event);
        break;
      case WORD.window_size:
        event.windowSize = takeOptionalCount(cursor, event);
        break;
      case WORD.layer_group_id:
        event.layerGroup = takeOptionalCount(cursor, event);
        break;
      case WORD.data:
        scanData(cursor, event);
        break;
      default:
        ignore(cursor, event);
    }
  } while (cursor.more(CLOSE_BRACE));
  const needed = (1 << WORD.event_id) | (1 << WORD.data);
  if ((seen & needed) !== needed) event.fail("missing_field");
}

function known(count: number): number {
  return count === NOT_A_COUNT ? ABSENT : count;
}

function takeOptionalCount(cursor: JsonCursor, event: RawEvent): number {
  const count = takeCount(cursor);
  if (count === NOT_A_COUNT) event.fail("bad_type");
  return known(count);
}

function takeRank(cursor: JsonCursor, event: RawEvent): number {
  const rank = takeCount(cursor);
  if (rank === ABSENT) return 0;
  if (rank !== NOT_A_COUNT && rank <= MAX_RANK) return rank;
  event.fail("bad_type");
  return BAD_RANK;
}

function scanData(cursor: JsonCursor, event: RawEvent): void {
  if (cursor.peek() !== OPEN_BRACE) return refuse(cursor, event);
  if (!cursor.enter(CLOSE_BRACE)) return event.fail("missing_field");
  event.kind = findKind(cursor, event);
  const isStored = event.kind === RAW_KIND.stored;
  const isRemoved = event.kind === RAW_KIND.removed;
  const isUpdated = event.kind === RAW_KIND.updated;
  let seen = 0;
  do {
    const word = takeNewKey(cursor, seen);
    seen |= 1 << word;
    if (isStored) scanStoredMember(cursor, event, word);
    else if (isRemoved && word === WORD.block_hashes) scanRemovedHashes(cursor, event);
    else if (isUpdated) scanUpdatedMember(cursor, event, word);
    else ignore(cursor, event);
  } while (cursor.more(CLOSE_BRACE));
  const needed = isStored ? 1 << WORD.blocks : isRemoved ? 1 << WORD.block_hashes : 0;
  if ((seen & needed) !== needed) event.fail("missing_field");
}

/**
 * Looks for `type` among the members of `data` and comes back to the first. It stands first as a rule; where it does
 * not, the members before it are read twice, because what they mean depends on it.
 */
function findKind(cursor: JsonCursor, event: RawEvent): RawKind {
  const start = cursor.pos;
  let kind: RawKind = RAW_KIND.unknown;
  let found = false;
  do {
    found = cursor.key() === WORD.type;
    if (found) kind = takeKind(cursor, event);
    else cursor.skip();
  } while (!found && cursor.more(CLOSE_BRACE));
  if (!found) event.fail("missing_field");
  cursor.rewind(start);
  return kind;
}

function takeKind(cursor: JsonCursor, event: RawEvent): RawKind {
  const word: number | undefined = takeWord(cursor);
  switch (word) {
    case WORD.created:
      return RAW_KIND.created;
    case WORD.stored:
      return RAW_KIND.stored;
    case WORD.removed:
      return RAW_KIND.removed;
    case WORD.updated:
      return RAW_KIND.updated;
    case undefined:
      event.fail("bad_type");
      return RAW_KIND.unknown;
    default:
      event.fail("unknown_type");
      return RAW_KIND.unknown;
  }
}

function scanStoredMember(cursor: JsonCursor, event: RawEvent, word: number): void {
  switch (word) {
    case WORD.parent_hash: {
      const isNull = takeHash(cursor, event);
      event.parent = isNull ? PARENT.none : PARENT.given;
      event.parentLo = cursor.magnitude.lo;
      event.parentHi = cursor.magnitude.hi;
      break;
    }
    case WORD.blocks:
      scanBlocks(cursor, event);
      break;
    case WORD.lora_name:
      event.loraName = takeText(cursor, event);
      break;
    case WORD.cache_salt:
      scanSalt(cursor, event);
      break;
    default:
      ignore(cursor, event);
  }
}
