/** Order, oversize events and full rings, with real encoder and publisher threads. */
import assert from "node:assert/strict";
import test from "node:test";
import type { PublishedEvent } from "../../src/main/normalise/published-event.ts";
import { PUBLISHER_CELLS } from "../../src/shared/counters.ts";
import { publishedEvent } from "../support/published.ts";
import { numbered, offerAll, receive, startPipeline } from "../support/pipeline-run.ts";

/** An event of so many blocks; the first hash is the number. */
function large(number: number, blocks: number): PublishedEvent {
  return publishedEvent({
    type: "stored",
    hashes: Array.from({ length: blocks }, (_, i) => BigInt(number + i)),
    tokens: Array.from({ length: blocks * 4 }, (_, i) => i),
    parent: null,
    loraName: null,
    loraId: 0,
    salt: null,
    mm: undefined,
  });
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test("three encoders of uneven speed: every event once, in order, numbered without a gap", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, {
    encoders: 3,
    encoderEntry: new URL("../support/uneven-encoder.js", import.meta.url),
  });
  const events = 6000;
  const [messages] = await Promise.all([
    receive(subscriber, events),
    offerAll(
      pipeline,
      range(events).map((n) => numbered(n)),
    ),
  ]);
  assert.deepEqual(
    messages.flatMap((message) => message.numbers),
    range(events),
  );
  assert.deepEqual(
    messages.map((message) => message.sequence),
    messages.map((_, i) => i),
  );
  assert.ok(messages.length > 10 * pipeline.ringCapacitySlots, "the ring went round");
});

test("ranks that take turns keep their order and share batches, more ranks than open batches too", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t);
  const ranks = 11;
  const events = 5500;
  const [messages] = await Promise.all([
    receive(subscriber, events),
    offerAll(
      pipeline,
      range(events).map((n) => numbered(n, n % ranks)),
    ),
  ]);
  for (let rank = 0; rank < ranks; rank++) {
    const numbers = messages.filter((message) => message.rank === rank).flatMap((message) => message.numbers);
    assert.deepEqual(
      numbers,
      range(events).filter((n) => n % ranks === rank),
    );
  }
});

test("an event larger than a slot goes through, in its place, also when larger ones follow", async (t) => {
  for (const wireFormat of ["vllm", "dynamo"] as const) {
    const { pipeline, subscriber } = await startPipeline(t, { wireFormat, encoders: 2 });
    const events = [
      numbered(1),
      large(1_000_000, 3000),
      numbered(2),
      large(2_000_000, 30_000),
      large(3_000_000, 10),
      large(4_000_000, 90_000),
      large(5_000_000, 3000),
      numbered(3),
    ];
    const [messages] = await Promise.all([receive(subscriber, events.length), offerAll(pipeline, events)]);
    assert.deepEqual(
      messages.flatMap((message) => message.numbers),
      [1, 1_000_000, 2, 2_000_000, 3_000_000, 4_000_000, 5_000_000, 3],
    );
    assert.equal(pipeline.enqueuedEvents(), events.length);
  }
});

test("a full ring is a value: nothing is taken, and what was taken leaves when the gate opens", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, {}, false);
  let taken = 0;
  // The publisher holds the first message back, so that batches, ring and encoder fill up.
  while (pipeline.offer(numbered(taken + 1))) taken++;
  assert.equal(pipeline.offer(numbered(0)), false);
  assert.equal(pipeline.enqueuedEvents(), taken);
  assert.equal(pipeline.occupiedSlots(), pipeline.ringCapacitySlots);
  assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.dequeuedEvents), 0);
  subscriber.subscribe("kv");
  pipeline.flush();
  const messages = await receive(subscriber, taken);
  assert.deepEqual(
    messages.flatMap((message) => message.numbers),
    range(taken),
  );
});
