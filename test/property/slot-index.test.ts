/** The table from tags to slots against a map: tags that meet in one place, and tables that grow, empty and fill again. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { SlotIndex } from "../../src/main/consolidate/slot-index.ts";

function found(table: SlotIndex, tag: number): number[] {
  const slots: number[] = [];
  for (let slot = table.first(tag); slot !== 0; slot = table.next()) slots.push(slot);
  return slots;
}

/** Tags of the first and the last segment, neighbours at both ends of it and in its middle, and some more. */
const TAGS: readonly number[] = [0, 1, 2, 3, 0x40_0000, 0x40_0001, 0x7f_fffe, 0x7f_ffff, 0xffff_fffe, 0xffff_ffff];

class Pair {
  readonly table: SlotIndex;
  readonly slots: Map<number, number[]> = new Map();
  #slot: number = 0;

  constructor(isDense: boolean) {
    this.table = new SlotIndex({ isDense });
  }

  /** `isSearched`: the table is asked first, and has the slot behind all others of its tag. */
  add(tag: number, isSearched: boolean): void {
    const slot = ++this.#slot;
    if (isSearched) {
      found(this.table, tag);
      this.table.addSearched(tag, slot);
    } else {
      this.table.add(tag, slot);
    }
    this.slots.set(tag, [...(this.slots.get(tag) ?? []), slot]);
  }

  /** `isFound`: the table is asked first, and takes out what it has just returned. */
  remove(tag: number, n: number, isFound: boolean): void {
    const slots = this.slots.get(tag) ?? [];
    const [slot] = slots.splice(n % Math.max(1, slots.length), 1);
    if (slot === undefined) return;
    if (!isFound) {
      this.table.remove(tag, slot);
      return;
    }
    let at = this.table.first(tag);
    while (at !== slot) at = this.table.next();
    this.table.removeFound();
  }

  check(): void {
    for (const tag of [...TAGS, 4, 0x40_0002]) {
      const slots = (this.slots.get(tag) ?? []).toSorted((a, b) => a - b);
      const inTable = found(this.table, tag);
      assert.deepEqual(
        inTable.toSorted((a, b) => a - b),
        slots,
        `tag ${tag}`,
      );
      const touched = this.table.touch(tag);
      assert.ok(
        touched === 0 || touched === inTable[0],
        `tag ${tag}: ${touched} is where the search begins, or nothing`,
      );
    }
  }
}

for (const isDense of [false, true]) {
  test(`what is filed is found, and no more: ${isDense ? "dense" : "not dense"}`, () => {
    const tag = fc.constantFrom(...TAGS);
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ type: fc.constant("add" as const), tag, isSearched: fc.boolean() }) },
      {
        weight: 3,
        arbitrary: fc.record({ type: fc.constant("remove" as const), tag, n: fc.nat(), isFound: fc.boolean() }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250, size: "max" }), (steps) => {
        const pair = new Pair(isDense);
        for (const one of steps) {
          if (one.type === "add") pair.add(one.tag, one.isSearched);
          else pair.remove(one.tag, one.n, one.isFound);
        }
        pair.check();
      }),
      { numRuns: 300 },
    );
  });
}
