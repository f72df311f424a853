/** The results of a bench in the form in which they are kept as JSON. Pure. The table of them is in `table.ts`. */
import type { BenchCase, RunResult, Unit } from "./bench-case.ts";
import { type GoalReport, type GoalView, judge, type Medians } from "./goal.ts";
import { type Spread, spreadOf } from "./support/spread.ts";

export interface FigureReport extends Spread {
  readonly unit: Unit;
}

export interface CaseReport {
  readonly name: string;
  readonly unit: Unit;
  readonly better: "more" | "less";
  readonly runs: readonly RunResult[];
  readonly main: Spread;
  /** Further figures, over those runs that have them. */
  readonly more: Readonly<Record<string, FigureReport>>;
  readonly rival: string | null;
  /** Median by the rival's median; null without a rival in this run. */
  readonly ratio: number | null;
  /** The same for further rivals, as far as they are in this run. */
  readonly otherRatios: Readonly<Record<string, number>>;
  /** The same for further figures: by figure, then by rival. */
  readonly figureRatios: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly goals: readonly GoalReport[];
}

function mainOf({ main }: Medians): number {
  return main;
}

/** All that the runs of one case say by themselves. */
interface Summary extends Medians {
  readonly spread: Spread;
  readonly more: Readonly<Record<string, FigureReport>>;
}

/** Cases without a run, because each of theirs failed, are left out. */
export function caseReports(
  cases: readonly BenchCase[],
  runs: ReadonlyMap<string, readonly RunResult[]>,
): readonly CaseReport[] {
  const summaries = new Map<string, Summary>();
  for (const [name, results] of runs) if (results.length > 0) summaries.set(name, summaryOf(results));
  return cases.flatMap((each) => {
    const summary = summaries.get(each.name);
    return summary === undefined ? [] : [reportOf(each, summary, runs.get(each.name) ?? [], summaries)];
  });
}

function reportOf(
  each: BenchCase,
  summary: Summary,
  runs: readonly RunResult[],
  summaries: ReadonlyMap<string, Summary>,
): CaseReport {
  const { name, unit, better = "more", otherRivals = [], compared = [], goals = [] } = each;
  const rival = each.rival ?? null;
  const view: GoalView = {
    main: summary.main,
    figure: summary.figure,
    rival: (other) => summaries.get(other) ?? null,
  };
  const ratiosTo = (others: readonly string[], read: (medians: Medians) => number | null): Record<string, number> => {
    const ours = read(summary);
    const ratios: Record<string, number> = {};
    for (const other of others) {
      const medians = summaries.get(other);
      const theirs = medians === undefined ? null : read(medians);
      if (ours !== null && theirs !== null) ratios[other] = ours / theirs;
    }
    return ratios;
  };
  const rivals: readonly string[] = rival === null ? otherRivals : [rival, ...otherRivals];
  return {
    name,
    unit,
    better,
    runs,
    main: summary.spread,
    more: summary.more,
    rival,
    ratio: rival === null ? null : (ratiosTo([rival], mainOf)[rival] ?? null),
    otherRatios: ratiosTo(otherRivals, mainOf),
    figureRatios: Object.fromEntries(
      compared.map((figure) => [figure, ratiosTo(rivals, (medians) => medians.figure(figure))]),
    ),
    goals: goals.map((goal) => judge(goal, view)),
  };
}

function summaryOf(runs: readonly RunResult[]): Summary {
  const names = new Set(runs.flatMap(({ more = {} }) => Object.keys(more)));
  const more: Record<string, FigureReport> = {};
  for (const name of names) {
    const figures = runs.map((run) => run.more?.[name]).filter((figure) => figure !== undefined);
    const [first] = figures;
    if (first !== undefined) more[name] = { unit: first.unit, ...spreadOf(figures.map(({ value }) => value)) };
  }
  const spread = spreadOf(runs.map(({ main }) => main));
  return { spread, more, main: spread.median, figure: (name) => more[name]?.median ?? null };
}
