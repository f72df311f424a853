/**
 * Boards as data: what Grafana's JSON, the pictures and the checks of queries are all made of.
 *
 * In a query `$t` stands for the matchers of the chosen targets, `$e` for these and the chosen engines, and `$m` for the engines'
 * own metrics, which name their engine only where there are several.
 */
import type { BoardName } from "../../src/main/observe/board-names.ts";

/** Units as Grafana calls them. */
export type Unit = "short" | "eps" | "cps" | "reqps" | "Bps" | "bytes" | "s" | "percentunit" | "none" | "bool_yes_no";

export interface Query {
  readonly expr: string;
  /** With labels in `{{ }}`; empty: the name of the panel. */
  readonly legend: string;
}

/**
 * `series`: lines over time. `stat`: the last value of each, large. `state`: a band over time for each, 1 good and 0 bad unless
 * `neutral`. `heatmap`: the buckets of one histogram over time.
 */
export type PanelKind = "series" | "stat" | "state" | "heatmap";

export interface Panel {
  readonly title: string;
  readonly kind: PanelKind;
  readonly unit: Unit;
  /** What it shows, what is normal, what to do. The names of its metrics are put behind it. */
  readonly says: string;
  readonly queries: readonly Query[];
  /** Twenty-fourths of the width. */
  readonly width: number;
  /** Instead of a value that does not exist, such as a quantile of nothing. */
  readonly idle: string;
  /** Instead of series that do not exist. */
  readonly absent: string;
  /** From this value on it is yellow, red. */
  readonly yellow?: number;
  readonly red?: number;
  /** A state without good and bad. */
  readonly neutral?: boolean;
  readonly stacked?: boolean;
  /** Top of the axis; 1 for shares. */
  readonly max?: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Board {
  readonly name: BoardName;
  readonly title: string;
  readonly says: string;
  readonly rows: readonly Row[];
}

type Extras = Partial<Omit<Panel, "title" | "kind" | "says" | "queries" | "unit">>;
/** Expression and legend, any number of times. */
type Pairs = readonly (readonly [expr: string, legend: string])[];

function panel(
  kind: PanelKind,
  defaults: Extras & { readonly width: number },
): (title: string, unit: Unit, says: string, queries: Pairs, extras?: Extras) => Panel {
  return (title, unit, says, queries, extras = {}) => ({
    title,
    kind,
    unit,
    says,
    queries: queries.map(([expr, legend]) => ({ expr, legend })),
    idle: "No traffic",
    absent: "Not enabled",
    ...defaults,
    ...extras,
  });
}

type PanelMaker = ReturnType<typeof panel>;

export const series: PanelMaker = panel("series", { width: 8 });
export const stat: PanelMaker = panel("stat", { width: 4 });
export const state: PanelMaker = panel("state", { width: 12 });
export const heatmap: PanelMaker = panel("heatmap", { width: 12 });

const HEIGHT: Readonly<Record<PanelKind, number>> = { series: 8, heatmap: 8, stat: 4, state: 6 };

/** Panels with their heights in Grafana's grid units: those that stand side by side are as high as the highest. */
export function withHeights({ panels }: Row): readonly { readonly panel: Panel; readonly height: number }[] {
  const lines: Panel[][] = [];
  let room = 0;
  for (const next of panels) {
    if (next.width > room) {
      lines.push([]);
      room = 24;
    }
    lines.at(-1)?.push(next);
    room -= next.width;
  }
  return lines.flatMap((line) => {
    const height = Math.max(...line.map(({ kind }) => HEIGHT[kind]));
    return line.map((each) => ({ panel: each, height }));
  });
}

/** The rate of a counter, summed by labels. */
export function rateBy(
  metric: string,
  selector: "$t" | "$e" | "$m",
  labels: string = "",
  matchers: string = "",
): string {
  const by = labels === "" ? "" : ` by (${labels})`;
  return `sum${by} (rate(${metric}{${selector}${matchers}}[$__rate_interval]))`;
}

/** A quantile of a histogram. */
export function quantile(q: number, metric: string, selector: "$t" | "$e" | "$m", labels: string = ""): string {
  const by = ["le", ...(labels === "" ? [] : [labels])].join(", ");
  return `histogram_quantile(${q}, sum by (${by}) (rate(${metric}_bucket{${selector}}[$__rate_interval])))`;
}

/** Median and 99th percentile, as two lines each. */
export function quantiles(metric: string, selector: "$t" | "$e" | "$m", labels: string = ""): Pairs {
  const name = labels === "" ? "" : `{{${labels}}} `;
  return [
    [quantile(0.5, metric, selector, labels), `${name}p50`],
    [quantile(0.99, metric, selector, labels), `${name}p99`],
  ];
}

export const TARGET_MATCHERS = 'job=~"$job",instance=~"$instance"';

/** A query as Grafana takes it. */
export function grafanaExpr(expr: string): string {
  // Not $__rate_interval, not $job: the letter must end there.
  return expr
    .replaceAll(/\$t\b/g, () => TARGET_MATCHERS)
    .replaceAll(/\$e\b/g, () => `${TARGET_MATCHERS},engine=~"$engine"`)
    .replaceAll(/\$m\b/g, () => `${TARGET_MATCHERS},engine=~"$engine|"`);
}
