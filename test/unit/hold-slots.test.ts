/** Slots of holds: what belongs to whom, and which runs of free ones are passed over in one step. */
import assert from "node:assert/strict";
import test from "node:test";
import { HoldSlots } from "../../src/main/router-index/hold-slots.ts";

test("a run of free slots is passed over up to the next one that may be taken", () => {
  const slots = new HoldSlots(2);
  const taken = Array.from({ length: 600 }, () => {
    const slot = slots.take(0);
    slots.put(slot, slot, 0, 1, 0);
    return slot;
  });
  assert.deepEqual(
    taken,
    Array.from({ length: 600 }, (_, i) => i + 1),
  );
  for (let slot = 256; slot < 512; slot++) slots.give(slot);
  assert.equal(slots.lastFree(256), 511);
  assert.equal(slots.lastFree(300), 511);
  assert.equal(slots.lastFree(700), 700, "there are others in its chunk");
  const reused = slots.take(1);
  assert.equal(reused, 256, "what one has given back another may have");
  assert.equal(slots.owner(reused), 1);
  assert.equal(slots.lastFree(257), 257);
  slots.give(reused);
  assert.equal(slots.lastFree(257), 511);
  assert.deepEqual([slots.live, slots.end], [344, 768]);
});
