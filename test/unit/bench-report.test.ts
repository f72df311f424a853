/** The table of the benches: medians, ratios, and numbers short enough to read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BenchCase, RunResult } from "../../bench/bench-case.ts";
import { caseReports, shortNumber, table } from "../../bench/report.ts";
import { spreadOf } from "../../bench/support/spread.ts";

test("median, smallest and largest, of odd and even numbers of runs", () => {
  assert.deepEqual(spreadOf([3, 1, 10]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(spreadOf([4, 1, 2, 10]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7 });
  assert.throws(() => spreadOf([]));
});

test("three digits and a unit, also where rounding carries over", () => {
  const cases: readonly (readonly [value: number, text: string])[] = [
    [0.1234, "0.123"],
    [66.12, "66.1"],
    [999.4, "999"],
    [999.6, "1.00 k"],
    [1570, "1.57 k"],
    [999_600, "1.00 M"],
    [1_574_000, "1.57 M"],
    [412_345_678, "412 M"],
    [2.5e9, "2.50 G"],
  ];
  for (const [value, text] of cases) assert.equal(shortNumber(value), text);
});

function neverRun(): Promise<RunResult> {
  return Promise.reject(new Error("not run"));
}

function benchCase(name: string, rival?: string): BenchCase {
  return { name, unit: "events", ...(rival === undefined ? {} : { rival }), run: neverRun };
}

test("ratios are of medians; a case whose runs all failed has no row, and gives no ratio", () => {
  const cases = [benchCase("ours", "theirs"), benchCase("theirs"), benchCase("lonely", "gone"), benchCase("gone")];
  const runs = new Map<string, RunResult[]>([
    ["ours", [{ perSecond: 300 }, { perSecond: 100 }, { perSecond: 200 }]],
    ["theirs", [{ perSecond: 50 }]],
    ["lonely", [{ perSecond: 5, cpuMicrosPerEvent: 1.234, peakRssBytes: 2 ** 20 * 90, lagMs: 12.3 }]],
    ["gone", []],
  ]);
  const reports = caseReports(cases, runs);
  assert.deepEqual(
    reports.map(({ name, ratio }) => [name, ratio]),
    [
      ["ours", 4],
      ["theirs", null],
      ["lonely", null],
    ],
  );
  const lines = table(reports).trimEnd().split("\n");
  assert.equal(lines.length, 5);
  assert.match(lines[2] ?? "", /^\| ours +\| events \| +200 \| +100 \| +300 \| +4\.00 \| +\|$/);
  assert.match(lines[4] ?? "", /1\.23 µs CPU an event, 90 MiB, lag 12 ms/);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1, "columns are aligned");
});

test("further rivals are named beside the columns, as far as they have runs", () => {
  const ours: BenchCase = { ...benchCase("x", "x/gone"), otherRivals: ["x/slow", "x/gone"] };
  const runs = new Map<string, RunResult[]>([
    ["x", [{ perSecond: 300, lagMs: 1 }]],
    ["x/slow", [{ perSecond: 40 }]],
  ]);
  const reports = caseReports([ours, benchCase("x/slow"), benchCase("x/gone")], runs);
  assert.equal(reports[0]?.ratio, null);
  assert.deepEqual(reports[0]?.otherRatios, { "x/slow": 7.5 });
  assert.match(table(reports), /\| 7\.50 × slow, lag 1 ms +\|/);
});
