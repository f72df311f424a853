/**
 * The records of a slot, to messages for the event plane (`shared/plane-layout.ts`). ENCODER THREAD; and the publisher thread
 * for a slot of which the gate holds something back. Keeps nothing between slots. What becomes what is `plane-plan.ts`'s to say.
 */
import { elementAt } from "../shared/element.ts";
import { PLANE_ENTRY, planeHeaderBytes } from "../shared/plane-layout.ts";
import {
  PLANE_ENVELOPE_BYTES,
  planeBoundBytes,
  RECORD_FLAG,
  RECORD_KIND,
  RECORD_KIND_MASK,
  RECORD_WORD,
  tierOf,
} from "../shared/record.ts";
import { SLOT } from "../shared/ring-layout.ts";
import { TIER } from "../shared/tier.ts";
import { mmStart } from "./event-fields.ts";
import { type Output, outputOf, putUint64 } from "./msgpack-writer.ts";
import { PlanePlan, type SlotRecords, type Withheld } from "./plane-plan.ts";
import {
  closeEnvelope,
  ENVELOPE_AT,
  EventHead,
  putCleared,
  putEnvelope,
  putRank,
  putRemovedHead,
  putStoredBlock,
  putStoredHead,
} from "./plane-writer.ts";
import { TokenHasher } from "./token-hash.ts";

/** Memory for messages. */
export interface PlaneSpace {
  readonly out: Output;
  /** The same memory. */
  readonly words: Uint32Array;
  /** Where the entries begin, in bytes: a multiple of four. */
  readonly offset: number;
}

export interface PlaneResult {
  /** From the first entry to the end of the last, padded. */
  planeBytes: number;
  entries: number;
  /** Removed events of which nothing is left, since all their hashes are withheld. They are in no entry. */
  withheldEvents: number;
}

/** What the messages of one rank are written from and to. */
interface RankJob {
  readonly slot: SlotRecords;
  readonly space: PlaneSpace;
  readonly rank: number;
  readonly withheld: Withheld | null;
}

export class PlaneEncoder {
  /** By tier. */
  readonly #heads: readonly EventHead[];
  readonly #blockSize: number;
  readonly #tokens: TokenHasher;
  readonly #plan: PlanePlan;
  readonly #result: PlaneResult = { planeBytes: 0, entries: 0, withheldEvents: 0 };

  /** `workerId`: u64. Throws HashUnavailableError where the token hash does not load. */
  constructor(workerId: bigint, blockSize: number, tokens: TokenHasher = new TokenHasher(blockSize)) {
    this.#heads = Object.values(TIER).map((tier) => new EventHead(workerId, tier));
    this.#blockSize = blockSize;
    this.#tokens = tokens;
    this.#plan = new PlanePlan(blockSize);
  }

  /**
   * Writes the entries of a slot into `space`, but for poisoned events and withheld hashes. The result is a scratch, valid
   * until the next call.
   */
  encode(slot: SlotRecords, space: PlaneSpace, withheld: Withheld | null = null): PlaneResult {
    this.#plan.takeAll(slot, withheld);
    const result = this.#write(slot, space, withheld);
    slot.header[slot.slot + SLOT.progress] = 0;
    return result;
  }

  /**
   * The same into memory that is made for it, from its beginning on, in messages of at most `maxBytes`; an event that is
   * larger by itself goes alone. For any thread that may read the slot.
   */
  encodeApart(
    slot: SlotRecords,
    withheld: Withheld | null,
    maxBytes: number = Infinity,
  ): { readonly space: PlaneSpace; readonly result: PlaneResult } {
    const bytes = new Uint8Array(boundOf(slot));
    const space = { out: outputOf(bytes), words: new Uint32Array(bytes.buffer), offset: 0 };
    this.#plan.maxBytes = maxBytes;
    const result = this.encode(slot, space, withheld);
    this.#plan.maxBytes = Infinity;
    return { space, result };
  }

  /** Encodes one event alone, to see whether it can be. What is in `space` is worth nothing then. */
  probe(slot: SlotRecords, space: PlaneSpace, index: number, r: number): void {
    this.#plan.clear();
    this.#plan.take(slot.records, r, index, null);
    this.#write(slot, space, null);
  }

  /** Writes what the plan holds, rank by rank. */
  #write(slot: SlotRecords, space: PlaneSpace, withheld: Withheld | null): PlaneResult {
    const result = this.#result;
    const plan = this.#plan;
    const { records } = slot;
    result.entries = 0;
    result.withheldEvents = plan.withheldEvents;
    let p = space.offset;
    for (let first = plan.nextRank(0); first !== -1; first = plan.nextRank(first)) {
      const rank = records[(plan.at[first] as number) + RECORD_WORD.rank] as number;
      const job = { slot, space, rank, withheld };
      const merged = plan.turnTo(records, first, rank);
      for (let from = 0; from < merged; result.entries++) {
        const to = plan.messageEnd(from, merged);
        p = this.#writeMessage(job, p, from, to);
        from = to;
      }
    }
    result.planeBytes = p - space.offset;
    return result;
  }

  /** Writes RouterEvents `from` to `to` as one entry at `entry`; returns its padded end. */
  #writeMessage(job: RankJob, entry: number, from: number, to: number): number {
    const { out, words } = job.space;
    const header = entry >>> 2;
    const payload = entry + planeHeaderBytes(to - from);
    words.fill(0, header + PLANE_ENTRY.stored, header + PLANE_ENTRY.cleared + 1);
    words[header + PLANE_ENTRY.blocks] = 0;
    let p = putEnvelope(out, payload);
    for (let event = from; event < to; event++) {
      const head = this.#headOf(job.slot.records, event);
      words[header + PLANE_ENTRY.eventIdsAt + event - from] = p + head.eventIdAt - payload;
      p = this.#writeEvent(job, head.put(out, p), event);
      p = putRank(out, p, job.rank);
      this.#count(job, header, event);
      words[header + PLANE_ENTRY.blocks] =
        (words[header + PLANE_ENTRY.blocks] as number) + (this.#plan.mergedBlocks[event] as number);
    }
    closeEnvelope(out.view, payload, p, to - from);
    words[header + PLANE_ENTRY.bytes] = p - payload;
    words[header + PLANE_ENTRY.rank] = job.rank;
    words[header + PLANE_ENTRY.routerEvents] = to - from;
    words[header + PLANE_ENTRY.publisherIdAt] = ENVELOPE_AT.publisherId;
    words[header + PLANE_ENTRY.sequenceAt] = ENVELOPE_AT.sequence;
    words[header + PLANE_ENTRY.publishedAtAt] = ENVELOPE_AT.publishedAt;
    // Not `& ~3`, which turns negative beyond 2 GiB.
    return p + (-p & 3);
  }

  #headOf(records: Uint32Array, merged: number): EventHead {
    const r = this.#plan.at[this.#plan.ofRank[this.#plan.mergedFrom(merged)] as number] as number;
    return elementAt(this.#heads, tierOf(records[r + RECORD_WORD.kind] as number));
  }

  /** Writes the data of a RouterEvent: of all events that it is made of. */
  #writeEvent(job: RankJob, p: number, merged: number): number {
    const plan = this.#plan;
    const { out } = job.space;
    const { records, header, slot } = job.slot;
    const first = plan.ofRank[plan.mergedFrom(merged)] as number;
    const kind = plan.kind[first];
    if (kind === RECORD_KIND.cleared) return putCleared(out, p);
    const blocks = plan.mergedBlocks[merged] as number;
    const isStored = kind === RECORD_KIND.stored;
    p = isStored ? putStoredHead(records, plan.at[first] as number, out, p, blocks) : putRemovedHead(out, p, blocks);
    for (let i = plan.mergedFrom(merged); i < plan.mergedTo(merged); i++) {
      const event = plan.ofRank[i] as number;
      header[slot + SLOT.progress] = (plan.index[event] as number) + 1;
      const r = plan.at[event] as number;
      const kept = plan.blocks[event] as number;
      p = isStored ? this.#putStored(records, r, kept, out, p) : putRemoved(records, r, kept, job.withheld, out, p);
    }
    return p;
  }

  #putStored(records: Uint32Array, r: number, kept: number, out: Output, p: number): number {
    const tokens = this.#tokens;
    const hasMm = ((records[r + RECORD_WORD.kind] as number) & RECORD_FLAG.mmAny) !== 0;
    tokens.begin(records, r);
    let h = r + RECORD_WORD.header;
    let t = h + 2 * (records[r + RECORD_WORD.blocks] as number);
    let m = hasMm ? mmStart(records, r) : 0;
    for (let left = kept; left > 0; left--) {
      const mmHashes = hasMm ? (records[m++] as number) : 0;
      tokens.hash(records, t, m, mmHashes);
      p = putStoredBlock(records, h, tokens, m, mmHashes, out, p);
      h += 2;
      t += this.#blockSize;
      m += 2 * mmHashes;
    }
    return p;
  }

  /** Counts in the entry the events that a RouterEvent is made of, by what the engine called them. */
  #count(job: RankJob, header: number, merged: number): void {
    const plan = this.#plan;
    const { words } = job.space;
    for (let i = plan.mergedFrom(merged); i < plan.mergedTo(merged); i++) {
      const r = plan.at[plan.ofRank[i] as number] as number;
      const kind = (job.slot.records[r + RECORD_WORD.kind] as number) & RECORD_KIND_MASK;
      const word = header + PLANE_ENTRY.stored + kind - RECORD_KIND.stored;
      words[word] = (words[word] as number) + 1;
    }
  }
}

/** The hashes of removed blocks that are not withheld, `kept` of them. */
function putRemoved(
  records: Uint32Array,
  r: number,
  kept: number,
  withheld: Withheld | null,
  out: Output,
  p: number,
): number {
  let h = r + RECORD_WORD.header;
  for (let left = kept; left > 0; h += 2) {
    if (withheld?.has(h) === true) continue;
    p = putUint64(out, p, records[h] as number, records[h + 1] as number);
    left--;
  }
  return p;
}

/** Most bytes that a slot may come to, however its events are spread over messages; a whole number of words. */
function boundOf({ records, recordsWord, events }: SlotRecords): number {
  let bytes = 0;
  let r = recordsWord;
  for (let i = 0; i < events; i++) {
    const isStored = ((records[r + RECORD_WORD.kind] as number) & RECORD_KIND_MASK) === RECORD_KIND.stored;
    const mmWords = records[r + RECORD_WORD.mmWords] as number;
    bytes += PLANE_ENVELOPE_BYTES + planeBoundBytes(isStored, records[r + RECORD_WORD.blocks] as number, mmWords);
    r += records[r + RECORD_WORD.length] as number;
  }
  return bytes + (-bytes & 3);
}
