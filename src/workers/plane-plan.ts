/**
 * What the events of a slot become on the event plane, before a byte of it is written. ENCODER THREAD, and the publisher thread
 * where it encodes anew.
 *
 * Each message is of one attention-DP rank. Events of a rank keep their order; neighbours become one RouterEvent when
 * they say one thing: stored blocks that continue the chain, removed blocks. An event is never split.
 */
import { PLANE_MAX_BLOCKS, PLANE_MAX_EVENTS, PLANE_MERGE_BLOCKS } from "../shared/plane-layout.ts";
import { isPlanePoisoned } from "../shared/poison.ts";
import {
  PLANE_ENVELOPE_BYTES,
  planeBoundBytes,
  RECORD_FLAG,
  RECORD_KIND,
  RECORD_KIND_MASK,
  RECORD_WORD,
  tierOf,
} from "../shared/record.ts";
import { MAX_SLOT_EVENTS, SLOT } from "../shared/ring-layout.ts";
import { StoreCheck } from "./store-check.ts";

/** The records of a slot. */
export interface SlotRecords {
  /** Words that hold the slot's header, with the poison bits and the event at work; the first one at `slot`. */
  readonly header: Int32Array;
  readonly slot: number;
  /** Words that hold the records; the first one at `recordsWord`. */
  readonly records: Uint32Array;
  readonly recordsWord: number;
  readonly events: number;
}

/** Words of `records` at which hashes of removed blocks lie that are not to go out. */
export type Withheld = ReadonlySet<number>;

export class PlanePlan {
  /** The slot's events that go out, in order. */
  count: number = 0;
  /** Removed events of which nothing is left. */
  withheldEvents: number = 0;
  /** Of each event that goes out: the word of its record, and its number in the slot. */
  readonly at: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  readonly index: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  /** RECORD_KIND of what it says there: a stored event that is refused becomes a removed one of no blocks. */
  readonly kind: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  /** Of each event: where its blocks lie. Neighbours of two tiers stay two. */
  readonly tier: Uint8Array = new Uint8Array(MAX_SLOT_EVENTS);
  /** Most bytes of a message, of which a single event may be more. */
  maxBytes: number = Infinity;
  /** Most bytes that it may need. */
  readonly bytes: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  /** Blocks of it that go out. */
  readonly blocks: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  /** Events of the rank at hand. */
  readonly ofRank: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  /** Blocks of each RouterEvent of the rank. */
  readonly mergedBlocks: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  /** Most bytes that each may need. */
  readonly mergedBytes: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  /** Where each ends in `ofRank`. */
  readonly #mergedTo: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);
  readonly #isDone: Uint8Array = new Uint8Array(MAX_SLOT_EVENTS);
  readonly #check: StoreCheck;

  constructor(blockSize: number) {
    this.#check = new StoreCheck(blockSize);
  }

  /** Takes the events of a slot, but for poisoned ones and withheld hashes. */
  takeAll(slot: SlotRecords, withheld: Withheld | null): void {
    const { records, header } = slot;
    this.clear();
    let r = slot.recordsWord;
    for (let i = 0; i < slot.events; i++) {
      if (!isPlanePoisoned(header, slot.slot, i)) {
        header[slot.slot + SLOT.progress] = i + 1;
        this.take(records, r, i, withheld);
      }
      r += records[r + RECORD_WORD.length] as number;
    }
  }

  clear(): void {
    this.count = 0;
    this.withheldEvents = 0;
  }

  take(records: Uint32Array, r: number, index: number, withheld: Withheld | null): void {
    const kindWord = records[r + RECORD_WORD.kind] as number;
    let kind = kindWord & RECORD_KIND_MASK;
    let blocks = records[r + RECORD_WORD.blocks] as number;
    if (kind === RECORD_KIND.stored) {
      blocks = this.#check.keptBlocks(records, r);
      if (blocks === 0) kind = RECORD_KIND.removed;
    } else if (withheld !== null && kind === RECORD_KIND.removed && blocks > 0) {
      for (let h = r + RECORD_WORD.header, left = blocks; left > 0; left--, h += 2) if (withheld.has(h)) blocks--;
      if (blocks === 0) {
        this.withheldEvents++;
        return;
      }
    }
    const i = this.count++;
    this.at[i] = r;
    this.index[i] = index;
    this.kind[i] = kind;
    this.tier[i] = tierOf(kindWord);
    this.blocks[i] = blocks;
    this.bytes[i] = planeBoundBytes(kind === RECORD_KIND.stored, blocks, records[r + RECORD_WORD.mmWords] as number);
    this.#isDone[i] = 0;
  }

  /** The first event of a rank that has not been turned to, from event `from` on; -1 when there is none. */
  nextRank(from: number): number {
    for (let i = from; i < this.count; i++) if (this.#isDone[i] === 0) return i;
    return -1;
  }

  /** Turns to a rank, whose first event is `first`, and decides what becomes one. Returns how many RouterEvents there are. */
  turnTo(records: Uint32Array, first: number, rank: number): number {
    let count = 0;
    for (let i = first; i < this.count; i++) {
      if (records[(this.at[i] as number) + RECORD_WORD.rank] !== rank) continue;
      this.#isDone[i] = 1;
      this.ofRank[count++] = i;
    }
    return this.#merge(records, count);
  }

  /** Where a RouterEvent begins in `ofRank`, and where it ends. */
  mergedFrom(merged: number): number {
    return merged === 0 ? 0 : this.mergedTo(merged - 1);
  }

  mergedTo(merged: number): number {
    return this.#mergedTo[merged] as number;
  }

  /** Where the message ends that begins with RouterEvent `from`, of `merged` ones. */
  messageEnd(from: number, merged: number): number {
    let to = from + 1;
    let blocks = this.mergedBlocks[from] as number;
    let bytes = PLANE_ENVELOPE_BYTES + (this.mergedBytes[from] as number);
    while (to < merged && to - from < PLANE_MAX_EVENTS) {
      blocks += this.mergedBlocks[to] as number;
      bytes += this.mergedBytes[to] as number;
      if (blocks > PLANE_MAX_BLOCKS || bytes > this.maxBytes) break;
      to++;
    }
    return to;
  }

  #merge(records: Uint32Array, count: number): number {
    let merged = 0;
    for (let i = 0; i < count; merged++) {
      const first = this.ofRank[i] as number;
      const kind = this.kind[first];
      let blocks = this.blocks[first] as number;
      let bytes = this.bytes[first] as number;
      i++;
      while (kind !== RECORD_KIND.cleared && i < count && blocks < PLANE_MERGE_BLOCKS) {
        const next = this.ofRank[i] as number;
        const more = this.blocks[next] as number;
        if (this.kind[next] !== kind || this.tier[next] !== this.tier[first]) break;
        if (blocks + more > PLANE_MAX_BLOCKS) break;
        if (PLANE_ENVELOPE_BYTES + bytes + (this.bytes[next] as number) > this.maxBytes) break;
        if (kind === RECORD_KIND.stored && !this.#follows(records, this.ofRank[i - 1] as number, next)) break;
        blocks += more;
        bytes += this.bytes[next] as number;
        i++;
      }
      this.#mergedTo[merged] = i;
      this.mergedBlocks[merged] = blocks;
      this.mergedBytes[merged] = bytes;
    }
    return merged;
  }

  /** Whether the parent of `next` is the last block of `previous`. */
  #follows(records: Uint32Array, previous: number, next: number): boolean {
    const last = (this.at[previous] as number) + RECORD_WORD.header + 2 * ((this.blocks[previous] as number) - 1);
    const r = this.at[next] as number;
    return (
      ((records[r + RECORD_WORD.kind] as number) & RECORD_FLAG.parent) !== 0 &&
      records[r + RECORD_WORD.parentLo] === records[last] &&
      records[r + RECORD_WORD.parentHi] === records[last + 1]
    );
  }
}
