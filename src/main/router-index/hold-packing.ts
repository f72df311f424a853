/**
 * Keeps the holds of an owner together when too many chunks have free slots. MAIN THREAD.
 *
 * A chunk belongs to one owner as long as it has one hold, so a rank that stores much and then takes back nearly all of it, spread
 * out, keeps many chunks for few holds; and so may each of thousands of ranks, one after the other. Beyond the first of each owner there are
 * no more chunks than a quarter more pairs than there may be would fill. Where there would be, holds move out of chunks into others of
 * their owner: at most as many as have room in what that frees.
 */
import type { SlotIndex } from "../consolidate/slot-index.ts";
import { CHUNK_SLOTS, HOLD, type HoldSlots } from "./hold-slots.ts";
import type { PrefixTree } from "./prefix-tree.ts";

/** Slots of further chunks for each pair that there may be. */
const SLOTS_A_PAIR = 1.25;

export interface PackedHolds {
  readonly slots: HoldSlots;
  readonly tree: PrefixTree;
  readonly table: SlotIndex;
  /** Under which a hold is filed in the table. */
  readonly tagOf: (hold: number) => number;
}

export class HoldPacking {
  readonly #holds: PackedHolds;
  readonly #mostChunks: number;

  constructor(holds: PackedHolds, maxPairs: number) {
    this.#holds = holds;
    this.#mostChunks = Math.ceil((SLOTS_A_PAIR * maxPairs) / CHUNK_SLOTS) + 1;
  }

  /** Before so many holds of an owner come. Holds of anyone may have other numbers afterwards. */
  reserve(owner: number, count: number): void {
    const { slots } = this.#holds;
    for (let over = slots.furtherChunks(owner, count) - this.#mostChunks; over > 0; over--) {
      const chunk = slots.spareChunk();
      if (chunk < 0) return;
      slots.forEachIn(chunk, (hold) => this.#moveOut(hold, chunk));
    }
  }

  #moveOut(from: number, chunk: number): void {
    const { slots, tree, table, tagOf } = this.#holds;
    const tag = tagOf(from);
    const to = slots.takeBeside(chunk, slots.owner(from));
    const node = slots.get(from, HOLD.node);
    const next = slots.get(from, HOLD.next);
    const previous = slots.get(from, HOLD.previous);
    slots.put(to, slots.get(from, HOLD.lo), slots.get(from, HOLD.hi), node, next);
    slots.set(to, HOLD.previous, previous);
    if (next !== 0) slots.set(next, HOLD.previous, to);
    if (previous !== 0) slots.set(previous, HOLD.next, to);
    else tree.setFirstHold(node, to);
    table.replace(tag, from, to);
    slots.give(from);
  }
}
