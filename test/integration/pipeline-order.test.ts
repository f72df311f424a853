/** Order, oversize events and full rings, with real encoder and publisher threads. */
import assert from "node:assert/strict";
import test from "node:test";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { large, numbered, pipelineOptions } from "../support/pipeline-parts.ts";
import { offerAll, range } from "../support/offering.ts";
import { publishNumbered, receive, startPipeline } from "../support/pipeline-run.ts";

test("three encoders of uneven speed: every event once, in order, numbered without a gap", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, {
    encoders: 3,
    encoderEntry: new URL("../support/uneven-encoder.js", import.meta.url),
  });
  const events = 6000;
  const messages = await publishNumbered({ pipeline, subscriber }, events);
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

test("slots beyond 2 GiB are like all others", async (t) => {
  for (const wireFormat of ["vllm", "dynamo"] as const) {
    const { zmq } = pipelineOptions();
    assert.ok(zmq);
    const { pipeline, subscriber } = await startPipeline(t, {
      ringSlots: 128,
      // Memory that is not touched is not there: most of it is only addresses.
      slotBytes: 15 << 20,
      zmq: { ...zmq, queueBytes: 2 ** 40 },
      wireFormat,
    });
    const events = 200 * 64;
    const messages = await publishNumbered({ pipeline, subscriber }, events);
    assert.deepEqual(
      messages.flatMap((message) => message.numbers),
      range(events),
    );
    await pipeline.stop(1000);
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
