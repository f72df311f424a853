/** Which removals are held back. */
import assert from "node:assert/strict";
import test from "node:test";
import { setPoison } from "../../src/shared/poison.ts";
import { PlaneGate } from "../../src/workers/plane-gate.ts";
import { RefCounts } from "../../src/workers/ref-counts.ts";
import { slotOf } from "../support/plane.ts";
import type { EventSpec } from "../support/published.ts";

const BLOCK_SIZE = 1;

function stored(...hashes: bigint[]): EventSpec {
  const tokens = hashes.map(() => 1);
  return { type: "stored", hashes, tokens, parent: null, loraName: null, loraId: 0, salt: null, mm: undefined };
}
const removed = (...hashes: bigint[]): EventSpec => ({ type: "removed", hashes });
const CLEARED: EventSpec = { type: "cleared" };

/** How many hashes each event, in a slot of its own, has held back; null when there was nothing. */
function withheld(gate: PlaneGate, specs: readonly EventSpec[], rank = 0): (number | null)[] {
  return specs.map((spec) => gate.admit(slotOf([{ spec, rank }]).slot)?.size ?? null);
}

test("a removal passes when the block is stored no more", () => {
  const gate = new PlaneGate(BLOCK_SIZE);
  assert.deepEqual(withheld(gate, [stored(1n), stored(1n), removed(1n), removed(1n), removed(1n)]), [
    null,
    null,
    1,
    null,
    null,
  ]);
});

test("an unknown block's removal passes", () => {
  assert.deepEqual(withheld(new PlaneGate(BLOCK_SIZE), [removed(1n), stored(1n), removed(1n)]), [null, null, null]);
});

test("a clear forgets its rank and no other", () => {
  const gate = new PlaneGate(BLOCK_SIZE);
  for (const rank of [0, 1]) withheld(gate, [stored(1n, 2n), stored(1n, 2n)], rank);
  withheld(gate, [CLEARED], 0);
  assert.deepEqual(withheld(gate, [removed(1n)], 0), [null]);
  assert.deepEqual(withheld(gate, [removed(1n, 2n)], 1), [2]);
});

test("what an event that is refused as a whole stores does not count, nor what a poisoned one does", () => {
  const gate = new PlaneGate(BLOCK_SIZE);
  withheld(gate, [stored(1n), stored(2n, 1n, 2n)]);
  const { slot } = slotOf([{ spec: stored(1n), rank: 0 }]);
  setPoison(slot.header, 0, 0);
  gate.admit(slot);
  assert.deepEqual(withheld(gate, [removed(1n)]), [null]);
});

test("the words that are held back are those of the hashes", () => {
  const gate = new PlaneGate(BLOCK_SIZE);
  const { slot } = slotOf([stored(1n, 2n), stored(2n, 3n), removed(1n, 2n, 3n)].map((spec) => ({ spec, rank: 3 })));
  const words = [...(gate.admit(slot) ?? [])];
  assert.deepEqual(
    words.map((word) => slot.records[word]),
    [2],
  );
});

test("beyond its bound the gate counts no new blocks, and their removals pass", () => {
  const gate = new PlaneGate(BLOCK_SIZE, 2);
  withheld(gate, [stored(1n, 2n, 3n), stored(1n, 2n, 3n)]);
  assert.deepEqual(withheld(gate, [removed(3n), removed(1n), removed(1n)]), [null, 1, null]);
  // There is room again.
  assert.deepEqual(withheld(gate, [stored(3n), stored(3n), removed(3n)]), [null, null, 1]);
});

test("a full gate keeps within the memory that is stated for it", () => {
  const most = 1 << 18;
  const counts = new RefCounts(most);
  for (let i = 0; i < 2 * most; i++) counts.add(i & 7, Math.imul(i, 0x9e3779b1) >>> 0, i >>> 3);
  assert.equal(counts.hashes, most);
  assert.ok(counts.memoryBytes <= 32 * most, `${counts.memoryBytes / most} bytes a hash`);
});

test("a rank that is cleared again and again takes no more memory than it needs at once", () => {
  const counts = new RefCounts(1 << 20);
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 1 << 14; i++) counts.add(0, Math.imul(i + round * 77_777, 0x9e3779b1) >>> 0, round);
    counts.clear(0);
  }
  assert.equal(counts.hashes, 0);
  // Places for as many as are there at once, and no more than as many again that are stale.
  assert.ok(counts.memoryBytes <= 4 * 32 * (1 << 14), `${counts.memoryBytes} bytes`);
});

test("counts end at a limit and do not spill into what is beside them", () => {
  const counts = new RefCounts(10);
  for (let i = 0; i < 5000; i++) counts.add(7, 1, 2);
  assert.equal(counts.remove(7, 1, 2), 1022);
  assert.equal(counts.remove(8, 1, 2), -1);
  assert.equal(counts.hashes, 1);
});

test("what was counted generations ago does not come back when their numbers begin anew", () => {
  const counts = new RefCounts(1000);
  for (let key = 0; key < 100; key++) counts.add(0, key, 1);
  for (let clears = 0; clears < 4096; clears++) {
    counts.add(0, 0, 2);
    counts.clear(0);
  }
  for (let key = 0; key < 100; key++) assert.equal(counts.remove(0, key, 1), -1);
});
