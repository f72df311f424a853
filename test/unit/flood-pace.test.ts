/** When made-up events are due, evenly and in bursts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { BURST_PERIOD_MS, dueAtMs, dueEvents } from "../../src/main/engine/pace.ts";

test("bursts of five times the rate: a second of events, four of silence, the rate on average", () => {
  const pace = { ratePerSecond: 1000, burst: 5 };
  assert.equal(dueEvents(pace, 500), 2500);
  for (const ms of [1000, 2000, 4999, 5000]) assert.equal(dueEvents(pace, ms), 5000, String(ms));
  assert.equal(dueEvents(pace, 5001), 5005);
  assert.equal(dueEvents(pace, 20 * BURST_PERIOD_MS), 20 * 5000);
  assert.equal(dueAtMs(pace, 5000), 1000, "the last one of a burst belongs to it");
  assert.equal(dueAtMs(pace, 5001), 5000.2);
});

test("without bursts events are due evenly; without a rate at once", () => {
  assert.equal(dueEvents({ ratePerSecond: 250 }, 1002), 250.5);
  assert.equal(dueAtMs({ ratePerSecond: 250 }, 250), 1000);
  assert.equal(dueEvents({ ratePerSecond: Infinity }, 0), Infinity);
  assert.equal(dueAtMs({ ratePerSecond: Infinity }, 9), 0);
});

test("an event is due when its time has come, and not before", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.5, max: 1e6, noNaN: true }),
      fc.double({ min: 1, max: 100, noNaN: true }),
      fc.integer({ min: 1, max: 10_000_000 }),
      (ratePerSecond, burst, count) => {
        const pace = { ratePerSecond, burst };
        const atMs = dueAtMs(pace, count);
        const slack = 1e-6 * count + 1e-6;
        assert.ok(dueEvents(pace, atMs + 1e-6 * atMs) >= count - slack);
        // Half an event's time earlier; between bursts that is the end of the burst before.
        const earlierMs = atMs - 500 / (ratePerSecond * burst);
        assert.ok(dueEvents(pace, Math.max(0, earlierMs)) < count);
      },
    ),
  );
});
