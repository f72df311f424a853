/** The table of buckets against a map: tags that crowd into a few buckets, and tables that grow, empty and fill again. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { BucketTable } from "../../src/main/router-index/bucket-table.ts";

/** Tags of one segment: bits 21 to 6 are the label, of which an index of that size tells apart the top ones. */
const tagOf = (label: number, segment: number = 3): number => (segment << 22) | (label << 6) | 0;

function found(table: BucketTable, tag: number): number[] {
  const slots: number[] = [];
  for (let slot = table.first(tag); slot !== 0; slot = table.next()) slots.push(slot);
  return slots.toSorted((a, b) => a - b);
}

interface Entry {
  readonly tag: number;
  readonly slot: number;
}

class Pair {
  readonly table: BucketTable = new BucketTable();
  readonly live: Entry[] = [];
  #slot: number = 0;

  add(tag: number): void {
    this.#slot++;
    this.table.add(tag, this.#slot);
    this.live.push({ tag, slot: this.#slot });
  }

  remove(n: number): void {
    if (this.live.length === 0) return;
    const [entry] = this.live.splice(n % this.live.length, 1);
    if (entry !== undefined) this.table.remove(entry.tag, entry.slot);
  }

  check(tags: Iterable<number>): void {
    const byTag = new Map<number, number[]>();
    for (const { tag, slot } of this.live) byTag.set(tag, [...(byTag.get(tag) ?? []), slot]);
    for (const tag of tags) {
      assert.deepEqual(
        found(this.table, tag),
        (byTag.get(tag) ?? []).toSorted((a, b) => a - b),
        `tag ${tag}`,
      );
    }
  }
}

test("crowded buckets: few labels, neighbours by one bit, and 0 and 1 that look like empty places", () => {
  const labels = [1, 2, 3, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff];
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ add: fc.constantFrom(...labels) }) },
    { weight: 2, arbitrary: fc.record({ remove: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const pair = new Pair();
      for (const one of steps) {
        if ("add" in one) pair.add(tagOf(one.add));
        else pair.remove(one.remove);
      }
      pair.check([...labels, 4, 0x4000].map((label) => tagOf(label)));
    }),
    { numRuns: 200 },
  );
});

test("a label of 0 is filed as 1: who asks for either gets both, and sees by the slot which it is", () => {
  const pair = new Pair();
  pair.add(tagOf(0));
  pair.add(tagOf(1));
  assert.deepEqual(found(pair.table, tagOf(0)), [1, 2]);
  pair.remove(0);
  assert.deepEqual(found(pair.table, tagOf(1)), [2]);
});

test("filled, emptied and filled again, in two segments: each entry is found after each round, and nothing else", () => {
  const pair = new Pair();
  const tags: number[] = [];
  for (let n = 0; n < 4000; n++) tags.push(tagOf(1 + ((n * 40_503) % 0xffff), n & 1 ? 1023 : 0));
  for (const left of [4000, 100, 3000, 0, 4000]) {
    for (let n = 0; pair.live.length > left; n++) pair.remove(n * 7919);
    for (const tag of tags) if (pair.live.length < left) pair.add(tag);
    pair.check(tags);
  }
  const bytes = pair.table.memoryBytes / pair.live.length;
  assert.ok(bytes > 7 && bytes < 9, `${bytes} bytes an entry`);
});
