/** The search for the knee, with a service that is a number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { findKnee, type RampResult } from "../../src/main/flood/ramp.ts";

/** A service that holds up to `capacity`; what was measured is the number of the step. */
function search(startPerSecond: number, capacity: number, lastStep = Infinity): Promise<RampResult<number>> {
  let steps = 0;
  return findKnee(startPerSecond, (rate) => {
    if (++steps > lastStep) return Promise.resolve(null);
    return Promise.resolve({ measured: steps, shortfall: rate > capacity ? "too slow" : null });
  });
}

function rates({ steps }: RampResult<number>): number[] {
  return steps.map(({ ratePerSecond }) => ratePerSecond);
}

test("doubles until it fails, then halves the distance until it is a tenth", async () => {
  const result = await search(1000, 5000);
  assert.deepEqual(rates(result), [1000, 2000, 4000, 8000, 5660, 4760, 5190]);
  assert.equal(result.knee?.ratePerSecond, 4760);
  assert.equal(result.knee?.measured, 6);
  assert.equal(result.above?.ratePerSecond, 5190);
});

test("a start that is too fast is halved first", async () => {
  const result = await search(1000, 300);
  assert.deepEqual(rates(result).slice(0, 3), [1000, 500, 250]);
  assert.ok((result.knee?.ratePerSecond ?? 0) > 270 && (result.knee?.ratePerSecond ?? 0) <= 300);
});

test("the knee holds, and the capacity is within a tenth of it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 100_000 }),
      fc.double({ min: 0.01, max: 5000, noNaN: true }),
      async (start, factor) => {
        const capacity = start * factor;
        const { knee, above, steps } = await search(start, capacity);
        assert.ok(knee !== null && above !== null);
        assert.ok(knee.ratePerSecond <= capacity && above.ratePerSecond > capacity);
        // Rates are rounded to three digits, so the last step may be a little wider.
        assert.ok(above.ratePerSecond <= knee.ratePerSecond * 1.11, `${knee.ratePerSecond} to ${above.ratePerSecond}`);
        assert.ok(steps.length <= 26);
      },
    ),
  );
});

test("it ends also where everything holds, or nothing does", async () => {
  const all = await search(10, Infinity);
  assert.equal(all.above, null);
  assert.equal(all.knee?.ratePerSecond, 10 * 2 ** 20);
  const none = await search(1000, 0);
  assert.equal(none.knee, null);
  assert.equal(none.steps.length, 13);
});

test("cut short, it has what it found", async () => {
  const bisecting = await search(1000, 5000, 5);
  assert.deepEqual(rates(bisecting), [1000, 2000, 4000, 8000, 5660]);
  assert.equal(bisecting.knee?.ratePerSecond, 4000);
  const doubling = await search(1000, 5000, 2);
  assert.equal(doubling.knee?.ratePerSecond, 2000);
  assert.equal(doubling.above, null);
  assert.deepEqual((await search(1000, 5000, 0)).steps, []);
});
