/** Two clocks that start anywhere and drift: what one shows when the other shows something. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ClockCalibration } from "../../src/main/perf/clock-calibration.ts";

/** A reading at `atMs` of ours: so long there, so long inside, so long back. The engine's clock is ours plus `offsetMs`. */
function reading(atMs: number, thereMs: number, backMs: number, offsetMs: number, insideMs: number = 200) {
  const received = atMs + thereMs;
  return {
    sentMs: atMs,
    engineReceipt: (received + offsetMs) / 1000,
    engineAnswer: (received + insideMs + offsetMs) / 1000,
    receivedMs: received + insideMs + backMs,
  };
}

test("nothing is known before a reading", () => {
  const clock = new ClockCalibration();
  assert.deepEqual([clock.isCalibrated, clock.toOwnMs(5, 0), clock.errorMs(0)], [false, null, null]);
});

test("equal ways there and back give the exact offset, and half of both as the error, with half of what the time inside may drift", () => {
  const clock = new ClockCalibration();
  assert.equal(clock.take(reading(1000, 3, 3, 1_946_900_000)), true);
  assert.equal(Math.round(clock.toOwnMs(1_946_901 + 0.5, 1206) ?? 0), 1500);
  assert.equal(Math.round((clock.errorMs(1206) ?? 0) * 1000), 3010, "and what 200 ms inside may drift");
});

test("the best reading counts, until it is so old that a worse one knows more", () => {
  const clock = new ClockCalibration();
  clock.take(reading(0, 1, 1, 5000));
  clock.take(reading(1000, 40, 0, 5000));
  assert.ok((clock.errorMs(1240) ?? Infinity) < 1.5, "the first is still the better one");
  clock.take(reading(600_000, 10, 10, 5000));
  const error = clock.errorMs(600_220) ?? 0;
  assert.ok(error > 9.9 && error < 10.1, `${error} ms: after ten minutes the first may be off by 60`);
});

test("a clock that was shifted, or began anew, is taken as it is from then on", () => {
  const clock = new ClockCalibration();
  clock.take(reading(0, 1, 1, 5000));
  clock.take(reading(1000, 1, 1, 9000));
  assert.equal(clock.shifts, 1);
  assert.equal(Math.round(clock.toOwnMs(10, 1300) ?? 0), 1000);
});

test("readings that cannot be are refused", () => {
  const clock = new ClockCalibration();
  const good = reading(0, 1, 1, 5000);
  assert.equal(clock.take({ ...good, engineAnswer: good.engineReceipt - 1 }), false);
  assert.equal(clock.take({ ...good, receivedMs: 100 }), false, "200 ms inside the engine within 100");
  assert.equal(clock.take({ ...good, engineReceipt: -1, engineAnswer: -0.9 }), false);
  assert.equal(clock.take({ ...good, engineReceipt: Number.NaN }), false);
  assert.equal(clock.isCalibrated, false);
});

test("ways of no length are taken from a clock that goes faster than ours, and not from one that goes faster than clocks do", () => {
  const clock = new ClockCalibration();
  assert.equal(clock.take({ sentMs: 60_000, engineReceipt: 2060, engineAnswer: 2060.20001, receivedMs: 60_200 }), true);
  assert.equal(clock.take({ sentMs: 60_000, engineReceipt: 2060, engineAnswer: 2060.2001, receivedMs: 60_200 }), false);
});

test("whatever the ways are, the error stated covers the error made, also while the clocks drift", () => {
  // No way at all is the hardest, and what a random number seldom is.
  const way = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 500 }) }, fc.constant(0));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(way, way), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: -1_000_000, max: 10_000_000 }),
      fc.integer({ min: -80, max: 80 }),
      (ways, offsetMs, driftMillionths) => {
        const clock = new ClockCalibration();
        const engineMs = (ownMs: number): number => ownMs * (1 + driftMillionths / 1e6) + offsetMs + 2_000_000;
        let nowMs = 0;
        for (const [there, back] of ways) {
          nowMs += 60_000;
          const sentMs = nowMs;
          const engineReceipt = engineMs(sentMs + there) / 1000;
          const engineAnswer = engineMs(sentMs + there + 200) / 1000;
          nowMs = sentMs + there + 200 + back;
          assert.equal(clock.take({ sentMs, receivedMs: nowMs, engineReceipt, engineAnswer }), true);
          const own = clock.toOwnMs(engineMs(nowMs) / 1000, nowMs) ?? Number.NaN;
          // What the drift makes of the way itself is below a microsecond for each millisecond of it.
          assert.ok(Math.abs(own - nowMs) <= (clock.errorMs(nowMs) ?? 0) + 0.1);
        }
        assert.equal(clock.shifts, 0);
      },
    ),
    { numRuns: 1000, examples: [[[[0, 0]], 0, 1]] },
  );
});
