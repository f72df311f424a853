/** How often clients of the replay socket may ask: buckets of one and of all, and rest for those who gain nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type PaceLimits, PACE_LIMITS, ReplayPace } from "../../src/workers/replay-pace.ts";

const ROOMY: PaceLimits = { ...PACE_LIMITS, burst: 1e6, allBurst: 1e6, repeats: Infinity };

function admitted(pace: ReplayPace, key: string, times: number, nowMs: number): number {
  return Array.from({ length: times }, () => pace.judge(key, null, nowMs)).filter((verdict) => verdict === "admitted")
    .length;
}

test("a connection has a burst, and then so many a second; another one is not touched by that", () => {
  const pace = new ReplayPace({ ...ROOMY, burst: 10, perSecond: 4 });
  assert.equal(admitted(pace, "a", 50, 0), 10);
  assert.equal(admitted(pace, "b", 50, 0), 10);
  assert.equal(admitted(pace, "a", 50, 1000), 4);
  assert.equal(admitted(pace, "a", 50, 1250), 1);
  assert.equal(admitted(pace, "a", 50, 1e6), 10);
});

test("whoever connects anew for each request draws from the bucket of all", () => {
  const pace = new ReplayPace({ ...ROOMY, allBurst: 100, allPerSecond: 10 });
  const ask = (nowMs: number): number => {
    let count = 0;
    for (let i = 0; i < 500; i++) if (pace.judge(`${nowMs}-${i}`, 0, nowMs) === "admitted") count++;
    return count;
  };
  assert.equal(ask(0), 100);
  assert.equal(ask(1000), 10);
  assert.equal(ask(1e6), 100);
});

test("the same messages again and again: three times, then a rest; what goes forward never rests", () => {
  const pace = new ReplayPace({ ...ROOMY, repeats: 3 });
  const verdicts = [0, 0, 0, 0, 0].map((start) => pace.judge("a", start, 0));
  assert.deepEqual(verdicts, ["admitted", "admitted", "admitted", "resting", "resting"]);
  assert.equal(pace.judge("a", 100, 29_999), "resting");
  assert.equal(pace.judge("a", 100, 30_000), "admitted");
  for (let start = 0; start < 1000; start++) assert.equal(pace.judge("b", start, 0), "admitted");
  // Back and back: no progress either.
  assert.deepEqual(
    [9, 8, 7, 6].map((start) => pace.judge("c", start, 0)),
    ["admitted", "admitted", "admitted", "resting"],
  );
  // Slowly it is no loop.
  for (let i = 0; i < 10; i++) assert.equal(pace.judge("d", 0, i * 30_000), "admitted");
});

test("who let its answer lie until it expired rests", () => {
  const pace = new ReplayPace(ROOMY);
  assert.equal(pace.judge("a", 0, 0), "admitted");
  pace.expired("a", 10_000);
  assert.equal(pace.judge("a", 5, 10_001), "resting");
  assert.equal(pace.judge("b", 5, 10_001), "admitted");
  assert.equal(pace.judge("a", 5, 40_000), "admitted");
});

test("what is remembered is bounded", () => {
  const pace = new ReplayPace({ ...ROOMY, burst: 1, perSecond: 0 });
  assert.equal(pace.judge("first", null, 0), "admitted");
  assert.equal(pace.judge("first", null, 0), "throttled");
  for (let i = 0; i < 4096; i++) pace.judge(String(i), null, 0);
  assert.equal(pace.judge("4095", null, 0), "throttled");
  assert.equal(pace.judge("first", null, 0), "admitted");
});
