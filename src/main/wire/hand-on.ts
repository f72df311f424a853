/** From the row of an event to the scratch of whoever reads the batch. MAIN THREAD. */
import { elementAt } from "../../shared/element.ts";
import { TIER, TIERS } from "../../shared/tier.ts";
import { ABSENT } from "../engine/raw-event.ts";
import { type BatchColumns, CELL, CODE, CODE_MASK, FLAG } from "./batch-columns.ts";
import type { Decoding } from "./decoding.ts";
import { KeyCollector, walkExtraKeys } from "./extra-keys.ts";
import { MmCollector, walkMmInfos } from "./mm-infos.ts";
import { textAt } from "./texts.ts";
import {
  LOCALITY_VALUES,
  OWNERSHIP_VALUES,
  SPEC_KIND_VALUES,
  UNKNOWN_TIER,
  WIRE_KIND,
  WIRE_KINDS,
  type WireEvent,
  type WireTier,
} from "./wire-event.ts";

/** Fields of stored events that take objects. */
const RARE = FLAG.loraName | FLAG.salt | FLAG.extraKeys | FLAG.mmInfos;
/** From this many words on a copy by the engine is worth the view that it needs. */
const LONG_COPY = 128;

/** Fills `event` with the event of this index. The payload must still be what it was when it was checked. */
export function handOn(decoding: Decoding, index: number, event: WireEvent): void {
  const { columns } = decoding;
  const { rows } = columns;
  const row = index * CELL.count;
  const kind = elementAt(WIRE_KINDS, rows[row + CELL.kind] as number);
  const flags = rows[row + CELL.flags] as number;
  event.kind = kind;
  fillCodes(event, rows[row + CELL.codes] as number);
  event.groupIdx = countOf(rows, row, flags, FLAG.groupIdx, CELL.groupIdx);
  event.slidingWindow = countOf(rows, row, flags, FLAG.slidingWindow, CELL.slidingWindow);
  event.loraName = null;
  event.cacheSalt = null;
  event.mmListPresent = false;
  event.mmInfos = null;
  event.hasUnknownKeys = false;
  const isStored = kind === WIRE_KIND.stored;
  event.blockCount = 0;
  if (isStored || kind === WIRE_KIND.removed) takeBlocks(columns, row, event);
  if (!isStored) {
    event.hasParent = false;
    event.tokenCount = 0;
    event.isEagle = false;
    event.blockSizeTokens = ABSENT;
    event.loraId = 0;
    return;
  }
  event.hasParent = (flags & FLAG.parent) !== 0;
  if (event.hasParent) {
    event.parentLo = (rows[row + CELL.parentLo] as number) >>> 0;
    event.parentHi = (rows[row + CELL.parentHi] as number) >>> 0;
  }
  takeTokens(columns, row, event);
  event.isEagle = (flags & FLAG.eagle) !== 0;
  event.blockSizeTokens = (rows[row + CELL.blockSize] as number) >>> 0;
  event.loraId = (flags & FLAG.loraId) === 0 ? 0 : (rows[row + CELL.loraId] as number) >>> 0;
  if ((flags & RARE) !== 0) fillRareFields(decoding, row, event);
}

function fillCodes(event: WireEvent, codes: number): void {
  const medium = (codes >>> CODE.medium) & CODE_MASK;
  event.mediumAbsent = medium === 0;
  event.tier = tierOf(medium);
  event.specKind = elementAt(SPEC_KIND_VALUES, (codes >>> CODE.specKind) & CODE_MASK);
  event.locality = elementAt(LOCALITY_VALUES, (codes >>> CODE.locality) & CODE_MASK);
  event.ownership = elementAt(OWNERSHIP_VALUES, (codes >>> CODE.ownership) & CODE_MASK);
}

function tierOf(medium: number): WireTier {
  if (medium === 0) return TIER.device;
  return medium - 1 === UNKNOWN_TIER ? UNKNOWN_TIER : elementAt(TIERS, medium - 1);
}

function countOf(rows: Int32Array, row: number, flags: number, flag: number, cell: number): number {
  return (flags & flag) === 0 ? ABSENT : (rows[row + cell] as number) >>> 0;
}

function takeBlocks({ rows, hashLo, hashHi }: BatchColumns, row: number, event: WireEvent): void {
  const count = rows[row + CELL.hashCount] as number;
  const start = rows[row + CELL.hashStart] as number;
  event.makeRoomForBlocks(count);
  event.blockCount = count;
  const { hashLo: toLo, hashHi: toHi } = event;
  for (let i = 0; i < count; i++) {
    toLo[i] = hashLo[start + i] as number;
    toHi[i] = hashHi[start + i] as number;
  }
}

function takeTokens({ rows, tokens }: BatchColumns, row: number, event: WireEvent): void {
  const count = rows[row + CELL.tokenCount] as number;
  const start = rows[row + CELL.tokenStart] as number;
  event.makeRoomForTokens(count);
  event.tokenCount = count;
  const { tokens: to } = event;
  if (count >= LONG_COPY) to.set(tokens.subarray(start, start + count));
  else for (let i = 0; i < count; i++) to[i] = tokens[start + i] as number;
}

/** Texts and multimodal items. Where a field of its own says what extra keys say too, the field counts. */
function fillRareFields(decoding: Decoding, row: number, event: WireEvent): void {
  const { cursor, columns } = decoding;
  const { rows } = columns;
  const flags = rows[row + CELL.flags] as number;
  const loraNameAt = rows[row + CELL.loraNameAt] as number;
  const loraNameBytes = (flags & FLAG.loraName) === 0 ? 0 : (rows[row + CELL.loraNameBytes] as number);
  if ((flags & FLAG.loraName) !== 0) event.loraName = textAt(cursor, loraNameAt, loraNameBytes);
  if ((flags & FLAG.salt) !== 0) {
    event.cacheSalt = textAt(cursor, rows[row + CELL.saltAt] as number, rows[row + CELL.saltBytes] as number);
  }
  if ((flags & FLAG.mmInfos) !== 0) {
    const mm = new MmCollector(event.blockCount);
    cursor.at = rows[row + CELL.mmInfosAt] as number;
    walkMmInfos(decoding, mm);
    event.mmListPresent = true;
    event.mmInfos = mm.finish();
  }
  if ((flags & FLAG.extraKeys) !== 0) {
    const mm = new MmCollector(event.blockCount);
    const keys = new KeyCollector(cursor, mm, loraNameAt, loraNameBytes);
    cursor.at = rows[row + CELL.extraKeysAt] as number;
    walkExtraKeys(decoding, keys);
    event.hasUnknownKeys = keys.hasUnknown;
    if ((flags & FLAG.mmInfos) === 0) event.mmInfos = mm.finish();
    if ((flags & FLAG.salt) === 0 && keys.saltAt >= 0) {
      event.cacheSalt = textAt(cursor, keys.saltAt, keys.saltBytes);
    }
  }
}
