/** The one table of a bench, and numbers short enough to read in it. Pure. */
import type { Unit } from "./bench-case.ts";
import type { GoalReport } from "./goal.ts";
import type { CaseReport } from "./report.ts";

function digits(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
}

/** Three digits that mean something, and the unit of thousands: `1.57 M`, `412 k`, `66.1`. */
export function shortNumber(value: number): string {
  if (value >= 999.5e6) return `${digits(value / 1e9)} G`;
  if (value >= 999.5e3) return `${digits(value / 1e6)} M`;
  return value >= 999.5 ? `${digits(value / 1e3)} k` : digits(value);
}

/** Rates have the unit of thousands; a time or a size in a unit of its own is written out. */
export function numberIn(unit: Unit, value: number): string {
  if (unit.endsWith("/s")) return shortNumber(value);
  const size = Math.abs(value);
  return size >= 100 ? Math.round(value).toString() : size < 0.01 ? value.toFixed(2) : value.toPrecision(3);
}

/** `254 MB/s`, `812 µs`, `1.07 M events/s`. */
function withUnit(unit: Unit, value: number): string {
  const number = numberIn(unit, value);
  return unit === "B/s" && /[kMG]$/.test(number) ? `${number}B/s` : `${number} ${unit}`;
}

/** Of a name with its group in front, the part that tells it from the others of that group. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function multiples(ratios: Readonly<Record<string, number>>): string {
  return Object.entries(ratios)
    .map(([rival, ratio]) => `${ratio.toPrecision(3)} × ${lastPart(rival)}`)
    .join(", ");
}

function notes({ more, otherRatios, figureRatios }: CaseReport): string {
  const others = multiples(otherRatios);
  const compared = Object.entries(figureRatios)
    .map(([name, ratios]) => [name, multiples(ratios)] as const)
    .filter(([, text]) => text !== "")
    .map(([name, text]) => `${name} ${text}`);
  const figures = Object.entries(more).map(([name, { unit, median }]) => `${name} ${withUnit(unit, median)}`);
  return [...(others === "" ? [] : [others]), ...compared, ...figures].join(", ");
}

function goalText({ text, value, outcome }: GoalReport): string {
  return value === null ? `${text}: ${outcome}` : `${text}: ${outcome} (${shortNumber(value)})`;
}

/** Columns of figures are aligned to the right. */
function isFigure(column: number): boolean {
  return column >= 2 && column <= 5;
}

/** One Markdown table: it reads as well on a terminal, and goes into the README as it is. */
export function table(reports: readonly CaseReport[]): string {
  const header = ["case", "unit", "median", "min", "max", "× rival", "goal", "and"];
  const rows = reports.map((report) => [
    report.name,
    report.unit,
    ...[report.main.median, report.main.min, report.main.max].map((value) => numberIn(report.unit, value)),
    report.ratio === null ? "" : report.ratio.toPrecision(3),
    report.goals.map(goalText).join("; "),
    notes(report),
  ]);
  const widths = header.map((head, i) => Math.max(head.length, 3, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (isFigure(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, i) => (isFigure(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(header), line(rule), ...rows.map(line)].map((text) => `${text}\n`).join("");
}
