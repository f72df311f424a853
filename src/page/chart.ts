/** One small chart: lines over the last ten minutes, and what happened as marks on them. BROWSER; the one user of uPlot. */
import uPlot from "uplot";
import type { LiveMarker } from "../shared/live-snapshot.ts";
import { el, setAttribute, setText } from "./dom.ts";
import { clock } from "./format.ts";
import { MARKER_SIGNS } from "./markers-view.ts";

const HEIGHT_PX = 132;
const SPAN_SECONDS = 600;
/** Also of a service that has only just begun. */
const MIN_SPAN_SECONDS = 60;
/** Lines are told apart by their dashes too. */
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
/** The cursors of all charts move together. */
const SYNC = uPlot.sync("kvcast");

export interface ChartOptions {
  readonly title: string;
  readonly lines: readonly string[];
  readonly format: (value: number) => string;
  /** Top of the scale; absent: the highest value. */
  readonly max?: number;
}

/** Unix seconds first, then one list for each line. */
export type ChartData = readonly (readonly (number | null)[])[];

export class Chart {
  readonly root: HTMLElement;
  readonly #options: ChartOptions;
  readonly #plotBox: HTMLElement = el("div", { class: "plot", role: "img" });
  readonly #values: readonly HTMLElement[];
  readonly #when: HTMLElement = el("span", { class: "when" });
  #plot: uPlot | null = null;
  #data: ChartData = [[]];
  #markers: readonly LiveMarker[] = [];

  constructor(options: ChartOptions) {
    this.#options = options;
    this.#values = options.lines.map(() => el("span", { class: "value" }));
    const legend = options.lines.map((name, i) => {
      const value = this.#values[i] ?? "";
      return el(
        "li",
        { "data-line": String(i) },
        el("span", { class: "dash", "aria-hidden": "true" }),
        `${name} `,
        value,
      );
    });
    const head = el("figcaption", {}, el("h3", {}, options.title, this.#when), el("ul", {}, ...legend));
    this.root = el("figure", { class: "chart" }, head, this.#plotBox);
    new ResizeObserver(() => this.#resize()).observe(this.#plotBox);
  }

  show(data: ChartData, markers: readonly LiveMarker[]): void {
    this.#data = data;
    this.#markers = markers;
    this.#plot ??= this.#make();
    this.#plot.setData(this.#aligned());
    this.#legend(null);
  }

  /** With the colours as they are now. */
  restyle(): void {
    this.#plot?.destroy();
    this.#plot = null;
    if ((this.#data[0]?.length ?? 0) > 0) this.show(this.#data, this.#markers);
  }

  #aligned(): uPlot.AlignedData {
    const [times = [], ...lines] = this.#data;
    return [times.map((at) => at ?? 0), ...lines.map((line) => [...line])];
  }

  #resize(): void {
    const width = this.#plotBox.clientWidth;
    if (width > 0 && this.#plot !== null && this.#plot.width !== width)
      this.#plot.setSize({ width, height: HEIGHT_PX });
  }

  /** The newest values, or those under the cursor. */
  #legend(index: number | null): void {
    const at = this.#data[0]?.[index ?? -1] ?? null;
    setText(this.#when, index === null || at === null ? "" : clock(at));
    const words: string[] = [];
    for (const [i, value] of this.#values.entries()) {
      const line = this.#data[i + 1] ?? [];
      const found = index === null ? line.at(-1) : line[index];
      const text = found === null || found === undefined ? "–" : this.#options.format(found);
      setText(value, text);
      words.push(`${this.#options.lines[i]} ${text}`);
    }
    if (index === null) setAttribute(this.#plotBox, "aria-label", `${this.#options.title}, now: ${words.join(", ")}`);
  }

  #make(): uPlot {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const { lines, format, max } = this.#options;
    const grid = { stroke: colour("--grid"), width: 1 };
    const axis = { stroke: colour("--quiet"), font: "11px system-ui, sans-serif", grid, ticks: { show: false } };
    const options: uPlot.Options = {
      width: Math.max(120, this.#plotBox.clientWidth),
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false }, points: { size: 5 }, sync: { key: SYNC.key } },
      scales: {
        x: {
          time: true,
          range: (_plot, start, end) => [Math.max(end - SPAN_SECONDS, Math.min(start, end - MIN_SPAN_SECONDS)), end],
        },
        y: { range: (_plot, _min, end) => [0, max ?? (end > 0 ? end * 1.12 : 1)] },
      },
      axes: [
        { ...axis, size: 22, space: 76, values: (_plot, times) => times.map(clock) },
        { ...axis, size: 52, space: 34, values: (_plot, values) => values.map(format) },
      ],
      series: [
        {},
        ...lines.map((_, i) => ({
          stroke: colour(`--line-${i % DASHES.length}`),
          width: 1.6,
          dash: [...(DASHES[i % DASHES.length] ?? [])],
          ...(i === 0 && lines.length === 1 ? { fill: colour("--area") } : {}),
          points: { show: false },
        })),
      ],
      hooks: {
        draw: [(plot) => this.#drawMarkers(plot, colour)],
        setCursor: [(plot) => this.#legend(plot.cursor.idx ?? null)],
      },
    };
    return new uPlot(options, this.#aligned(), this.#plotBox);
  }

  #drawMarkers(plot: uPlot, colour: (name: string) => string): void {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `600 ${9 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.lineWidth = ratio;
    // Marks that would lie on each other say less than one.
    let lastX = -Infinity;
    for (const { at, kind } of this.#markers) {
      const x = plot.valToPos(at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width || x - lastX < 8 * ratio) continue;
      ctx.strokeStyle = ctx.fillStyle = colour(kind === "recovered" ? "--ok" : kind === "restart" ? "--warn" : "--bad");
      ctx.setLineDash([2 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top + 10 * ratio);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(MARKER_SIGNS[kind].letter, x, bbox.top + 8 * ratio);
      lastX = x;
    }
    ctx.restore();
  }
}
