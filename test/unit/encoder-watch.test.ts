/** Which encoders hang, as seen by a main thread that looks ten times a second, or not quite. */
import assert from "node:assert/strict";
import test from "node:test";
import { EncoderWatch, LOOK_EVERY_MS } from "../../src/main/pipeline/encoder-watch.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingEncoder } from "../../src/shared/ring-encoder.ts";
import { RingProducer, RingPublisher } from "../../src/shared/ring.ts";

const FILL = { events: 1, rank: 0, wallSeconds: 0, monotonicMicros: 0, oversizeGeneration: 0, recordsOffset: 0 };

class Scene {
  readonly memory: RingMemory = RingMemory.allocate({ slots: 2, slotBytes: 1024 });
  readonly encoders: RingEncoder[] = [0, 1].map((i) => new RingEncoder(this.memory, i));
  readonly watch: EncoderWatch = new EncoderWatch(this.memory, 2);
  readonly #producer: RingProducer = new RingProducer(this.memory, 2);
  #nowMs: number = 1000;

  /** Fills a slot, and lets the encoder take it. */
  take(encoder: number, recordWords: number = 100): number {
    this.#producer.commit(this.#producer.claim(), { ...FILL, recordWords, frameOffset: 0 });
    return this.encoders[encoder]?.claim() ?? -1;
  }

  /** What main sees, so long after the last time. */
  look(afterMs: number = LOOK_EVERY_MS): readonly number[] {
    this.#nowMs += afterMs;
    return this.watch.look(this.#nowMs);
  }

  /** Milliseconds of looking after which someone is said to hang; null if nobody is within that time. */
  firstHangMs(withinMs: number, afterMs: number = LOOK_EVERY_MS): number | null {
    for (let ms = 0; ms < withinMs; ms += afterMs) if (this.look(afterMs).length > 0) return ms + afterMs;
    return null;
  }
}

test("an encoder that stays in its slot hangs, and no other", () => {
  const scene = new Scene();
  scene.take(1);
  const firstMs = scene.firstHangMs(5000) ?? 0;
  assert.ok(firstMs >= 500 && firstMs <= 700, `${firstMs}`);
  assert.deepEqual(scene.look(), [1]);
  scene.watch.forget(1);
  assert.deepEqual(scene.look(), [], "its successor has all the time again");
  assert.equal(scene.firstHangMs(5000), firstMs - LOOK_EVERY_MS);
});

test("encoders that have no slot, or are done with it, do not hang", () => {
  const scene = new Scene();
  assert.equal(scene.firstHangMs(3000), null);
  scene.encoders[0]?.commit(scene.take(0), 4, 1, 0);
  assert.equal(scene.firstHangMs(3000), null);
});

test("the same place in the ring is another slot the next time", () => {
  const scene = new Scene();
  for (let i = 0; i < 20; i++) {
    const slot = scene.take(0);
    assert.deepEqual(scene.look(), []);
    scene.encoders[0]?.commit(slot, 4, 1, 0);
    // Published and free again.
    const publisher = new RingPublisher(scene.memory);
    publisher.release(publisher.peek());
  }
});

test("an event with many million words has more time", () => {
  const scene = new Scene();
  scene.take(0, 16_000_000);
  const firstMs = scene.firstHangMs(10_000) ?? 0;
  assert.ok(firstMs > 3000 && firstMs < 5000, `${firstMs}`);
});

test("a main thread that is late itself blames nobody", () => {
  const scene = new Scene();
  scene.take(0);
  assert.equal(scene.firstHangMs(60_000, 3 * LOOK_EVERY_MS), null);
  for (let i = 0; i < 4; i++) assert.deepEqual(scene.look(), []);
  assert.deepEqual(scene.look(10_000), [], "the process was stopped");
  assert.ok((scene.firstHangMs(5000) ?? 0) >= 500, "and the count begins anew");
});
