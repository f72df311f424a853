/** The charts of the last ten minutes. BROWSER. */
import type { LiveHello, LiveMarker, LiveRow } from "../shared/live-snapshot.ts";
import { Chart, type ChartData, type ChartOptions } from "./chart.ts";
import { byId } from "./dom.ts";
import { duration, percent, short } from "./format.ts";

const MAX_ROWS = 600;
/** More lines than these nobody can follow. */
const MAX_ENGINES = 4;

interface Placed {
  readonly chart: Chart;
  /** Names of the columns of its lines. */
  readonly columns: readonly string[];
}

export class ChartsView {
  #columns: readonly string[] = [];
  #rows: LiveRow[] = [];
  #charts: readonly Placed[] = [];
  #usageColumns: string = "";

  hello({ columns, history }: LiveHello, markers: readonly LiveMarker[]): void {
    this.#columns = columns;
    this.#rows = [...history];
    const usage = columns.filter((name) => name.startsWith("usage ")).slice(0, MAX_ENGINES);
    if (this.#charts.length === 0 || usage.join() !== this.#usageColumns) {
      this.#usageColumns = usage.join();
      this.#charts = makeCharts(usage);
      byId("charts").replaceChildren(...this.#charts.map(({ chart }) => chart.root));
    }
    this.draw(markers);
  }

  add(row: LiveRow, markers: readonly LiveMarker[]): void {
    this.#rows.push(row);
    if (this.#rows.length > MAX_ROWS) this.#rows = this.#rows.slice(-MAX_ROWS);
    this.draw(markers);
  }

  draw(markers: readonly LiveMarker[]): void {
    for (const { chart, columns } of this.#charts) chart.show(this.#dataOf(columns), markers);
  }

  restyle(): void {
    for (const { chart } of this.#charts) chart.restyle();
  }

  #dataOf(columns: readonly string[]): ChartData {
    const places = columns.map((name) => this.#columns.indexOf(name));
    return [
      this.#rows.map((row) => row[0] ?? null),
      ...places.map((place) => this.#rows.map((row) => row[place] ?? null)),
    ];
  }
}

/** What a chart is made of; `columns` name its lines in the rows. */
interface Plan extends ChartOptions {
  readonly columns: readonly string[];
}

function makeCharts(usage: readonly string[]): readonly Placed[] {
  const engines = usage.map((name) => name.slice("usage ".length));
  const plans: readonly Plan[] = [
    { title: "Events a second", columns: ["in", "out"], lines: ["in", "out"], format: short },
    {
      title: "Event age",
      columns: ["ageP50", "ageP99", "latencyP99"],
      lines: ["p50", "p99", "in kvcast p99"],
      format: duration,
    },
    { title: "Ring in use", columns: ["ring"], lines: ["slots"], format: percent, max: 1 },
    { title: "KV cache in use", columns: usage, lines: engines, format: percent, max: 1 },
    { title: "Losses a second", columns: ["lost"], lines: ["lost"], format: short },
  ];
  return plans.map(({ columns, ...options }) => ({ columns, chart: new Chart(options) }));
}
