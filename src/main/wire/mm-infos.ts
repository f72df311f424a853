/**
 * `block_mm_infos`: which multimodal items a block holds. MAIN THREAD.
 *
 *   [nil, {mm_objects: [{mm_hash: u64, offsets: [[start, end], …]}, …]}, …]      one entry a block
 *
 * Walked twice: without a collector when the batch is checked, with one when the event is handed on. Only then there are
 * objects. Offsets play no part in what a block is, and are not looked at.
 */
import { MAX_EXTRAS_PER_EVENT } from "../engine/raw-event.ts";
import type { BlockMmInfo, MmHash } from "../normalise/published-event.ts";
import { type Decoding, failure } from "./decoding.ts";
import { KnownTexts, NO_TEXT, OTHER_TEXT } from "./known-texts.ts";
import type { MsgpackCursor } from "./msgpack-cursor.ts";
import type { WireReason } from "./wire-refusal.ts";

const MM_OBJECTS: KnownTexts = new KnownTexts(["mm_objects"]);
const MM_HASH: KnownTexts = new KnownTexts(["mm_hash"]);

/** Makes the infos of an event, one entry a block. */
export class MmCollector {
  readonly #blockCount: number;
  #infos: (MmHash[] | null)[] | null = null;

  constructor(blockCount: number) {
    this.#blockCount = blockCount;
  }

  /** Entries for blocks that the event does not have are dropped. */
  add(block: number, lo: number, hi: number): void {
    if (block >= this.#blockCount) return;
    this.#infos ??= Array.from({ length: this.#blockCount }, () => null);
    const info = (this.#infos[block] ??= []);
    info.push({ lo, hi });
  }

  /** Takes back what was added for a block. */
  forget(block: number): void {
    if (this.#infos !== null && block < this.#blockCount) this.#infos[block] = null;
  }

  /** null when no block has any. */
  finish(): readonly BlockMmInfo[] | null {
    return this.#infos?.some((info) => info !== null) === true ? this.#infos : null;
  }
}

/** Takes a list that is not nil. */
export function walkMmInfos(decoding: Decoding, collector: MmCollector | null): WireReason | null {
  const { cursor, place } = decoding;
  const blocks = cursor.takeArray();
  if (blocks < 0) return failure(decoding, "field");
  let objects = 0;
  for (let block = 0; block < blocks; block++) {
    if (cursor.takeNil()) continue;
    place.entry = block;
    objects = walkBlock(decoding, block, objects, collector);
    if (objects < 0) return failure(decoding, "field");
    if (objects > MAX_EXTRAS_PER_EVENT) {
      place.fault = `more than ${MAX_EXTRAS_PER_EVENT} multimodal objects`;
      return "too_large";
    }
  }
  place.entry = -1;
  return null;
}

/** Returns how many objects there were so far, -1 when this entry is none. */
function walkBlock({ cursor }: Decoding, block: number, before: number, collector: MmCollector | null): number {
  const keys = cursor.takeMap();
  let objects = -1;
  for (let key = 0; key < keys; key++) {
    const text = MM_OBJECTS.take(cursor, 0);
    if (text === NO_TEXT) return -1;
    if (text === OTHER_TEXT) {
      if (!cursor.skip()) return -1;
      continue;
    }
    objects = cursor.takeArray();
    if (objects < 0) return -1;
    // Checked before they are taken, so that no more are ever collected.
    if (before + objects > MAX_EXTRAS_PER_EVENT) return before + objects;
    // Of a key that comes twice the last one counts.
    collector?.forget(block);
    for (let object = 0; object < objects; object++) {
      if (!takeObject(cursor, block, collector)) return -1;
    }
  }
  return objects < 0 ? -1 : before + objects;
}

function takeObject(cursor: MsgpackCursor, block: number, collector: MmCollector | null): boolean {
  const keys = cursor.takeMap();
  let hasHash = false;
  let lo = 0;
  let hi = 0;
  for (let key = 0; key < keys; key++) {
    const text = MM_HASH.take(cursor, 0);
    if (text === NO_TEXT) return false;
    if (text === OTHER_TEXT) {
      if (!cursor.skip()) return false;
      continue;
    }
    if (!cursor.takeInt() || cursor.isNegative) return false;
    hasHash = true;
    ({ lo, hi } = cursor);
  }
  if (hasHash) collector?.add(block, lo, hi);
  return hasHash;
}
