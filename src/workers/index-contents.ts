/**
 * What is in the index, up to which message, and whether that is all there is. INDEX THREAD.
 *
 * The loop gives it slots in order, and main's knowledge as it comes; whoever hands the index out (a snapshot, a save, a scrape)
 * asks here how true it is. An index that may lack blocks says so: a router that believed it would send requests the wrong way.
 */
import type { CounterBlock } from "../shared/counter-block.ts";
import { INDEX_CELLS } from "../shared/index-cells.ts";
import type { IndexStream } from "../shared/index-messages.ts";
import { isPoisoned } from "../shared/poison.ts";
import { RECORD_WORD, tierOf } from "../shared/record.ts";
import type { RingIndexer } from "../shared/ring-indexer.ts";
import { SLOT } from "../shared/ring-layout.ts";
import { TIER } from "../shared/tier.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import type { BlockIndex } from "./block-index.ts";
import { setEngineBlocks } from "./engine-blocks.ts";
import type { OversizeReader } from "./oversize.ts";
import { snapshotHeader } from "./snapshot-header.ts";
import type { RankSummary, SnapshotScan } from "./snapshot-scan.ts";

export interface IndexContentsParts {
  readonly ring: RingIndexer;
  readonly oversize: OversizeReader;
  readonly index: BlockIndex;
  readonly counters: CounterBlock;
  readonly wireFormat: WireFormat;
  readonly engines: number;
  /** Of each engine. */
  readonly attentionDpSize: number;
}

export class IndexContents {
  readonly #parts: IndexContentsParts;
  /** Null before the stream began: there is nothing then that a snapshot could be of. */
  #stream: IndexStream | null = null;
  #lastSequence: number = -1;
  #unknownRanks: ReadonlySet<number> = new Set();
  /** What a thread before this one counted. */
  readonly #refusedBefore: number;
  readonly #unknownRemovedBefore: number;

  constructor(parts: IndexContentsParts) {
    this.#parts = parts;
    this.#refusedBefore = parts.counters.read(INDEX_CELLS.refusedBlocks);
    this.#unknownRemovedBefore = parts.counters.read(INDEX_CELLS.unknownRemoved);
  }

  /** The stream's name, and the number of its last message so far. */
  begin(stream: IndexStream): void {
    this.#stream = stream;
    this.#lastSequence = stream.lastSequence;
  }

  /** Ranks whose engine may hold blocks that nobody was told of. */
  setUnknownRanks(ranks: readonly number[]): void {
    this.#unknownRanks = new Set(ranks);
  }

  /** Applies the events of a published slot; the caller gives it back. */
  add(slot: number): void {
    const { ring, oversize, index } = this.#parts;
    const { words } = ring.memory;
    const generation = words[slot + SLOT.oversizeGeneration] as number;
    const { records } = generation === 0 ? ring.memory : oversize.view(generation);
    const events = words[slot + SLOT.events] as number;
    const hasPoison = (words[slot + SLOT.poisonedEvents] as number) > 0;
    let word = (words[slot + SLOT.recordsOffset] as number) >>> 2;
    for (let i = 0; i < events; i++) {
      // What could not be encoded was never published.
      if ((!hasPoison || !isPoisoned(words, slot, i)) && isOnDevice(records, word)) index.apply(records, word);
      word += records[word + RECORD_WORD.length] as number;
    }
    const entries = words[slot + SLOT.entries] as number;
    if (entries === 0) return;
    this.#lastSequence = firstSequenceOf(words, slot) + entries - 1;
  }

  /** Before a save: what main knows is not in the file otherwise. */
  markUnknown(): void {
    for (const rank of this.#unknownRanks) this.#parts.index.markIncomplete(rank);
  }

  /** A scan of the index as it is now, and the header that says what it is of. */
  beginSnapshot(): { header: Uint8Array; scan: SnapshotScan } {
    const { index, wireFormat } = this.#parts;
    const scan = index.beginScan(wireFormat);
    const ranks: RankSummary[] = scan.ranks.map((summary) => ({
      ...summary,
      complete: summary.complete && !this.#unknownRanks.has(summary.rank),
    }));
    const header = snapshotHeader({
      epoch: this.#stream?.epoch ?? { uuid: "", startedSeconds: 0 },
      sequence: this.#containedSequence(),
      blocks: scan.blocks,
      ranks,
      complete: this.#isComplete(),
      tokens: index.options.keepTokens,
      blockSizeTokens: index.options.kvBlockSizeTokens,
      wireFormat,
    });
    return { header, scan };
  }

  /** Number of the last message that the index contains; heartbeats, which change nothing, are contained as well. */
  #containedSequence(): number {
    const { ring } = this.#parts;
    // Before the slots are looked at: what it speaks of is then among them, or indexed.
    const reached = ring.memory.reachedSequence();
    const slot = ring.peekPublished();
    return slot === -1 ? Math.max(this.#lastSequence, reached) : firstSequenceOf(ring.memory.words, slot) - 1;
  }

  #isComplete(): boolean {
    const { index, engines, attentionDpSize } = this.#parts;
    if (this.#unknownRanks.size > 0) return false;
    for (let rank = 0; rank < engines * attentionDpSize; rank++) if (!index.complete(rank)) return false;
    return index.ranks().every((rank) => index.complete(rank));
  }

  /** Brings the counters up to date, in one step. */
  count(): void {
    const { counters, index, engines, attentionDpSize } = this.#parts;
    counters.begin();
    counters.set(INDEX_CELLS.blocks, index.blocks);
    setEngineBlocks(counters, index, engines, attentionDpSize);
    counters.set(INDEX_CELLS.memoryBytes, index.memoryBytes);
    counters.set(INDEX_CELLS.complete, this.#isComplete() ? 1 : 0);
    counters.set(INDEX_CELLS.refusedBlocks, this.#refusedBefore + index.refusedBlocks);
    counters.set(INDEX_CELLS.unknownRemoved, this.#unknownRemovedBefore + index.unknownRemoved);
    counters.end();
  }
}

/** Number of the first message of a slot that has been sent, or, where it has none, of the next that is sent. */
function firstSequenceOf(words: Int32Array, slot: number): number {
  const lo = (words[slot + SLOT.sequenceLo] as number) >>> 0;
  const hi = (words[slot + SLOT.sequenceHi] as number) >>> 0;
  return hi * 0x1_0000_0000 + lo;
}

/** Copies of a block in slower tiers are another matter: the index is of what the engine can compute with. */
function isOnDevice(records: Uint32Array, word: number): boolean {
  return tierOf(records[word + RECORD_WORD.kind] as number) === TIER.device;
}
