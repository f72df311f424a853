/** How the event that ends encoders is found in what they leave behind. */
import assert from "node:assert/strict";
import test from "node:test";
import { MAX_BATCH_EVENTS } from "../../src/main/pipeline/batcher.ts";
import { blame, countPoison, isPoisoned, setPoison } from "../../src/shared/poison.ts";
import { MAX_SLOT_EVENTS, SLOT, SLOT_HEADER_BYTES } from "../../src/shared/ring-layout.ts";

const AT = 32;

/** The words of a slot whose encoder can die. */
class DeadEncodersSlot {
  readonly words: Int32Array = new Int32Array(AT + SLOT_HEADER_BYTES / 4);

  constructor(events: number) {
    this.words[AT + SLOT.events] = events;
  }

  /** An encoder dies at the event of that index, or at none. */
  deathAt(index: number | null): number | null {
    this.words[AT + SLOT.progress] = index === null ? 0 : index + 1;
    return blame(this.words, AT);
  }

  get poison(): number[] {
    return Array.from({ length: MAX_SLOT_EVENTS }, (_, i) => i).filter((i) => isPoisoned(this.words, AT, i));
  }
}

test("every event of a slot has a bit of its own", () => {
  assert.ok(MAX_BATCH_EVENTS <= MAX_SLOT_EVENTS);
  const words = new Int32Array(SLOT_HEADER_BYTES / 4);
  for (let i = 0; i < MAX_SLOT_EVENTS; i++) {
    assert.equal(isPoisoned(words, 0, i), false);
    setPoison(words, 0, i);
    setPoison(words, 0, i);
    assert.equal(isPoisoned(words, 0, i), true);
    assert.equal(countPoison(words, 0), i + 1);
  }
  assert.deepEqual([...words.subarray(0, SLOT.poisonBits)], Array<number>(SLOT.poisonBits).fill(0));
});

test("two deaths in a row at the same event prove it, one does not", () => {
  const slot = new DeadEncodersSlot(256);
  assert.equal(slot.deathAt(255), null);
  assert.deepEqual(slot.poison, []);
  assert.equal(slot.deathAt(255), 255);
  assert.deepEqual(slot.poison, [255]);
});

test("a second culprit needs two deaths of its own", () => {
  const slot = new DeadEncodersSlot(10);
  slot.deathAt(0);
  assert.equal(slot.deathAt(0), 0);
  assert.equal(slot.deathAt(0), null, "the proof is used up");
  assert.equal(slot.deathAt(7), null);
  assert.equal(slot.deathAt(7), 7);
  assert.deepEqual(slot.poison, [0, 7]);
});

test("deaths at other events, at none, or at one that cannot be prove nothing", () => {
  const slot = new DeadEncodersSlot(10);
  for (const index of [3, 4, 3, null, 3, null, null, 10, 10, 400, 400]) assert.equal(slot.deathAt(index), null);
  assert.deepEqual(slot.poison, []);
});
