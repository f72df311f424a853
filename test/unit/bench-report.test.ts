/** The report and the table of the benches: medians, ratios, goals, and numbers short enough to read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BenchCase, Figure, RunResult } from "../../bench/bench-case.ts";
import { atLeast, atMost, below, figure, type Goal, type GoalReport, multipleOf } from "../../bench/goal.ts";
import { type CaseReport, caseReports } from "../../bench/report.ts";
import { percentile, spreadOf } from "../../bench/support/spread.ts";
import { numberIn, shortNumber, table } from "../../bench/table.ts";

test("median, smallest and largest, of odd and even numbers of runs", () => {
  assert.deepEqual(spreadOf([3, 1, 10]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(spreadOf([4, 1, 2, 10]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7 });
  assert.throws(() => spreadOf([]));
});

test("a percentile is a value that occurred, and no better than the share asked for", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual(
    [0, 0.5, 0.99, 0.991, 1].map((share) => percentile(values, share)),
    [1, 50, 99, 100, 100],
  );
  assert.equal(percentile([5], 0.99), 5);
  assert.throws(() => percentile([], 0.5));
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

test("only rates have thousands; a time stays in its unit, and nothing is nothing", () => {
  assert.equal(numberIn("events/s", 12_345), "12.3 k");
  assert.equal(numberIn("µs", 12_345), "12345");
  assert.equal(numberIn("%", -1.234), "-1.23");
  assert.equal(numberIn("% of a core", 0), "0.00");
});

function neverRun(): Promise<RunResult> {
  return Promise.reject(new Error("not run"));
}

function benchCase(name: string, rival?: string): BenchCase {
  return { name, unit: "events/s", ...(rival === undefined ? {} : { rival }), run: neverRun };
}

function micros(value: number): Figure {
  return { value, unit: "µs" };
}

/** The columns of the row of that case. */
function cells(reports: readonly CaseReport[], name: string): readonly string[] {
  const row = table(reports)
    .split("\n")
    .find((line) => line.startsWith(`| ${name} `));
  return (row ?? "").split("|").map((cell) => cell.trim());
}

test("ratios are of medians; a case whose runs all failed has no row, and gives no ratio", () => {
  const cases = [benchCase("ours", "theirs"), benchCase("theirs"), benchCase("lonely", "gone"), benchCase("gone")];
  const runs = new Map<string, RunResult[]>([
    ["ours", [{ main: 300 }, { main: 100 }, { main: 200 }]],
    ["theirs", [{ main: 50 }]],
    [
      "lonely",
      [
        { main: 5, more: { CPU: { value: 1.234, unit: "µs/event" }, payload: { value: 254e6, unit: "B/s" } } },
        { main: 5, more: { CPU: { value: 3.234, unit: "µs/event" } } },
      ],
    ],
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
  assert.deepEqual(reports[2]?.more["CPU"], { unit: "µs/event", median: 2.234, min: 1.234, max: 3.234 });
  const lines = table(reports).trimEnd().split("\n");
  assert.equal(lines.length, 5);
  assert.equal(new Set(lines.map((line) => line.length)).size, 1, "columns are aligned");
  assert.deepEqual(cells(reports, "ours"), ["", "ours", "events/s", "200", "100", "300", "4.00", "", "", ""]);
  assert.equal(cells(reports, "lonely")[8], "CPU 2.23 µs/event, payload 254 MB/s");
});

test("further rivals and compared figures are named beside the columns, as far as they have runs", () => {
  const ours: BenchCase = { ...benchCase("x", "x/gone"), otherRivals: ["x/slow", "x/gone"], compared: ["p99"] };
  const runs = new Map<string, RunResult[]>([
    ["x", [{ main: 300, more: { p99: micros(1200) } }]],
    ["x/slow", [{ main: 40, more: { p99: micros(400) } }]],
  ]);
  const reports = caseReports([ours, benchCase("x/slow"), benchCase("x/gone")], runs);
  assert.equal(reports[0]?.ratio, null);
  assert.deepEqual(reports[0]?.otherRatios, { "x/slow": 7.5 });
  assert.deepEqual(reports[0]?.figureRatios, { p99: { "x/slow": 3 } });
  assert.equal(cells(reports, "x")[8], "7.50 × slow, p99 3.00 × slow, p99 1200 µs");
});

test("goals are reached, missed or not judged, and say what was held against the limit", () => {
  const goals: readonly Goal[] = [
    atLeast(300, "≥ 300"),
    atLeast(301, "≥ 301"),
    below(300, "< 300"),
    atMost(1.5, "lag ≤ 1.5 × best", multipleOf(["a", "b"], "lag")),
    atMost(10, "lag ≤ 10", figure("lag")),
    atLeast(2, "≥ 2 × c", multipleOf(["c"])),
    atLeast(1, "no such figure", figure("other")),
  ];
  const runs = new Map<string, RunResult[]>([
    ["x", [{ main: 300, more: { lag: micros(8) } }]],
    ["a", [{ main: 1, more: { lag: micros(16) } }]],
    ["b", [{ main: 1, more: { lag: micros(5) } }]],
  ]);
  const reports = caseReports([{ ...benchCase("x"), goals }, benchCase("a"), benchCase("b")], runs);
  const outcomes: readonly (readonly [outcome: GoalReport["outcome"], value: number | null])[] = [
    ["reached", 300],
    ["missed", 300],
    ["missed", 300],
    // Against the better of the two.
    ["missed", 1.6],
    ["reached", 8],
    ["not judged", null],
    ["not judged", null],
  ];
  assert.deepEqual(
    reports[0]?.goals,
    goals.map(({ text }, i) => ({ text, value: outcomes[i]?.[1], outcome: outcomes[i]?.[0] })),
  );
  assert.match(cells(reports, "x")[7] ?? "", /^≥ 300: reached \(300\); ≥ 301: missed \(300\); .*≥ 2 × c: not judged/u);
});
