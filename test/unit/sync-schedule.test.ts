import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { SyncSchedule } from "../../src/main/tail/sync-schedule.ts";

/** A schedule whose clock and timers move together, by `pass`. */
function scheduled(t: TestContext, isWanted: boolean) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const made = { nowMs: 10_000, wakes: 0 };
  const schedule = new SyncSchedule(
    isWanted,
    () => made.wakes++,
    () => made.nowMs,
  );
  const pass = (ms: number): void => {
    made.nowMs += ms;
    t.mock.timers.tick(ms);
  };
  return { made, schedule, pass };
}

test("the first snapshot is due at once, the next a second after it was taken, and only if it is wanted", (t) => {
  const { made, schedule, pass } = scheduled(t, true);
  assert.equal(schedule.isDue, true);
  schedule.begin();
  schedule.taken();
  pass(5000);
  assert.equal(schedule.isDue, false, "nobody wants another");
  schedule.taken();
  schedule.want();
  schedule.want();
  pass(999);
  assert.deepEqual([schedule.isDue, made.wakes], [false, 0]);
  pass(1);
  assert.deepEqual([schedule.isDue, made.wakes], [true, 1]);
});

test("after a failure it waits longer; where there are none it never tries again", (t) => {
  const { made, schedule, pass } = scheduled(t, true);
  schedule.begin();
  schedule.failed(false);
  pass(4999);
  assert.equal(schedule.isDue, false);
  pass(1);
  assert.deepEqual([schedule.isDue, made.wakes], [true, 1]);
  schedule.begin();
  schedule.failed(true);
  schedule.want();
  pass(3_600_000);
  assert.deepEqual([schedule.isDue, made.wakes], [false, 1]);
});

test("a stream that is closed is not woken", (t) => {
  const { made, schedule, pass } = scheduled(t, false);
  assert.equal(schedule.isDue, false);
  schedule.taken();
  schedule.want();
  schedule.close();
  schedule.want();
  pass(10_000);
  assert.equal(made.wakes, 0);
});
