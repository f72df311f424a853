/** What an encoder does with an event it cannot encode, and how it fills in single messages. */
import assert from "node:assert/strict";
import test from "node:test";
import { EventSpecs, frameOf } from "../support/frames.ts";

test("an event that cannot be encoded is left out and counted; the others go out", () => {
  for (const format of ["vllm", "dynamo"] as const) {
    const events = EventSpecs.numbered(6);
    const { result, numbers } = frameOf(format, events, (number) => number === 2 || number === 5);
    assert.equal(result.poisonedEvents, 2);
    assert.deepEqual(numbers, [1, 3, 4, 6]);
    assert.equal(result.entries, format === "vllm" ? 1 : 4);
  }
});

test("a batch of nothing but such events has no message", () => {
  const { result, numbers } = frameOf("vllm", EventSpecs.numbered(3), () => true);
  assert.deepEqual([result.poisonedEvents, result.entries, result.frameBytes, numbers.length], [3, 0, 0, 0]);
});

test("single messages carry the time and the rank of their own event", () => {
  const { payloads } = frameOf("dynamo", EventSpecs.numbered(3), () => false, {
    delaysMicros: [0, 1500, 2_000_000],
    ranks: [4, 0, 9],
    wallSeconds: 1000,
  });
  assert.deepEqual(
    payloads.map(([seconds, , rank]) => [seconds, rank]),
    [
      [1000, 4],
      [1000.0015, 0],
      [1002, 9],
    ],
  );
});
