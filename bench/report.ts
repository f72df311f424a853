/** The results of a bench: their JSON form, and the one table. Pure. */
import type { BenchCase, RunResult } from "./bench-case.ts";
import { type Spread, spreadOf } from "./support/spread.ts";

export interface CaseReport {
  readonly name: string;
  readonly unit: string;
  readonly runs: readonly RunResult[];
  readonly perSecond: Spread;
  readonly rival: string | null;
  /** Median by the rival's median; null without a rival in this run. */
  readonly ratio: number | null;
  /** The same for further rivals, as far as they are in this run. */
  readonly otherRatios: Readonly<Record<string, number>>;
}

/** Cases without a run, because each of theirs failed, are left out. */
export function caseReports(
  cases: readonly BenchCase[],
  runs: ReadonlyMap<string, readonly RunResult[]>,
): readonly CaseReport[] {
  const spreads = new Map<string, Spread>();
  for (const [name, results] of runs) {
    if (results.length > 0) spreads.set(name, spreadOf(results.map(({ perSecond }) => perSecond)));
  }
  return cases.flatMap(({ name, unit, rival = null, otherRivals = [] }) => {
    const perSecond = spreads.get(name);
    if (perSecond === undefined) return [];
    const ratioTo = (other: string): number | null => {
      const spread = spreads.get(other);
      return spread === undefined ? null : perSecond.median / spread.median;
    };
    const otherRatios: Record<string, number> = {};
    for (const other of otherRivals) {
      const ratio = ratioTo(other);
      if (ratio !== null) otherRatios[other] = ratio;
    }
    const ratio = rival === null ? null : ratioTo(rival);
    return [{ name, unit, runs: runs.get(name) ?? [], perSecond, rival, ratio, otherRatios }];
  });
}

/** Median over those runs that have the figure; null when none has. */
function median(runs: readonly RunResult[], figure: keyof RunResult): number | null {
  const values = runs.map((run) => run[figure]).filter((value) => value !== undefined);
  return values.length === 0 ? null : spreadOf(values).median;
}

function digits(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3);
}

/** Three digits that mean something, and the unit of thousands: `1.57 M`, `412 k`, `66.1`. */
export function shortNumber(value: number): string {
  if (value >= 999.5e6) return `${digits(value / 1e9)} G`;
  if (value >= 999.5e3) return `${digits(value / 1e6)} M`;
  return value >= 999.5 ? `${digits(value / 1e3)} k` : digits(value);
}

function notes({ runs, otherRatios }: CaseReport): string {
  const parts = Object.entries(otherRatios).map(
    ([rival, ratio]) => `${ratio.toPrecision(3)} × ${rival.slice(rival.lastIndexOf("/") + 1)}`,
  );
  const add = (figure: keyof RunResult, text: (value: number) => string): void => {
    const value = median(runs, figure);
    if (value !== null) parts.push(text(value));
  };
  add("cpuMicrosPerEvent", (micros) => `${micros.toPrecision(3)} µs CPU an event`);
  add("peakRssBytes", (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
  add("bytesPerSecond", (bytes) => `${shortNumber(bytes)}B/s`);
  add("coldPerSecond", (rate) => `cold ${shortNumber(rate)}`);
  add("lagMs", (ms) => `lag ${Math.round(ms)} ms`);
  return parts.join(", ");
}

/** Columns of figures are aligned to the right. */
function isFigure(column: number): boolean {
  return column >= 2 && column <= 5;
}

/** One Markdown table: it reads as well on a terminal, and goes into the README as it is. */
export function table(reports: readonly CaseReport[]): string {
  const header = ["case", "unit", "median /s", "min", "max", "× rival", "and"];
  const rows = reports.map((report) => [
    report.name,
    report.unit,
    ...[report.perSecond.median, report.perSecond.min, report.perSecond.max].map(shortNumber),
    report.ratio === null ? "" : report.ratio.toPrecision(3),
    notes(report),
  ]);
  const widths = header.map((head, i) => Math.max(head.length, 3, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (isFigure(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, i) => (isFigure(i) ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return [line(header), line(rule), ...rows.map(line)].map((text) => `${text}\n`).join("");
}
