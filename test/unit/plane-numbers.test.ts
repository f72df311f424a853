/** Event ids over the life of publisher threads: none is given twice for different events, none is left out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PLANE_NUMBERS_BYTES, PlaneNumbers } from "../../src/shared/plane-numbers.ts";

test("ids begin at 1 and messages at 0, each rank has its own", () => {
  const numbers = new PlaneNumbers(new SharedArrayBuffer(PLANE_NUMBERS_BYTES));
  numbers.beginPublisher(0);
  numbers.beginSlot(0);
  assert.deepEqual([numbers.takeEventIds(0, 3), numbers.takeEventIds(1023, 1), numbers.takeEventIds(0, 2)], [1, 1, 4]);
  assert.deepEqual([numbers.takeSequence(0), numbers.takeSequence(1023), numbers.takeSequence(0)], [0, 0, 1]);
});

test("a slot that is sent again by a successor has the same ids, one that was counted keeps its own", () => {
  const memory = new SharedArrayBuffer(PLANE_NUMBERS_BYTES);
  const first = new PlaneNumbers(memory);
  first.beginPublisher(0);
  first.beginSlot(0);
  first.takeEventIds(2, 5);
  first.beginSlot(1);
  assert.deepEqual([first.takeEventIds(2, 4), first.takeEventIds(2, 1), first.takeEventIds(7, 1)], [6, 10, 1]);
  // It dies before slot 1 is counted: that is the slot which is sent next.
  const again = new PlaneNumbers(memory);
  again.beginPublisher(1);
  again.beginSlot(1);
  assert.deepEqual([again.takeEventIds(2, 4), again.takeEventIds(2, 1), again.takeEventIds(7, 1)], [6, 10, 1]);
  assert.equal(again.takeSequence(2), 0, "a publisher of its own");
  // It dies when slot 1 has been counted.
  const next = new PlaneNumbers(memory);
  next.beginPublisher(2);
  next.beginSlot(2);
  assert.deepEqual([next.takeEventIds(2, 1), next.takeEventIds(7, 1)], [11, 2]);
});
