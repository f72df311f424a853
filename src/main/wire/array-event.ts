/**
 * Events that are arrays, `["BlockStored", block_hashes, …]`, with their fields by place. MAIN THREAD.
 *
 *   BlockStored        type, block_hashes, parent_block_hash, token_ids, block_size, lora_id, medium, lora_name, extra_keys, tail
 *   BlockRemoved       type, block_hashes, medium, tail
 *   AllBlocksCleared   type, ownership
 *
 * What is at the end may be missing; a stored event has five places at least, a removed one two.
 */
import { CELL } from "./batch-columns.ts";
import { takeTail } from "./array-tail.ts";
import { type Decoding, failure } from "./decoding.ts";
import { requireFields, takeField } from "./event-fields.ts";
import { KnownTexts, NO_TEXT, OTHER_TEXT } from "./known-texts.ts";
import { WIRE_KIND, WIRE_KINDS, type WireKind } from "./wire-event.ts";
import { FIELD, type WireReason } from "./wire-refusal.ts";
import { elementAt } from "../../shared/element.ts";

/** Behind the type, and before the tail. */
const PLACES: Readonly<Record<WireKind, readonly number[]>> = {
  [WIRE_KIND.stored]: [
    FIELD.blockHashes,
    FIELD.parentBlockHash,
    FIELD.tokenIds,
    FIELD.blockSize,
    FIELD.loraId,
    FIELD.medium,
    FIELD.loraName,
    FIELD.extraKeys,
  ],
  [WIRE_KIND.removed]: [FIELD.blockHashes, FIELD.medium],
  [WIRE_KIND.cleared]: [FIELD.ownership],
  [WIRE_KIND.ignored]: [],
};

const CACHE_SALT: KnownTexts = new KnownTexts(["cache_salt"]);

export function takeArrayEvent(decoding: Decoding): WireReason | null {
  const { cursor, columns, place } = decoding;
  const count = cursor.takeArray();
  if (count < 0) return failure(decoding, "event");
  if (count === 0) return requireFields(decoding);
  const noKind = takeField(decoding, FIELD.type);
  if (noKind !== null) return noKind;
  const kind = elementAt(WIRE_KINDS, columns.rows[columns.row + CELL.kind] as number);
  const places = PLACES[kind];
  let taken = 1;
  for (; taken < count && taken <= places.length; taken++) {
    const field = places[taken - 1] as number;
    const reason = field === FIELD.loraName ? takeLoraNameOrSalt(decoding) : takeField(decoding, field);
    if (reason !== null) return reason;
  }
  place.field = FIELD.none;
  if (kind === WIRE_KIND.stored || kind === WIRE_KIND.removed) {
    const reason = takeTail(decoding, count - taken, kind === WIRE_KIND.stored);
    if (reason !== null) return reason;
  } else {
    for (; taken < count; taken++) if (!cursor.skip()) return failure(decoding, "event");
  }
  return requireFields(decoding);
}

/** SGLang's salted events have a map with the salt where all others have the name of an adapter. */
function takeLoraNameOrSalt(decoding: Decoding): WireReason | null {
  const { cursor } = decoding;
  if (!cursor.isMap()) return takeField(decoding, FIELD.loraName);
  decoding.place.field = FIELD.loraName;
  const keys = cursor.takeMap();
  for (let key = 0; key < keys; key++) {
    const text = CACHE_SALT.take(cursor, 0);
    if (text === NO_TEXT) return failure(decoding, "field");
    if (text === OTHER_TEXT) {
      if (!cursor.skip()) return failure(decoding, "field");
      continue;
    }
    const reason = takeField(decoding, FIELD.cacheSalt);
    if (reason !== null) return reason;
  }
  return keys < 0 ? failure(decoding, "field") : null;
}
