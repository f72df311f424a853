/** How often the engine's statistics are asked for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StatsPace, type StatsReport } from "../../src/main/load/stats-pace.ts";

const ROWS: StatsReport = { rows: 5, outcome: "answered" };
const EMPTY: StatsReport = { rows: 0, outcome: "answered" };
const FAILED: StatsReport = { rows: 0, outcome: "failed" };
const UNREACHABLE: StatsReport = { rows: 0, outcome: "unreachable" };

/** Half of the range of chance: no jitter. */
const middle = (): number => 0.5;

function waits(pace: StatsPace, ...reports: readonly StatsReport[]): number[] {
  return reports.map((report) => pace.next(report));
}

test("it waits 10 ms after rows, and twice as long after each empty answer, up to 100 ms", () => {
  const pace = new StatsPace("on", middle);
  assert.deepEqual(
    waits(pace, ROWS, ROWS, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY),
    [10, 10, 10, 20, 40, 80, 100, 100],
  );
  assert.deepEqual(waits(pace, ROWS, EMPTY, EMPTY), [10, 10, 20]);
});

test("after failures it waits up to a second, and never less than 10 ms, whatever the chance", () => {
  const pace = new StatsPace("on", middle);
  assert.deepEqual(
    waits(pace, ...Array.from({ length: 9 }, () => UNREACHABLE)),
    [10, 20, 40, 80, 160, 320, 640, 1000, 1000],
  );
  for (const random of [0, 0.999]) {
    const other = new StatsPace("on", () => random);
    for (const report of [FAILED, { rows: 5, outcome: "failed" } as const, ROWS, EMPTY, UNREACHABLE]) {
      assert.ok(other.next(report) >= 10);
    }
  }
});

test("asked for, statistics are never given up", () => {
  const pace = new StatsPace("on", middle);
  const all = waits(pace, ...Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? EMPTY : FAILED)));
  assert.ok(Math.max(...all) <= 1000);
  assert.equal(pace.seldom, false);
});

test("an engine that gives no rows in three answers is asked every 30 s, until one has rows", () => {
  const pace = new StatsPace("auto", middle);
  assert.deepEqual(waits(pace, EMPTY, FAILED), [1000, 1000]);
  assert.equal(pace.seldom, false);
  assert.deepEqual(waits(pace, EMPTY, EMPTY, FAILED, UNREACHABLE), [30_000, 30_000, 30_000, 30_000]);
  assert.equal(pace.seldom, true);
  assert.deepEqual(waits(pace, ROWS, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY), [10, 10, 20, 40, 80, 100]);
  assert.equal(pace.seldom, false);
});

test("one with rows in its first answer is read at once", () => {
  assert.deepEqual(waits(new StatsPace("auto", middle), ROWS, EMPTY), [10, 10]);
});

test("an engine that is not up yet uses up none of the tries", () => {
  const pace = new StatsPace("auto", middle);
  waits(pace, ...Array.from({ length: 50 }, () => UNREACHABLE));
  assert.equal(pace.seldom, false);
  assert.deepEqual(waits(pace, EMPTY, EMPTY, EMPTY), [1000, 1000, 30_000]);
});

test("after a failure three answers without rows are needed anew", () => {
  const pace = new StatsPace("auto", middle);
  waits(pace, EMPTY, EMPTY, ROWS, UNREACHABLE);
  assert.deepEqual(waits(pace, EMPTY, EMPTY, EMPTY), [1000, 1000, 30_000]);
});
