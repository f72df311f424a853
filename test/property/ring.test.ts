/** The ring against a plain list: random interleavings of its three roles, steps taken one at a time on one thread. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingEncoder } from "../../src/shared/ring-encoder.ts";
import { RingProducer, RingPublisher } from "../../src/shared/ring.ts";
import { CONTROL, SLOT } from "../../src/shared/ring-layout.ts";

const FILL = { recordWords: 0, rank: 0, wallSeconds: 0, monotonicMicros: 0, oversizeGeneration: 0 };

interface Model {
  readonly memory: RingMemory;
  readonly producer: RingProducer;
  readonly encoders: RingEncoder[];
  readonly publisher: RingPublisher;
  /** Values in claim order that are not published yet; `encoded` once an encoder has committed it. */
  readonly queue: { value: number; state: "filled" | "encoding" | "encoded"; slot: number; encoder: number }[];
  produced: number;
  published: number[];
}

function model(slots: number, encoders: number, startPosition: number): Model {
  const memory = RingMemory.allocate({ slots, slotBytes: 1024 });
  Atomics.store(memory.words, CONTROL.head, startPosition);
  Atomics.store(memory.words, CONTROL.tail, startPosition);
  return {
    memory,
    producer: new RingProducer(memory, encoders),
    encoders: Array.from({ length: encoders }, (_, i) => new RingEncoder(memory, i)),
    publisher: new RingPublisher(memory),
    queue: [],
    produced: 0,
    published: [],
  };
}

function produce(m: Model, slots: number): void {
  const position = m.producer.claim();
  assert.equal(position === -1 && m.queue.length < slots, false, "full only when every slot is in use");
  if (position === -1) {
    assert.equal(m.queue.length, slots);
    return;
  }
  const value = ++m.produced;
  m.producer.commit(position, { ...FILL, events: value, recordsOffset: 0, frameOffset: 0 });
  m.queue.push({ value, state: "filled", slot: m.memory.slotWord(position), encoder: -1 });
}

function claim(m: Model, encoder: number): void {
  const slot = m.encoders[encoder]?.claim() ?? -1;
  const oldest = m.queue.find((entry) => entry.state === "filled");
  if (slot === -1) {
    assert.equal(oldest, undefined, "an encoder finds whatever is filled");
    return;
  }
  const entry = m.queue.find((each) => each.slot === slot);
  assert.equal(entry?.state, "filled");
  assert.equal(m.memory.words[slot + SLOT.events], entry?.value);
  if (entry !== undefined) Object.assign(entry, { state: "encoding", encoder });
}

function commit(m: Model, encoder: number): void {
  const entry = m.queue.find((each) => each.state === "encoding" && each.encoder === encoder);
  if (entry === undefined) return;
  m.encoders[encoder]?.commit(entry.slot, entry.value, 1, 0);
  entry.state = "encoded";
}

function publish(m: Model): void {
  const slot = m.publisher.peek();
  const oldest = m.queue[0];
  if (slot === -1) {
    assert.notEqual(oldest?.state, "encoded", "the oldest slot is published as soon as it is encoded");
    return;
  }
  assert.equal(slot, oldest?.slot);
  assert.equal(oldest?.state, "encoded");
  assert.equal(m.memory.words[slot + SLOT.frameBytes], oldest?.value);
  m.published.push(m.memory.words[slot + SLOT.events] ?? 0);
  m.publisher.release(slot);
  m.queue.shift();
}

/** The encoder's thread is gone: what it had claimed must be claimable again, by anyone. */
function die(m: Model, encoder: number): void {
  const owned = m.queue.filter((entry) => entry.state === "encoding" && entry.encoder === encoder);
  assert.equal(m.producer.recoverEncoder(encoder), owned.length);
  for (const entry of owned) entry.state = "filled";
}

test("any interleaving publishes every value once, in claim order", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant("produce" as const) },
    { weight: 3, arbitrary: fc.constant("publish" as const) },
    { weight: 4, arbitrary: fc.nat({ max: 2 }).map((encoder) => ["claim", encoder] as const) },
    { weight: 4, arbitrary: fc.nat({ max: 2 }).map((encoder) => ["commit", encoder] as const) },
    { weight: 1, arbitrary: fc.nat({ max: 2 }).map((encoder) => ["die", encoder] as const) },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(2, 4, 8),
      // From the beginning, and just below the two places where a 32-bit position wraps.
      fc.constantFrom(0, 0x7ffffff0, -8),
      fc.array(step, { maxLength: 300, size: "max" }),
      (slots, start, steps) => {
        const m = model(slots, 3, start);
        for (const each of steps) {
          if (each === "produce") produce(m, slots);
          else if (each === "publish") publish(m);
          else if (each[0] === "claim") claim(m, each[1]);
          else if (each[0] === "commit") commit(m, each[1]);
          else die(m, each[1]);
          assert.equal(m.memory.occupied(), m.queue.length);
        }
        for (let e = 0; e < 3; e++) die(m, e);
        while (m.queue.length > 0) {
          claim(m, 0);
          commit(m, 0);
          publish(m);
        }
        assert.deepEqual(
          m.published,
          Array.from({ length: m.produced }, (_, i) => i + 1),
        );
      },
    ),
    { numRuns: Number(process.env["RUNS"] ?? 500) },
  );
});
