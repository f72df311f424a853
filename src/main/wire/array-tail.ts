/**
 * What may stand at the end of an event that is an array. MAIN THREAD.
 *
 * Publishers have appended fields over the years, and left out or reordered them, so the last places have two readings:
 *
 *   fixed     group_idx, kv_cache_spec_kind, kv_cache_spec_sliding_window, locality, ownership; each of its type, or nil
 *   legacy    block_mm_infos; numbers, the first is group_idx and the second kv_cache_spec_sliding_window; a text is
 *             kv_cache_spec_kind
 *
 * The fixed one holds from four places on when all types fit, the legacy one otherwise. Only the first five places count;
 * values that fit nowhere, and all further ones, are skipped.
 */
import { CELL, FLAG } from "./batch-columns.ts";
import { type Decoding, failure } from "./decoding.ts";
import { takeField } from "./event-fields.ts";
import { walkMmInfos } from "./mm-infos.ts";
import { FIELD, type WireReason } from "./wire-refusal.ts";

const PLACES: readonly number[] = [
  FIELD.groupIdx,
  FIELD.specKind,
  FIELD.slidingWindow,
  FIELD.locality,
  FIELD.ownership,
];
const FEWEST_FIXED = 4;

const VALUE = { nil: 0, count: 1, text: 2, mmInfos: 3, other: 4 } as const;
type Value = (typeof VALUE)[keyof typeof VALUE];
/** What stands in the fixed places, besides nil. */
const FIXED_VALUES: readonly Value[] = [VALUE.count, VALUE.text, VALUE.count, VALUE.text, VALUE.text];

/** Takes the last `count` values of an array. Only a stored event has multimodal infos. */
export function takeTail(decoding: Decoding, count: number, isStored: boolean): WireReason | null {
  const { cursor, columns } = decoding;
  const start = cursor.at;
  let isFixed = count >= FEWEST_FIXED;
  let numbers = 0;
  for (let i = 0; i < count; i++) {
    const valueAt = cursor.at;
    const value = skipValue(decoding, isStored && i < PLACES.length);
    if (typeof value === "string") return value;
    if (i >= PLACES.length) continue;
    isFixed &&= value === VALUE.nil || value === FIXED_VALUES[i];
    const end = cursor.at;
    cursor.at = valueAt;
    // As if it were the legacy form: the fixed one, which has all of these fields, writes over it below.
    if (value === VALUE.mmInfos) columns.put(FLAG.mmInfos, CELL.mmInfosAt, valueAt);
    if (value === VALUE.text) takeField(decoding, FIELD.specKind);
    if (value === VALUE.count && numbers < 2) {
      takeField(decoding, numbers === 0 ? FIELD.groupIdx : FIELD.slidingWindow);
      numbers++;
    }
    cursor.at = end;
  }
  return isFixed ? takeFixed(decoding, start, Math.min(count, PLACES.length)) : null;
}

/** Reads the places again, from `start` on, now that they are known to be of their types. */
function takeFixed(decoding: Decoding, start: number, count: number): WireReason | null {
  const { cursor } = decoding;
  const { at } = cursor;
  cursor.at = start;
  for (let i = 0; i < count; i++) {
    const reason = takeField(decoding, PLACES[i] as number);
    if (reason !== null) return reason;
  }
  cursor.at = at;
  return null;
}

/** Takes any value and says which, or why it cannot be taken. */
function skipValue(decoding: Decoding, mayBeMmInfos: boolean): Value | WireReason {
  const { cursor, place } = decoding;
  const { at } = cursor;
  if (cursor.takeNil()) return VALUE.nil;
  if (cursor.takeU32() >= 0) return VALUE.count;
  if (cursor.takeText() >= 0) return VALUE.text;
  if (mayBeMmInfos && cursor.isArray()) {
    const reason = walkMmInfos(decoding, null);
    if (reason === null) return VALUE.mmInfos;
    if (reason !== "field") return reason;
    // A list of something else.
    place.entry = -1;
    cursor.at = at;
  }
  return cursor.skip() ? VALUE.other : failure(decoding, "event");
}
