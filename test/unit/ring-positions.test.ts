/** Where the positions of a ring move under a reader's hands, or have wrapped since it looked last. */
import assert from "node:assert/strict";
import test from "node:test";
import { loadServeConfig } from "../../src/main/config/load.ts";
import type { Bell } from "../../src/shared/bell.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingEncoder } from "../../src/shared/ring-encoder.ts";
import { RingPlane } from "../../src/shared/ring-plane.ts";
import { RingProducer, RingPublisher } from "../../src/shared/ring.ts";
import { CONTROL, SLOT, SLOT_STATE, STOP } from "../../src/shared/ring-layout.ts";

const SHAPE = { slots: 8, slotBytes: 1024 };
/** A search that looks at more slots than this has lost its way. */
const MAX_LOOKS = 1000;

/** A ring that counts looks at its slots, and in which something may happen each time head or tail is read. */
class WatchedRing extends RingMemory {
  looks: number = 0;
  onRead: () => void = () => {};

  constructor() {
    super(RingMemory.allocate(SHAPE).buffer, SHAPE);
  }

  /** Everything up to there has been filled, encoded and published. */
  moveTo(position: number): void {
    Atomics.store(this.words, CONTROL.head, position);
    Atomics.store(this.words, CONTROL.tail, position);
  }

  override head(): number {
    const head = super.head();
    this.onRead();
    return head;
  }

  override tail(): number {
    const tail = super.tail();
    this.onRead();
    return tail;
  }

  override slotWord(position: number): number {
    assert.ok(++this.looks < MAX_LOOKS, "the search does not end");
    return super.slotWord(position);
  }
}

test("a search ends though others publish three slots while it begins", () => {
  for (const search of ["hasWork", "claim"] as const) {
    const memory = new WatchedRing();
    const encoder = new RingEncoder(memory, 0);
    let position = 0;
    memory.onRead = (): void => memory.moveTo((position += 3));
    const found = encoder[search]();
    assert.equal(found, search === "claim" ? -1 : false);
  }
});

test("an encoder that slept while half of all positions went by finds work, and only that", () => {
  for (const slept of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5, 2 ** 32 - 1]) {
    const memory = new WatchedRing();
    const encoder = new RingEncoder(memory, 0);
    const position = slept | 0;
    memory.moveTo(position);
    assert.equal(encoder.claim(), -1);
    Atomics.store(memory.words, memory.slotWord(position) + SLOT.state, SLOT_STATE.filled);
    Atomics.store(memory.words, CONTROL.head, (position + 1) | 0);
    assert.equal(encoder.claim(), memory.slotWord(position));
    assert.equal(encoder.claim(), -1);
  }
});

test("when an encoder has died everyone looks again, also if it held no slot", () => {
  const memory = RingMemory.allocate(SHAPE);
  const producer = new RingProducer(memory, 2);
  memory.encoderBell(1).prepare();
  memory.publisherBell().prepare();
  assert.equal(producer.recoverEncoder(0), 0);
  assert.equal(memory.encoderBell(1).ring(), false, "the other encoder has been woken");
  assert.equal(memory.publisherBell().ring(), false, "the publisher has been woken");
});

test("there is room for as many encoders as can be asked for", async () => {
  const flags = new Map([
    ["engine", ["synthetic:"]],
    ["encoders", ["16"]],
  ]);
  const { encoders } = (await loadServeConfig(flags, {})).config;
  const last = new RingEncoder(RingMemory.allocate(SHAPE), encoders - 1);
  assert.equal(last.claim(), -1);
});

test("what is left to linger counts down from the stop", () => {
  const memory = RingMemory.allocate(SHAPE);
  const producer = new RingProducer(memory, 1);
  producer.requestStop(STOP.drain, 60_000);
  assert.ok(memory.lingerMs() > 50_000 && memory.lingerMs() <= 60_000);
  producer.requestStop(STOP.now);
  assert.equal(memory.lingerMs(), 0);
});

/** Wakes who sleeps. */
function isAsleep(bell: Bell): boolean {
  return bell.ring();
}

test("nobody is woken for the second round of a slot, until half the ring waits for it", () => {
  const shape = { ...SHAPE, planeFollows: true };
  const memory = RingMemory.allocate(shape);
  const producer = new RingProducer(memory, 1);
  const encoder = new RingEncoder(memory, 0);
  const publisher = new RingPublisher(memory);
  const plane = new RingPlane(publisher);
  const none = { recordWords: 0, events: 1, rank: 0, wallSeconds: 0, monotonicMicros: 0, oversizeGeneration: 0 };
  for (let sent = 1; sent <= SHAPE.slots; sent++) {
    producer.commit(producer.claim(), { ...none, recordsOffset: 0, frameOffset: 0 });
    encoder.commit(encoder.claim(), 0, 0, 0);
    encoder.announce();
    memory.encoderBell(0).prepare();
    publisher.release(publisher.peek());
    plane.noteSent();
    plane.announce();
    assert.equal(isAsleep(memory.encoderBell(0)), sent <= SHAPE.slots / 2, `the encoder sleeps on at ${sent}`);
  }
  for (let left = SHAPE.slots; left > 0; left--) {
    memory.publisherBell().prepare();
    encoder.commitPlane(encoder.claimPlane());
    encoder.announce();
    assert.equal(isAsleep(memory.publisherBell()), left <= SHAPE.slots / 2, `the publisher sleeps on at ${left}`);
    plane.release(plane.peek());
  }
  assert.equal(publisher.isEmpty(), true);
});

test("an encoder does not take for work what a publisher was about to let go of when it died", () => {
  const memory = RingMemory.allocate({ ...SHAPE, planeFollows: true });
  Atomics.store(memory.words, CONTROL.head, 1);
  // The state is written, the tail is not.
  Atomics.store(memory.words, memory.slotWord(0) + SLOT.state, SLOT_STATE.sent);
  const encoder = new RingEncoder(memory, 0);
  assert.equal(encoder.claimPlane(), -1);
  assert.equal(encoder.hasPlaneWork() || encoder.hasWork(), false, "it would look for it without end");
});

test("among the positions of slots there is a -1, which is no sign of a full ring", () => {
  const memory = RingMemory.allocate(SHAPE);
  for (const word of [CONTROL.head, CONTROL.tail]) Atomics.store(memory.words, word, -1);
  const position = new RingProducer(memory, 1).claim();
  assert.notEqual(position, -1);
  assert.equal(memory.slotWord(position), memory.slotWord(SHAPE.slots - 1));
});
