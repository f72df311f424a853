/**
 * The indexer's loop: published slots, in order, into the index; between them what is asked of it. INDEX THREAD.
 *
 * Nothing may keep a slot waiting for long, because a slot that is not indexed is not free: after a few milliseconds of slots
 * the event loop gets a turn, and then one piece of a snapshot, and one of a save, are made. While nothing is published,
 * piece follows piece; beside live publishing each is followed by a rest twice as long as it took, because whoever publishes
 * needs the processor too.
 */
import type { MessagePort } from "node:worker_threads";
import { receiveMessageOnPort } from "node:worker_threads";
import type { CounterBlock } from "../shared/counter-block.ts";
import { INDEX_CELLS } from "../shared/index-cells.ts";
import type { IndexMessage, IndexRequest, IndexStream, SavedState } from "../shared/index-messages.ts";
import { isPoisoned } from "../shared/poison.ts";
import { RECORD_WORD, tierOf } from "../shared/record.ts";
import type { RingIndexer } from "../shared/ring-indexer.ts";
import { SLOT, STOP } from "../shared/ring-layout.ts";
import { TIER } from "../shared/tier.ts";
import type { WireFormat } from "../shared/wire-format.ts";
import type { BlockIndex } from "./block-index.ts";
import { setEngineBlocks } from "./engine-blocks.ts";
import type { OversizeReader } from "./oversize.ts";
import { SnapshotDesk } from "./snapshot-desk.ts";
import { snapshotHeader } from "./snapshot-header.ts";
import type { RankSummary, SnapshotScan } from "./snapshot-scan.ts";
import type { StateKeeper } from "./state-keeper.ts";

const MS_PER_TURN = 2;
/** Rest after a piece, as a multiple of the time that it took. */
const REST_PER_PIECE = 2;
/** So long after its last slot the stream counts as live. */
const LIVE_MS = 100;
/** A lost wake-up would be a bug; this bounds what it could cost. Also how often idle snapshots are looked for. */
const MAX_REST_MS = 1000;

export interface IndexLoopParts {
  readonly ring: RingIndexer;
  readonly oversize: OversizeReader;
  readonly index: BlockIndex;
  readonly counters: CounterBlock;
  readonly wireFormat: WireFormat;
  readonly engines: number;
  /** Of each engine. */
  readonly attentionDpSize: number;
  /** Null: nothing is kept over a restart. */
  readonly keeper: StateKeeper | null;
  /** Where main's requests arrive. */
  readonly requests: MessagePort;
  readonly report: (message: IndexMessage) => void;
}

interface PendingSave {
  readonly position: number;
  readonly state: SavedState;
}

export class IndexLoop {
  readonly #parts: IndexLoopParts;
  readonly #desk: SnapshotDesk;
  #stream: IndexStream | null;
  #lastSequence: number = -1;
  #unknownRanks: ReadonlySet<number> = new Set();
  #save: PendingSave | null = null;
  /** Main's request to end; undefined before it came. */
  #stop: Extract<IndexRequest, { readonly type: "stop" }> | undefined;
  #lastTurnMs: number = 0;
  #lastSlotMs: number = -Infinity;
  /** Before it no further piece is made. */
  #nextPieceMs: number = 0;
  /** What a thread before this one counted. */
  readonly #refusedBefore: number;
  readonly #unknownRemovedBefore: number;

  constructor(parts: IndexLoopParts, stream: IndexStream | null) {
    this.#parts = parts;
    this.#stream = null;
    this.#refusedBefore = parts.counters.read(INDEX_CELLS.refusedBlocks);
    this.#unknownRemovedBefore = parts.counters.read(INDEX_CELLS.unknownRemoved);
    this.#desk = new SnapshotDesk(parts.ring, { beginSnapshot: () => this.#beginSnapshot() }, parts.counters);
    if (stream !== null) this.#begin(stream);
    this.#count();
  }

  /** Runs until main asks for the end, or the stop word says `now`. */
  async run(): Promise<void> {
    const { ring } = this.#parts;
    for (;;) {
      // In this order: what main asked for before it committed that slot has then been heard.
      const slot = ring.peek();
      this.#takeRequests();
      if (ring.memory.stop() === STOP.now) break;
      if (ring.memory.stop() !== STOP.run) this.#desk.refuseNew();
      this.#beginSave();
      if (slot !== -1) {
        this.#index(slot);
        ring.release(slot);
        this.#lastSlotMs = performance.now();
        if (this.#lastSlotMs - this.#lastTurnMs >= MS_PER_TURN) await this.#turn();
      } else if (this.#stop !== undefined && ring.peek() === -1) {
        await this.#finish(this.#stop.state);
        break;
      } else if (this.#isPieceDue) await this.#turn();
      else await this.#rest();
    }
    this.#desk.close();
    this.#count();
    await this.#parts.keeper?.close(this.#stop?.isUnused === true);
  }

  /** Whether a piece is asked for, now or after the rest. */
  get #hasPieces(): boolean {
    return this.#desk.hasWork || this.#parts.keeper?.hasWork === true;
  }

  get #isPieceDue(): boolean {
    return this.#hasPieces && performance.now() >= this.#nextPieceMs;
  }

  #index(slot: number): void {
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

  /** A turn of the event loop, which brings requests for snapshots; then a piece of what is asked. */
  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#desk.expire();
    if (this.#isPieceDue) this.#makePiece();
    this.#count();
    this.#lastTurnMs = performance.now();
  }

  #makePiece(): void {
    const { keeper, index } = this.#parts;
    const startMs = performance.now();
    this.#desk.step();
    if (keeper?.hasWork === true) this.#tell(keeper.step(index.blocks));
    const endMs = performance.now();
    const isLive = endMs - this.#lastSlotMs < LIVE_MS;
    this.#nextPieceMs = isLive ? endMs + REST_PER_PIECE * (endMs - startMs) : endMs;
  }

  async #rest(): Promise<void> {
    const { bell } = this.#parts.ring;
    this.#desk.expire();
    this.#count();
    bell.prepare();
    if (this.#hasWork()) {
      bell.cancel();
      return;
    }
    const restMs = this.#hasPieces ? Math.ceil(this.#nextPieceMs - performance.now()) : MAX_REST_MS;
    await bell.sleepAsync(Math.max(1, restMs));
    this.#lastTurnMs = performance.now();
  }

  #hasWork(): boolean {
    const { ring } = this.#parts;
    // A request may have come without a ring of the bell that was heard: before it was set.
    this.#takeRequests();
    return (
      ring.peek() !== -1 ||
      this.#stop !== undefined ||
      ring.memory.stop() === STOP.now ||
      this.#isPieceDue ||
      this.#isSaveDue
    );
  }

  /** Main rings the bell after each, so none has to wait for a slot. */
  #takeRequests(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#parts.requests);
      if (received === undefined) return;
      this.#obey(received.message as IndexRequest);
    }
  }

  #obey(request: IndexRequest): void {
    switch (request.type) {
      case "begin":
        this.#begin(request.stream);
        return;
      case "port":
        this.#desk.attach(request.port);
        return;
      case "unknown":
        this.#unknownRanks = new Set(request.ranks);
        return;
      case "save":
        this.#save = { position: request.position, state: request.state };
        return;
      case "stop":
        this.#stop = request;
        return;
    }
  }

  #begin(stream: IndexStream): void {
    this.#stream = stream;
    this.#lastSequence = stream.lastSequence;
  }

  /** Whether the position of a save has been reached. */
  get #isSaveDue(): boolean {
    return this.#save !== null && ((this.#parts.ring.indexTail() - this.#save.position) | 0) >= 0;
  }

  #beginSave(): void {
    const { keeper, ring, index } = this.#parts;
    const save = this.#save;
    if (save === null || !this.#isSaveDue) return;
    this.#save = null;
    if (keeper === null) return;
    if (save.position !== ring.indexTail()) {
      // It would hold events that its ids do not: after a restart these would count as lost.
      this.#tell({ type: "saved", clean: false, blocks: 0, reason: "the moment to be saved has passed" });
      return;
    }
    this.#markUnknown();
    this.#tell(keeper.begin(index, save.state));
  }

  async #finish(state: SavedState | null): Promise<void> {
    const { keeper, index } = this.#parts;
    if (state === null || keeper === null) return;
    this.#markUnknown();
    this.#tell(await keeper.finish(index, state));
  }

  /** What main knows is not in the file otherwise. */
  #markUnknown(): void {
    for (const rank of this.#unknownRanks) this.#parts.index.markIncomplete(rank);
  }

  #tell(message: IndexMessage | null): void {
    if (message !== null) this.#parts.report(message);
  }

  #beginSnapshot(): { header: Uint8Array; scan: SnapshotScan } {
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

  #count(): void {
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
