/** When batches leave while no encoder is free: a rank that floods them does not hold back another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Batcher, MAX_BATCH_EVENTS } from "../../src/main/pipeline/batcher.ts";
import { OversizeBuffer } from "../../src/main/pipeline/oversize-buffer.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingProducer, RingPublisher } from "../../src/shared/ring.ts";
import { SLOT, SLOT_STATE } from "../../src/shared/ring-layout.ts";
import { type EventSpec, publishedEvent } from "../support/published.ts";

const SMALL: EventSpec = { type: "removed", hashes: [1n] };
/** One slot holds one of it, and no more. */
const LARGE: EventSpec = { type: "removed", hashes: Array.from({ length: 1200 }, (_, i) => BigInt(i)) };
/** Larger than a slot. */
const HUGE: EventSpec = { type: "removed", hashes: Array.from({ length: 3000 }, (_, i) => BigInt(i)) };

class Rig {
  readonly memory: RingMemory;
  readonly batcher: Batcher;
  readonly #publisher: RingPublisher;

  /** Nobody takes what is committed, unless the test does. */
  constructor(slots: number, slotBytes: number = 16 * 1024) {
    this.memory = RingMemory.allocate({ slots, slotBytes });
    this.#publisher = new RingPublisher(this.memory);
    this.batcher = new Batcher({
      ring: new RingProducer(this.memory, 1),
      oversize: new OversizeBuffer(),
      singleEvent: false,
      onCommit: () => {},
    });
  }

  /** Adds an event and ends the step, as a source does. */
  add(spec: EventSpec, rank: number): boolean {
    const taken = this.batcher.add(publishedEvent(spec, rank));
    this.batcher.flush(false);
    return taken;
  }

  /** Rank and number of events of each slot that was committed, in order. */
  slots(): string[] {
    const { memory } = this;
    return Array.from({ length: memory.head() }, (_, position) => {
      const slot = memory.slotWord(position);
      return `${memory.words[slot + SLOT.rank]}:${memory.words[slot + SLOT.events]}`;
    });
  }

  /** Encodes and publishes the oldest slot. */
  free(): void {
    const { memory } = this;
    const slot = memory.slotWord(memory.tail());
    Atomics.store(memory.words, slot + SLOT.state, SLOT_STATE.encoded);
    this.#publisher.release(slot);
  }
}

test("while encoders are behind, batches grow; one that eight slots have overtaken leaves before the ninth", () => {
  const rig = new Rig(32);
  // Leaves at once, and keeps the encoder busy from now on.
  assert.ok(rig.add(SMALL, 0));
  assert.ok(rig.add(SMALL, 1));
  assert.ok(rig.add(SMALL, 1));
  for (let i = 0; i < 12; i++) assert.ok(rig.add(LARGE, 0));
  assert.deepEqual(rig.slots(), ["0:1", ...Array.from({ length: 8 }, () => "0:1"), "1:2", "0:1", "0:1", "0:1"]);
});

test("the same before an event that is larger than a slot", () => {
  const rig = new Rig(32);
  rig.add(SMALL, 0);
  rig.add(SMALL, 1);
  for (let i = 0; i < 9; i++) rig.add(LARGE, 0);
  assert.ok(rig.add(HUGE, 2));
  assert.deepEqual(rig.slots().slice(-3), ["0:1", "1:1", "2:1"]);
});

test("eight ranks that are equally busy fill their batches: none leaves early", () => {
  const rig = new Rig(64, 72 * 1024);
  rig.add(SMALL, 0);
  const rounds = 3 * MAX_BATCH_EVENTS;
  for (let i = 0; i < rounds; i++) for (let rank = 0; rank < 8; rank++) assert.ok(rig.add(SMALL, rank));
  const counts = rig.slots().slice(1);
  assert.equal(counts.length, 16);
  for (const slot of counts) assert.ok(slot.endsWith(`:${MAX_BATCH_EVENTS}`), slot);
});

test("in a full ring the next free slot is for the batch that was overtaken, not for the one that asks", () => {
  const rig = new Rig(16);
  rig.add(SMALL, 0);
  rig.add(SMALL, 1);
  let added = 0;
  while (rig.add(LARGE, 0)) added++;
  assert.equal(rig.memory.head(), 16);
  assert.ok(added > 8);
  // Another rank comes late, while there is no room.
  assert.ok(rig.add(SMALL, 2), "its own batch has room");
  for (let i = 0; i < 8; i++) {
    rig.free();
    assert.ok(rig.add(LARGE, 0));
    assert.ok(!rig.add(LARGE, 0));
  }
  rig.free();
  assert.ok(!rig.add(LARGE, 0));
  const { memory } = rig;
  assert.equal(memory.words[memory.slotWord(memory.head() - 1) + SLOT.rank], 2);
  rig.free();
  assert.ok(rig.add(LARGE, 0));
});
