/**
 * What the stored events of a publisher have in common, to read the next one faster. MAIN THREAD.
 *
 * A publisher writes all its events alike: of most, only the hashes, the parent and the tokens differ from the event before,
 * and the bytes around these are the same. So one event is taken apart,
 *
 *   lead | hashes | gap | parent | gap | tokens | trail
 *
 * and as long as the four runs of bytes come again they need not be understood again: where they begin and end is known, and
 * so is what is said in them. An event that differs in one byte is decoded as if there were no template.
 */
import { CELL, FLAG } from "./batch-columns.ts";
import { ByteRun } from "./byte-run.ts";
import type { Decoding } from "./decoding.ts";
import { takeHashes, takeParent } from "./hash-list.ts";
import { KnownTexts } from "./known-texts.ts";
import { takeTokens } from "./token-list.ts";

/** The values that differ, in the order in which publishers write them. */
const VALUES: KnownTexts = new KnownTexts(["block_hashes", "parent_block_hash", "token_ids"]);
const VALUE_COUNT = 3;
/** Of arrays, the value at place 1 is the first of them. */
const FIRST_PLACE = 1;

const OF_VALUES = FLAG.hashes | FLAG.parent | FLAG.tokens | FLAG.eagle;
/** Values whose place in the payload is kept: they are where the event is. */
const BOUND_TO_PLACE = FLAG.loraName | FLAG.salt | FLAG.extraKeys | FLAG.mmInfos;
/** Longer ones have something unusual in them, which will not come again. */
const MAX_RUN_BYTES = 256;

const EMPTY: ByteRun = new ByteRun(new Uint8Array(0));

export class EventTemplate {
  #isKnown: boolean = false;
  #lead: ByteRun = EMPTY;
  #firstGap: ByteRun = EMPTY;
  #secondGap: ByteRun = EMPTY;
  #trail: ByteRun = EMPTY;
  /** The row of the event that was taken apart. */
  readonly #row: Int32Array = new Int32Array(CELL.count);

  /** Takes the event at hand if it is like the one that was taken apart. If not, nothing has happened. */
  take(decoding: Decoding): boolean {
    if (!this.#isKnown) return false;
    const { cursor, columns } = decoding;
    const { at } = cursor;
    const { hashCount, tokenCount } = columns;
    if (this.#takeAll(decoding)) {
      const { rows, row } = columns;
      const known = this.#row;
      rows[row + CELL.flags] = (rows[row + CELL.flags] as number) | (known[CELL.flags] as number);
      rows[row + CELL.codes] = known[CELL.codes] as number;
      rows[row + CELL.kind] = known[CELL.kind] as number;
      rows[row + CELL.blockSize] = known[CELL.blockSize] as number;
      rows[row + CELL.loraId] = known[CELL.loraId] as number;
      rows[row + CELL.groupIdx] = known[CELL.groupIdx] as number;
      rows[row + CELL.slidingWindow] = known[CELL.slidingWindow] as number;
      return true;
    }
    cursor.at = at;
    cursor.broken = false;
    columns.hashCount = hashCount;
    columns.tokenCount = tokenCount;
    columns.drop(OF_VALUES);
    decoding.place.begin(decoding.place.event);
    return false;
  }

  /**
   * Takes the event apart that was decoded last, and began at byte `start`. False when it was not looked at, because its row
   * tells already that it is of no use.
   */
  learn(decoding: Decoding, start: number): boolean {
    const { cursor, columns } = decoding;
    const { rows, row } = columns;
    const flags = rows[row + CELL.flags] as number;
    if ((flags & BOUND_TO_PLACE) !== 0 || (flags & FLAG.tokens) === 0) return false;
    const { bytes, at: end } = cursor;
    cursor.at = start;
    const bounds = valueBounds(decoding);
    cursor.at = end;
    if (bounds === null) return true;
    const runs = [];
    for (let i = 0, from = start; i <= VALUE_COUNT; i++) {
      const to = bounds[2 * i] ?? end;
      if (to - from > MAX_RUN_BYTES) return true;
      runs.push(new ByteRun(bytes.subarray(from, to)));
      from = bounds[2 * i + 1] ?? end;
    }
    [this.#lead = EMPTY, this.#firstGap = EMPTY, this.#secondGap = EMPTY, this.#trail = EMPTY] = runs;
    this.#row.set(rows.subarray(row, row + CELL.count));
    this.#row[CELL.flags] = flags & ~OF_VALUES;
    this.#isKnown = true;
    return true;
  }

  #takeAll(decoding: Decoding): boolean {
    const { cursor } = decoding;
    return (
      this.#lead.take(cursor) &&
      takeHashes(decoding) === null &&
      this.#firstGap.take(cursor) &&
      takeParent(decoding) === null &&
      this.#secondGap.take(cursor) &&
      takeTokens(decoding) === null &&
      this.#trail.take(cursor)
    );
  }
}

/** First byte of each value and of what is behind it; null when the values are not there once each and in their order. */
function valueBounds({ cursor }: Decoding): readonly number[] | null {
  const bounds: number[] = [];
  const isMap = cursor.isMap();
  const entries = isMap ? cursor.takeMap() : cursor.takeArray();
  let found = 0;
  for (let i = 0; i < entries; i++) {
    const value = isMap ? VALUES.take(cursor, Math.min(found, VALUE_COUNT - 1)) : i - FIRST_PLACE;
    const { at } = cursor;
    if (!cursor.skip()) return null;
    if (value < 0 || value >= VALUE_COUNT) continue;
    if (value !== found++) return null;
    bounds.push(at, cursor.at);
  }
  return found === VALUE_COUNT ? bounds : null;
}
