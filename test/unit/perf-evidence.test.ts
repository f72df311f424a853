/** Whether an engine keeps records, judged by its answers; and how often it is asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PerfEvidence, type PerfMode } from "../../src/main/perf/perf-evidence.ts";

type Step = readonly [records: number, status: number, finished: number, state: string, waitMs: number];

function walk(mode: PerfMode, steps: readonly Step[]): void {
  const evidence = new PerfEvidence(mode);
  assert.equal(evidence.state, "waiting");
  for (const [i, [records, status, finished, state, waitMs]] of steps.entries()) {
    const ms = evidence.next({ records, status, finished });
    assert.deepEqual([evidence.state, ms], [state, waitMs], `step ${i}`);
  }
}

test("nothing is known while nothing happens", () => {
  walk("auto", [
    [0, 200, 0, "waiting", 2000],
    [0, 200, 0, "waiting", 5000],
    [0, 200, 0, "waiting", 5000],
  ]);
});

test("a request without a record shows that none are kept, once a whole poll lies behind it", () => {
  walk("auto", [
    [0, 200, 3, "waiting", 2000],
    [0, 200, 4, "waiting", 5000],
    [0, 200, 4, "not_enabled", 30_000],
    [0, 200, 9, "not_enabled", 30_000],
    [1, 200, 10, "reading", 1000],
  ]);
  walk("on", [
    [0, 200, 0, "waiting", 2000],
    [0, 200, 1, "waiting", 5000],
    [0, 200, 1, "not_enabled", 5000],
  ]);
});

test("an engine that gave records and came back without is found out; one that rests is not", () => {
  walk("auto", [
    [5, 200, 5, "reading", 1000],
    [0, 200, 5, "reading", 2000],
    [0, 200, 5, "reading", 5000],
    [1, 200, 6, "reading", 1000],
    [0, 200, 7, "reading", 2000],
    [0, 200, 7, "not_enabled", 30_000],
  ]);
});

test("an address that is not there is an answer too", () => {
  walk("auto", [
    [0, 404, 0, "not_enabled", 30_000],
    [0, 405, 0, "not_enabled", 30_000],
    [2, 200, 0, "reading", 1000],
  ]);
});

test("failures wait longer each time, and what was known before holds after them", () => {
  walk("auto", [
    [1, 200, 1, "reading", 1000],
    [0, 0, 1, "failing", 1000],
    [0, 500, 1, "failing", 2000],
    [0, 0, 1, "failing", 4000],
    [0, 0, 1, "failing", 8000],
    [0, 0, 1, "failing", 10_000],
    [0, 0, 1, "failing", 10_000],
    [0, 200, 1, "reading", 2000],
    [0, 0, 1, "failing", 1000],
  ]);
});
