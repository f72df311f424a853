/**
 * The newest events, read back from the ring for people to look at. MAIN THREAD, a few times a second, while someone looks.
 *
 * Records are written by main alone, and a slot that was let go of keeps its records until main fills it again. So they can be
 * read here at any time, in one synchronous step, and nothing is done for this on the way of an event. An event too large for a
 * slot is not among them.
 */
import { RECORD_KIND, RECORD_KIND_MASK, RECORD_WORD, tierOf } from "../../shared/record.ts";
import type { RingMemory } from "../../shared/ring-memory.ts";
import { MAX_SLOT_EVENTS, SLOT } from "../../shared/ring-layout.ts";

export interface RecentRecord {
  /** Unix seconds of the first event of its batch. */
  readonly wallSeconds: number;
  readonly kind: "stored" | "removed" | "cleared";
  /** As it is published. */
  readonly rank: number;
  readonly blocks: number;
  /** A Tier. */
  readonly tier: number;
  /** Upper half of the first block's hash; null without blocks. */
  readonly hashHi: number | null;
  /** Number of the first message of its slot; null while that has not been sent. */
  readonly sequence: number | null;
}

const HIGH_WORD = 0x1_0000_0000;

export class RecentRecords {
  readonly #memory: RingMemory;
  /** Offsets of a slot's records, reused. */
  readonly #offsets: Uint32Array = new Uint32Array(MAX_SLOT_EVENTS);

  constructor(memory: RingMemory) {
    this.#memory = memory;
  }

  /** Where the next event will be: what `since` takes. */
  get position(): number {
    return this.#memory.head();
  }

  /** The place of the oldest that may still be there. */
  get oldest(): number {
    return (this.#memory.head() - this.#memory.shape.slots) | 0;
  }

  /** The newest records of slots from a position on, at most so many; oldest first. */
  since(position: number, max: number): RecentRecord[] {
    const memory = this.#memory;
    const head = memory.head();
    const behind = Math.min((head - position) >>> 0, memory.shape.slots);
    const newestFirst: RecentRecord[] = [];
    for (let back = 1; back <= behind && newestFirst.length < max; back++) {
      this.#addSlot((head - back) | 0, newestFirst, max);
    }
    return newestFirst.toReversed();
  }

  #addSlot(position: number, into: RecentRecord[], max: number): void {
    const { words, doubles, records } = this.#memory;
    const slot = this.#memory.slotWord(position);
    if (words[slot + SLOT.oversizeGeneration] !== 0) return;
    const end = (words[slot + SLOT.recordWords] ?? 0) + ((words[slot + SLOT.recordsOffset] ?? 0) >>> 2);
    let at = (words[slot + SLOT.recordsOffset] ?? 0) >>> 2;
    let count = 0;
    while (at < end && count < MAX_SLOT_EVENTS) {
      this.#offsets[count++] = at;
      at += Math.max(RECORD_WORD.header, records[at + RECORD_WORD.length] ?? 0);
    }
    const wallSeconds = doubles[(slot >>> 1) + SLOT.wallSecondsF64] ?? 0;
    const sequence = this.#sequenceOf(position, slot);
    for (let i = count - 1; i >= 0 && into.length < max; i--) {
      into.push(recordAt(records, this.#offsets[i] ?? 0, wallSeconds, sequence));
    }
  }

  #sequenceOf(position: number, slot: number): number | null {
    // Behind the tail the publisher has written it, and will not again.
    if (((this.#memory.tail() - position) | 0) <= 0) return null;
    const { words } = this.#memory;
    return ((words[slot + SLOT.sequenceHi] ?? 0) >>> 0) * HIGH_WORD + ((words[slot + SLOT.sequenceLo] ?? 0) >>> 0);
  }
}

function recordAt(records: Uint32Array, at: number, wallSeconds: number, sequence: number | null): RecentRecord {
  const kindWord = records[at + RECORD_WORD.kind] ?? 0;
  const kind = kindWord & RECORD_KIND_MASK;
  const blocks = records[at + RECORD_WORD.blocks] ?? 0;
  return {
    wallSeconds,
    kind: kind === RECORD_KIND.stored ? "stored" : kind === RECORD_KIND.removed ? "removed" : "cleared",
    rank: records[at + RECORD_WORD.rank] ?? 0,
    blocks,
    tier: tierOf(kindWord),
    hashHi: blocks === 0 ? null : (records[at + RECORD_WORD.header + 1] ?? 0),
    sequence,
  };
}
