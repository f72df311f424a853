/**
 * One batch of a snapshot in the making: blocks in, records or a payload out. INDEX THREAD.
 *
 * Blocks that follow one another become one stored event, as the engine had them, so that a chain takes its keys once.
 * The batch is bounded by the bytes that its payload can take at most, as an encoder's slot is.
 */
import { frameBoundBytes, RECORD_FLAG, RECORD_KIND, RECORD_WORD } from "../shared/record.ts";
import { BLOCK, BLOCK_WORDS, BLOCK_FLAG, BLOCK_RANK_MASK } from "./block-slots.ts";
import type { BlockTable, View } from "./block-table.ts";
import type { EventWriter } from "./event-writer.ts";
import { type Output, outputOf, putArrayHeader, putFloat64, putUint } from "./msgpack-writer.ts";
import { type SideTable, TEXTS } from "./side-table.ts";

/** Around the events: array, timestamp, counts, rank. */
const ENVELOPE_BYTES = 64;
const FIRST_BYTES = 4096;
const FIRST_RUN = 256;

export interface SnapshotBatchParts {
  readonly table: BlockTable;
  readonly side: SideTable;
  readonly view: View;
  /** Tokens kept of each block. */
  readonly tokens: number;
}

export class SnapshotBatch {
  rank: number = 0;
  events: number = 0;
  /** Blocks in all events. */
  blocks: number = 0;
  /** The records are `words[0 … wordCount)`. */
  words: Uint32Array;
  wordCount: number = 0;
  readonly #parts: SnapshotBatchParts;
  #out: Output;
  #maxBytes: number = 0;
  #maxEvents: number = 0;
  /** What the payload of the finished events can take. */
  #bytes: number = 0;

  /** The event at hand: its blocks, what they have in common, and the block that it ends with. */
  #run: Int32Array = new Int32Array(FIRST_RUN);
  #runBlocks: number = 0;
  #runMmHashes: number = 0;
  #runBytes: number = 0;
  #texts: number = 0;
  #mmList: number = 0;
  #lastLo: number = 0;
  #lastHi: number = 0;

  constructor(parts: SnapshotBatchParts) {
    this.#parts = parts;
    this.words = new Uint32Array(FIRST_BYTES / 4);
    this.#out = outputOf(new Uint8Array(FIRST_BYTES));
  }

  get isEmpty(): boolean {
    return this.events === 0 && this.#runBlocks === 0;
  }

  begin(rank: number, maxBytes: number, maxEvents: number): void {
    this.rank = rank;
    this.events = 0;
    this.blocks = 0;
    this.wordCount = 0;
    this.#bytes = ENVELOPE_BYTES;
    this.#maxBytes = maxBytes;
    this.#maxEvents = maxEvents;
  }

  /** Whether the block added last has this hash, so that its child would go on with the same event. */
  endsWith(lo: number, hi: number): boolean {
    return this.#runBlocks > 0 && this.#lastLo === lo && this.#lastHi === hi;
  }

  /** Adds a block behind the others. False when it has no room, which never happens to the first one. */
  add(slot: number): boolean {
    const { table, side } = this.#parts;
    const page = table.slots.page(slot);
    const at = table.slots.at(slot);
    const rankWord = page[at + BLOCK.rank] as number;
    const texts = page[at + BLOCK.texts] as number;
    const mmHashes = side.value(page[at + BLOCK.mm] as number).length / 2;
    const follows =
      (rankWord & BLOCK_FLAG.parent) !== 0 &&
      this.endsWith(page[at + BLOCK.parentLo] as number, page[at + BLOCK.parentHi] as number) &&
      texts === this.#texts &&
      (rankWord & BLOCK_FLAG.mmList) === this.#mmList;
    const blocks = follows ? this.#runBlocks + 1 : 1;
    const allMmHashes = (follows ? this.#runMmHashes : 0) + mmHashes;
    const bytes = this.#boundBytes(blocks, texts, allMmHashes);
    const before = this.#bytes + (follows ? 0 : this.#runBytes);
    if (!this.isEmpty && before + bytes > this.#maxBytes) return false;
    if (!follows) {
      if (this.events + (this.#runBlocks > 0 ? 1 : 0) >= this.#maxEvents) return false;
      this.finish();
      this.#texts = texts;
      this.#mmList = rankWord & BLOCK_FLAG.mmList;
    }
    if (this.#runBlocks === this.#run.length) {
      const grown = new Int32Array(2 * this.#run.length);
      grown.set(this.#run);
      this.#run = grown;
    }
    this.#run[this.#runBlocks] = slot;
    this.#runBlocks = blocks;
    this.#runMmHashes = allMmHashes;
    this.#runBytes = bytes;
    this.#lastLo = page[at + BLOCK.hashLo] as number;
    this.#lastHi = page[at + BLOCK.hashHi] as number;
    return true;
  }

  /** Writes the record of the event at hand, if there is one. Its blocks count as read, and may be gone after this. */
  finish(): void {
    if (this.#runBlocks === 0) return;
    this.#reserve(this.#bytes + this.#runBytes);
    this.wordCount = this.#writeRecord(this.wordCount);
    this.#bytes += this.#runBytes;
    this.events++;
    this.blocks += this.#runBlocks;
    const { table, view } = this.#parts;
    for (let i = 0; i < this.#runBlocks; i++) table.markRead(view, this.#run[i] as number);
    this.#runBlocks = 0;
    this.#runBytes = 0;
  }

  /** The payload of the batch, which must be finished, in memory of its own. */
  encode(write: EventWriter, wallSeconds: number): Uint8Array {
    const { words } = this;
    const out = this.#out;
    out.bytes[0] = 0x93;
    let p = putArrayHeader(out, putFloat64(out, 1, wallSeconds), this.events);
    for (let r = 0; r < this.wordCount; r += words[r + RECORD_WORD.length] as number) p = write(words, r, out, p);
    return out.bytes.slice(0, putUint(out, p, this.rank));
  }

  #boundBytes(blocks: number, texts: number, mmHashes: number): number {
    const values = this.#parts.side.value(texts);
    const nameBytes = values[TEXTS.loraNameBytes] ?? 0;
    const saltBytes = values[TEXTS.cacheSaltBytes] ?? 0;
    // A list of nulls takes a byte a block, which the bound without hashes contains.
    return frameBoundBytes(blocks, blocks * this.#parts.tokens, nameBytes, saltBytes, mmHashes);
  }

  /** Room for payloads of so many bytes, and for their records, which are never larger. */
  #reserve(bytes: number): void {
    if (bytes <= this.#out.bytes.length) return;
    const words = new Uint32Array(Math.max(2 * this.words.length, (bytes + 3) >>> 2));
    words.set(this.words.subarray(0, this.wordCount));
    this.words = words;
    this.#out = outputOf(new Uint8Array(4 * words.length));
  }

  #writeRecord(r: number): number {
    const { table, side, tokens } = this.#parts;
    const { slots } = table;
    const { words } = this;
    const blocks = this.#runBlocks;
    const texts = side.value(this.#texts);
    const first = this.#run[0] as number;
    const page = slots.page(first);
    const at = slots.at(first);
    const rankWord = page[at + BLOCK.rank] as number;
    let flags = texts[TEXTS.flags] ?? 0;
    if ((rankWord & BLOCK_FLAG.parent) !== 0) flags |= RECORD_FLAG.parent;
    if (this.#mmList !== 0) flags |= RECORD_FLAG.mmList;
    if (this.#runMmHashes > 0) flags |= RECORD_FLAG.mmAny;
    words[r + RECORD_WORD.kind] = RECORD_KIND.stored | flags;
    words[r + RECORD_WORD.blocks] = blocks;
    words[r + RECORD_WORD.tokens] = blocks * tokens;
    words[r + RECORD_WORD.delayMicros] = 0;
    words[r + RECORD_WORD.parentLo] = page[at + BLOCK.parentLo] as number;
    words[r + RECORD_WORD.parentHi] = page[at + BLOCK.parentHi] as number;
    words[r + RECORD_WORD.loraId] = texts[TEXTS.loraId] ?? 0;
    words[r + RECORD_WORD.loraNameBytes] = texts[TEXTS.loraNameBytes] ?? 0;
    words[r + RECORD_WORD.cacheSaltBytes] = texts[TEXTS.cacheSaltBytes] ?? 0;
    words[r + RECORD_WORD.rank] = rankWord & BLOCK_RANK_MASK;
    let w = this.#writeBlocks(r + RECORD_WORD.header);
    for (let i = TEXTS.header; i < texts.length; i++) words[w++] = texts[i] as number;
    const mmStart = w;
    if (this.#runMmHashes > 0) w = this.#writeMm(w);
    words[r + RECORD_WORD.mmWords] = w - mmStart;
    words[r + RECORD_WORD.length] = w - r;
    return w;
  }

  /** Hashes, then tokens. */
  #writeBlocks(w: number): number {
    const { words } = this;
    const { slots } = this.#parts.table;
    const { tokens } = this.#parts;
    let hash = w;
    let token = w + 2 * this.#runBlocks;
    for (let i = 0; i < this.#runBlocks; i++) {
      const slot = this.#run[i] as number;
      const page = slots.page(slot);
      const at = slots.at(slot);
      words[hash++] = page[at + BLOCK.hashLo] as number;
      words[hash++] = page[at + BLOCK.hashHi] as number;
      const start = at + BLOCK_WORDS;
      for (let t = 0; t < tokens; t++) words[token++] = page[start + t] as number;
    }
    return token;
  }

  #writeMm(w: number): number {
    const { words } = this;
    const { table, side } = this.#parts;
    for (let i = 0; i < this.#runBlocks; i++) {
      const slot = this.#run[i] as number;
      const hashes = side.value(table.slots.page(slot)[table.slots.at(slot) + BLOCK.mm] as number);
      words[w++] = hashes.length / 2;
      words.set(hashes, w);
      w += hashes.length;
    }
    return w;
  }
}
