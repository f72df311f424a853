/**
 * The fields of an event, each from its value to its cells. MAIN THREAD.
 *
 * Both forms of events, maps and arrays, come here: they differ in how a field is found only.
 */
import { CELL, CODE, FLAG } from "./batch-columns.ts";
import { LOCALITIES, MEDIA, OWNERS, SPEC_KINDS, KINDS, NO_CODE, type WireCodes } from "./wire-codes.ts";
import { type Decoding, failure } from "./decoding.ts";
import { walkExtraKeys } from "./extra-keys.ts";
import { takeHashes, takeParent } from "./hash-list.ts";
import { walkMmInfos } from "./mm-infos.ts";
import { isGoodText } from "./texts.ts";
import { takeTokens } from "./token-list.ts";
import { WIRE_KIND } from "./wire-event.ts";
import { FIELD, type WireReason } from "./wire-refusal.ts";

/** Takes the value of a field, by its number in FIELD. Of a field that comes twice the last value stays. */
export function takeField(decoding: Decoding, field: number): WireReason | null {
  decoding.place.field = field;
  switch (field) {
    case FIELD.type:
      return takeKind(decoding);
    case FIELD.blockHashes:
      return takeHashes(decoding);
    case FIELD.parentBlockHash:
      return takeParent(decoding);
    case FIELD.tokenIds:
      return takeTokens(decoding);
    case FIELD.blockSize:
      return takeBlockSize(decoding);
    case FIELD.loraId:
      return takeLoraId(decoding);
    case FIELD.medium:
      return takeCode(decoding, CODE.medium, MEDIA, field);
    case FIELD.loraName:
      return takeText(decoding, FLAG.loraName, CELL.loraNameAt);
    case FIELD.cacheSalt:
      return takeText(decoding, FLAG.salt, CELL.saltAt);
    case FIELD.extraKeys:
      return takeList(decoding, FLAG.extraKeys, CELL.extraKeysAt);
    case FIELD.blockMmInfos:
      return takeList(decoding, FLAG.mmInfos, CELL.mmInfosAt);
    case FIELD.groupIdx:
      return takeCount(decoding, FLAG.groupIdx, CELL.groupIdx);
    case FIELD.specKind:
      return takeCode(decoding, CODE.specKind, SPEC_KINDS, field);
    case FIELD.slidingWindow:
      return takeCount(decoding, FLAG.slidingWindow, CELL.slidingWindow);
    case FIELD.locality:
      return takeCode(decoding, CODE.locality, LOCALITIES, field);
    default:
      return takeCode(decoding, CODE.ownership, OWNERS, field);
  }
}

const NEEDED_BY_REMOVED = FLAG.kind | FLAG.hashes;
const NEEDED_BY_STORED = NEEDED_BY_REMOVED | FLAG.tokens | FLAG.blockSize;

/** Checks that nothing is missing that an event of its kind cannot do without. */
export function requireFields(decoding: Decoding): WireReason | null {
  const { columns } = decoding;
  if (columns.has(NEEDED_BY_STORED)) return null;
  if (!columns.has(FLAG.kind)) return missing(decoding, FIELD.type, "event");
  const kind = columns.rows[columns.row + CELL.kind];
  if (kind !== WIRE_KIND.stored && kind !== WIRE_KIND.removed) return null;
  if (!columns.has(FLAG.hashes)) return missing(decoding, FIELD.blockHashes, "hashes");
  if (kind === WIRE_KIND.removed) return null;
  if (!columns.has(FLAG.tokens)) return missing(decoding, FIELD.tokenIds, "tokens");
  return missing(decoding, FIELD.blockSize, "field");
}

function missing({ place }: Decoding, field: number, reason: WireReason): WireReason {
  place.field = field;
  place.entry = -1;
  place.fault = "the field is missing";
  return reason;
}

function takeKind(decoding: Decoding): WireReason | null {
  const kind = KINDS.take(decoding.cursor, decoding.lastTexts, FIELD.type);
  if (kind === NO_CODE) return failure(decoding, "event");
  decoding.columns.put(FLAG.kind, CELL.kind, kind);
  return null;
}

function takeBlockSize(decoding: Decoding): WireReason | null {
  const size = decoding.cursor.takeU32();
  if (size < 0) return failure(decoding, "field");
  decoding.columns.put(FLAG.blockSize, CELL.blockSize, size);
  return null;
}

/** One beyond u32 is allowed, and not kept: nobody has such an adapter. */
function takeLoraId(decoding: Decoding): WireReason | null {
  const { cursor, columns } = decoding;
  columns.drop(FLAG.loraId);
  if (cursor.takeNil()) return null;
  if (!cursor.takeInt() || cursor.isNegative) return failure(decoding, "field");
  if (cursor.hi === 0) columns.put(FLAG.loraId, CELL.loraId, cursor.lo);
  return null;
}

/** The cell behind `atCell` takes the length. */
function takeText(decoding: Decoding, flag: number, atCell: number): WireReason | null {
  const { cursor, columns } = decoding;
  if (cursor.takeNil()) {
    columns.drop(flag);
    return null;
  }
  const length = cursor.takeText();
  if (length < 0 || !isGoodText(cursor, length)) return failure(decoding, "field");
  columns.putPair(flag, atCell, cursor.textAt, length);
  return null;
}

/** Checks a list and keeps its place. */
function takeList(decoding: Decoding, flag: number, atCell: number): WireReason | null {
  const { cursor, columns } = decoding;
  const { at } = cursor;
  if (cursor.takeNil()) {
    columns.drop(flag);
    return null;
  }
  const reason = flag === FLAG.mmInfos ? walkMmInfos(decoding, null) : walkExtraKeys(decoding, null);
  if (reason === null) columns.put(flag, atCell, at);
  return reason;
}

function takeCount(decoding: Decoding, flag: number, cell: number): WireReason | null {
  const { cursor, columns } = decoding;
  if (cursor.takeNil()) {
    columns.drop(flag);
    return null;
  }
  const count = cursor.takeU32();
  if (count < 0) return failure(decoding, "field");
  columns.put(flag, cell, count);
  return null;
}

function takeCode(decoding: Decoding, shift: number, codes: WireCodes, field: number): WireReason | null {
  const { cursor, columns, lastTexts } = decoding;
  const code = cursor.takeNil() ? 0 : codes.take(cursor, lastTexts, field);
  if (code === NO_CODE) return failure(decoding, "field");
  columns.putCode(shift, code);
  return null;
}
