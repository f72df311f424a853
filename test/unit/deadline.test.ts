/** The deadlines of the tests themselves: they end what hangs, and do not end what a machine holds up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Deadline, eventually, within } from "../support/fault/deadline.ts";
import { Gate } from "../support/gate.ts";

test("time in which nothing could run does not count; a deadline that passed says so once", async () => {
  const over = new Gate();
  let calls = 0;
  const deadline = new Deadline(60, () => {
    calls++;
    over.open();
  });
  const untilMs = performance.now() + 300;
  while (performance.now() < untilMs);
  // What was due in the meantime counts as one tick.
  await new Promise(setImmediate);
  assert.equal(deadline.isOver, false);
  await over.opened;
  assert.deepEqual([deadline.isOver, calls], [true, 1]);
});

test("what never comes is given up, under its name", async () => {
  await assert.rejects(within("a promise", 40, new Promise(() => {})), /not within 40 ms: a promise/u);
  await assert.rejects(
    eventually("an answer", 40, () => null),
    /not within 40 ms: an answer/u,
  );
  assert.equal(await within("at once", 40, Promise.resolve(1)), 1);
});
