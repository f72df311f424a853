/**
 * A snapshot, read piece by piece while the index changes. INDEX THREAD.
 *
 * The scan hands out exactly the blocks that were live when it began (`block-table.ts` says how), rank by rank, parents
 * before children. Mostly that is the order in which they came; where a child came first, its ancestors are put on a
 * stack up to the first one that has been handed out. Each call does a bounded share of work, well below 2 ms, so that
 * events need not wait.
 */
import { isSingleEvent, type WireFormat } from "../shared/wire-format.ts";
import { wallClockSeconds } from "../shared/clock.ts";
import { BLOCK, BLOCK_FLAG } from "./block-slots.ts";
import type { BlockTable, RankBlocks, View } from "./block-table.ts";
import { type EventWriter, eventWriter } from "./event-writer.ts";
import { SnapshotRefusedError } from "./index-errors.ts";
import type { SideTable } from "./side-table.ts";
import { SnapshotBatch } from "./snapshot-batch.ts";

/** Time for one call. By the clock, because a cold thread or a busy machine takes ten times as long as a warm one. */
const CALL_MS = 1;
/** Blocks looked at between two looks at the clock. */
const STEPS_AT_ONCE = 128;
/** So many tokens take about as long as one step. */
const TOKENS_A_STEP = 32;
const FIRST_STACK = 256;
const NONE = 0;
const NOTHING_YET: Uint8Array = new Uint8Array(0);

/** A rank as it stood when a scan began. */
export interface RankSummary {
  readonly rank: number;
  readonly blocks: number;
  /** False when blocks of it were lost, or never known. */
  readonly complete: boolean;
}

export interface SnapshotScanParts {
  readonly table: BlockTable;
  readonly side: SideTable;
  readonly ranks: readonly RankSummary[];
  readonly blocks: number;
  readonly kvBlockSizeTokens: number;
  readonly keepTokens: boolean;
  readonly format: WireFormat;
}

export class SnapshotScan {
  /** Blocks that the scan will hand out in all. */
  readonly blocks: number;
  /** All ranks heard of when it began, in ascending order. */
  readonly ranks: readonly RankSummary[];
  /** The timestamp of all its batches: when it began. */
  readonly wallSeconds: number = wallClockSeconds();
  readonly #table: BlockTable;
  readonly #view: View;
  readonly #batch: SnapshotBatch;
  readonly #write: EventWriter;
  readonly #maxEvents: number;
  readonly #stepsPerBlock: number;
  /** Ranks still to come. */
  readonly #waiting: RankBlocks[];
  #rank: RankBlocks | null = null;
  /** Whether the cursor has gone on from the rank's live blocks to its graveyard. */
  #inGraves: boolean = false;
  /** A bit for each slot: whether it was handed out, or is on the stack to be. */
  readonly #staged: Uint32Array;
  /** Blocks to hand out next, the last one first; each is the parent of the one below. */
  #stack: Int32Array = new Int32Array(FIRST_STACK);
  #height: number = 0;
  /** Whether ancestors of the stack's top have yet to be looked for. */
  #climbing: boolean = false;
  /** Until the next look at the clock. */
  #steps: number = 0;
  #deadlineMs: number = 0;
  #closed: boolean = false;

  constructor(parts: SnapshotScanParts) {
    this.blocks = parts.blocks;
    this.ranks = parts.ranks;
    this.#table = parts.table;
    this.#view = parts.table.openView();
    this.#staged = new Uint32Array(this.#view.read.length);
    const tokens = parts.keepTokens ? parts.kvBlockSizeTokens : 0;
    this.#batch = new SnapshotBatch({ table: parts.table, side: parts.side, view: this.#view, tokens });
    this.#write = eventWriter(parts.format, parts.kvBlockSizeTokens);
    this.#maxEvents = isSingleEvent(parts.format) ? 1 : Infinity;
    this.#stepsPerBlock = Math.ceil(tokens / TOKENS_A_STEP);
    this.#waiting = parts.ranks.filter(({ blocks }) => blocks > 0).map(({ rank }) => parts.table.rank(rank));
    this.#nextRank();
  }

  /**
   * The next batch payload; an empty array when this call did its share of work but has nothing to show yet, so that
   * the caller should come again; null at the end. It takes at most `maxPayloadBytes`, unless one block alone is
   * larger. Throws SnapshotRefusedError("overflow") once the scan was given up.
   */
  next(maxPayloadBytes: number): Uint8Array | null {
    const batch = this.nextRecords(maxPayloadBytes, this.#maxEvents);
    if (batch === null) return null;
    return batch.events === 0 ? NOTHING_YET : batch.encode(this.#write, this.wallSeconds);
  }

  /** The same as records, and without a limit of events; they are valid until the next call. */
  nextRecords(maxBytes: number, maxEvents: number = Infinity): SnapshotBatch | null {
    if (this.#closed) return null;
    if (!this.#view.open) throw new SnapshotRefusedError("overflow", "too many blocks changed during the snapshot");
    const batch = this.#batch;
    this.#steps = STEPS_AT_ONCE;
    this.#deadlineMs = performance.now() + CALL_MS;
    batch.begin(this.#rank?.rank ?? 0, maxBytes, maxEvents);
    while (this.#hasTime()) {
      if (this.#rank === null) {
        this.close();
        return null;
      }
      if (this.#height === 0 && !this.#advance()) {
        if (this.#steps <= 0) continue;
        if (!batch.isEmpty) break;
        this.#nextRank();
        batch.begin(this.#rank?.rank ?? 0, maxBytes, maxEvents);
        continue;
      }
      if (!this.#climb()) continue;
      if (!batch.add(this.#stack[this.#height - 1] as number)) break;
      this.#height--;
      this.#steps -= this.#stepsPerBlock;
    }
    batch.finish();
    return batch;
  }

  /** Lets go of what the scan kept alive. May be called at any time, more than once. */
  close(): void {
    this.#closed = true;
    this.#table.closeView(this.#view);
  }

  #hasTime(): boolean {
    if (this.#steps > 0) return true;
    this.#steps = STEPS_AT_ONCE;
    return performance.now() < this.#deadlineMs;
  }

  #nextRank(): void {
    this.#rank = this.#waiting.shift() ?? null;
    this.#inGraves = false;
    this.#view.cursor = this.#rank?.live.head ?? NONE;
  }

  /** Puts the next block of the rank on the stack. False at the end of the rank, or when there are no steps left. */
  #advance(): boolean {
    const table = this.#table;
    const view = this.#view;
    const { slots } = table;
    for (; this.#steps > 0; this.#steps--) {
      const slot = view.cursor;
      if (slot === NONE) {
        if (this.#inGraves) return false;
        this.#inGraves = true;
        view.cursor = this.#rank?.graves.head ?? NONE;
        continue;
      }
      const page = slots.page(slot);
      const at = slots.at(slot);
      if (!this.#inGraves && (page[at + BLOCK.born] as number) > view.version) {
        // Live blocks lie in the order of their birth: all others are younger still.
        view.cursor = NONE;
        continue;
      }
      view.cursor = page[at + BLOCK.next] as number;
      if (!table.sees(view, page, at) || this.#isStaged(slot)) continue;
      this.#push(slot);
      this.#climbing = true;
      return true;
    }
    return false;
  }

  /** Puts ancestors on the stack until the top may be handed out. False when there are no steps left before. */
  #climb(): boolean {
    const table = this.#table;
    for (; this.#climbing && this.#steps > 0; this.#steps--) {
      const top = this.#stack[this.#height - 1] as number;
      const page = table.slots.page(top);
      const at = table.slots.at(top);
      const rankWord = page[at + BLOCK.rank] as number;
      const lo = page[at + BLOCK.parentLo] as number;
      const hi = page[at + BLOCK.parentHi] as number;
      this.#climbing = false;
      if ((rankWord & BLOCK_FLAG.parent) === 0 || this.#batch.endsWith(lo, hi)) continue;
      const parent = table.find(this.#rank?.rank ?? 0, lo, hi, this.#view);
      // One that is staged was handed out before, or is on the stack itself, where hashes form a circle.
      if (parent === NONE || this.#isStaged(parent)) continue;
      this.#push(parent);
      this.#climbing = true;
    }
    return !this.#climbing;
  }

  #isStaged(slot: number): boolean {
    return (((this.#staged[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1;
  }

  #push(slot: number): void {
    this.#staged[slot >>> 5] = (this.#staged[slot >>> 5] as number) | (1 << (slot & 31));
    if (this.#height === this.#stack.length) {
      const grown = new Int32Array(2 * this.#stack.length);
      grown.set(this.#stack);
      this.#stack = grown;
    }
    this.#stack[this.#height++] = slot;
  }
}
