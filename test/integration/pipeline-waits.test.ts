/** Waiting costs nothing: with a ring that stays full, an oversize event in the way, or an encoder that hangs. */
import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import test from "node:test";
import type { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { large, numbered } from "../support/pipeline-parts.ts";
import { receive, startPipeline } from "../support/pipeline-run.ts";

/** Share of the time that the event loop is busy, over a while in which nothing can go on. */
async function utilization(): Promise<number> {
  const before = performance.eventLoopUtilization();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return performance.eventLoopUtilization(before).utilization;
}

async function fill(pipeline: Pipeline): Promise<number> {
  let taken = 0;
  // Turns let encoders take what they can, until everything is full: ring and open batch.
  for (let turns = 0; turns < 200; turns++) {
    while (pipeline.offer(numbered(taken + 1))) taken++;
    pipeline.flush();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return taken;
}

test("a full ring behind a closed gate leaves the event loop alone", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, {}, false);
  const taken = await fill(pipeline);
  assert.ok((await utilization()) < 0.3);
  subscriber.subscribe("kv");
  const messages = await receive(subscriber, taken);
  assert.equal(messages.at(-1)?.numbers.at(-1), taken, "and what was left open is flushed by itself");
});

test("an encoder that hangs leaves the event loop alone", async (t) => {
  const { pipeline } = await startPipeline(t, {
    encoderEntry: new URL("../support/stuck-encoder.js", import.meta.url),
  });
  // Two batches go through; one hangs, one waits, and a third stays open because of that.
  for (let batch = 0; batch < 5; batch++) {
    pipeline.offer(numbered(batch + 1));
    pipeline.flush();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok((await utilization()) < 0.3);
});

test("a second oversize event is waited for without spinning, and smaller ones are not held up", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, {}, false);
  assert.ok(pipeline.offer(large(1_000_000, 3000)));
  assert.equal(pipeline.offer(large(2_000_000, 3000)), false, "one at a time");
  let isWritable = false;
  const writable = pipeline.writable().then(() => (isWritable = true));
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isWritable, false, "the ring has room, but not for this one");
  assert.ok(pipeline.offer(numbered(3)));
  pipeline.flush();
  subscriber.subscribe("kv");
  await writable;
  while (!pipeline.offer(large(2_000_000, 3000))) await pipeline.writable();
  pipeline.flush();
  const messages = await receive(subscriber, 3);
  assert.deepEqual(
    messages.flatMap((message) => message.numbers),
    [1_000_000, 3, 2_000_000],
  );
});
