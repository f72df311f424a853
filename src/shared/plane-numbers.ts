/**
 * The numbers of the event plane, by attention-DP rank, in memory that outlives the publisher thread: ids of RouterEvents go
 * on where a thread that died left off, while each life of the thread is a publisher of its own. PUBLISHER THREAD writes.
 *
 *   f64  [next event id of rank 0 … 1023][next message sequence of rank 0 … 1023]
 *        [journal: position of a slot, ranks noted, then for each: rank, its next event id before that slot]
 *
 * A slot takes its ids before it is counted, and a publisher that takes over sends a slot again which was not counted: then it
 * takes them back first, so that the messages bear the same ids again.
 */
import { MAX_RANK } from "./record.ts";

const RANKS: number = MAX_RANK + 1;
const SEQUENCES = RANKS;
const JOURNAL_POSITION: number = 2 * RANKS;
const JOURNAL_COUNT: number = JOURNAL_POSITION + 1;
const JOURNAL: number = JOURNAL_COUNT + 1;
const CELLS: number = JOURNAL + 2 * RANKS;

export const PLANE_NUMBERS_BYTES: number = CELLS * 8;

export class PlaneNumbers {
  readonly #cells: Float64Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#cells = new Float64Array(buffer);
  }

  /** The ids that are taken next belong to the slot at that position. */
  beginSlot(position: number): void {
    this.#cells[JOURNAL_COUNT] = 0;
    this.#cells[JOURNAL_POSITION] = position;
  }

  /** Takes `count` event ids of a rank; returns the first. They begin at 1. */
  takeEventIds(rank: number, count: number): number {
    const cells = this.#cells;
    const next = cells[rank] as number;
    this.#note(rank, next);
    cells[rank] = next + count;
    return next + 1;
  }

  /** Takes the next message number of a rank. They begin at 0. */
  takeSequence(rank: number): number {
    const next = this.#cells[SEQUENCES + rank] as number;
    this.#cells[SEQUENCES + rank] = next + 1;
    return next;
  }

  /**
   * A new publisher begins: it counts its messages anew, and event ids go on behind the last slot that was counted. `position`
   * is that of the slot that is sent next.
   */
  beginPublisher(position: number): void {
    const cells = this.#cells;
    cells.fill(0, SEQUENCES, SEQUENCES + RANKS);
    if (cells[JOURNAL_POSITION] !== position) return;
    for (let i = (cells[JOURNAL_COUNT] as number) - 1; i >= 0; i--) {
      cells[cells[JOURNAL + 2 * i] as number] = cells[JOURNAL + 2 * i + 1] as number;
    }
    cells[JOURNAL_COUNT] = 0;
  }

  /** Before a rank's number changes: a thread that dies in between has changed nothing. */
  #note(rank: number, next: number): void {
    const cells = this.#cells;
    const count = cells[JOURNAL_COUNT] as number;
    for (let i = 0; i < count; i++) if (cells[JOURNAL + 2 * i] === rank) return;
    cells[JOURNAL + 2 * count] = rank;
    cells[JOURNAL + 2 * count + 1] = next;
    cells[JOURNAL_COUNT] = count + 1;
  }
}
