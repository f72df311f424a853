/**
 * Events that are maps, `{type: "BlockStored", block_hashes: […], …}`, with their keys in any order. MAIN THREAD.
 *
 * Keys that nobody knows are skipped. Since the type may come last, every known field is read and checked, whether the event
 * is of a kind that has it or not.
 */
import { type Decoding, failure } from "./decoding.ts";
import { requireFields, takeField } from "./event-fields.ts";
import { KnownTexts, NO_TEXT } from "./known-texts.ts";
import { FIELD, FIELD_NAMES, type WireReason } from "./wire-refusal.ts";

const KEYS: KnownTexts = new KnownTexts(FIELD_NAMES);

export function takeMapEvent(decoding: Decoding): WireReason | null {
  const { cursor, place, lastFields } = decoding;
  const keys = cursor.takeMap();
  if (keys < 0) return failure(decoding, "event");
  for (let i = 0; i < keys; i++) {
    const slot = i % lastFields.length;
    const field = KEYS.take(cursor, lastFields[slot] as number);
    if (field < 0) {
      place.field = FIELD.none;
      if (field === NO_TEXT) return noKey(decoding);
      if (!cursor.skip()) return failure(decoding, "event");
      continue;
    }
    lastFields[slot] = field;
    const valueAt = cursor.at;
    const reason = takeField(decoding, field);
    if (reason === null) continue;
    // No reader of maps looks at numbers of adapters, so whatever stands there does no harm.
    if (field !== FIELD.loraId || reason !== "field") return reason;
    cursor.at = valueAt;
    if (!cursor.skip()) return failure(decoding, "field");
  }
  return requireFields(decoding);
}

function noKey(decoding: Decoding): WireReason {
  decoding.place.fault = "a key is no text";
  return failure(decoding, "event");
}
