/** One panel as SVG: lines, bands or cells over time, large values. Small, and of nothing but the board's own definition. */
import type { Panel } from "../boards/board-model.ts";
import { formatValue } from "./format.ts";

/** One line: a value for each step, null where there is none. */
export interface Line {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | null)[];
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const COLOURS = [
  "#3274d9",
  "#e0752d",
  "#1f9d55",
  "#b83bb8",
  "#c4162a",
  "#8a6d00",
  "#00838f",
  "#6d4c9f",
  "#7a7a7a",
  "#d4699b",
];
const GOOD = "#5aa469";
const BAD = "#d64545";
const NEUTRAL = "#4c8bd6";
const TEXT = "#333";
const FAINT = "#d9d9d9";
const LEFT = 62;
const BOTTOM = 16;
const TICKS = 4;
const LEGEND_LINE = 13;
const LEGEND_COLUMNS = 2;
const MAX_LEGENDS = 6;
const MAX_STATS = 6;

export function chartSvg(panel: Panel, lines: readonly Line[], size: Size, minutes: number): string {
  const body = lines.length === 0 ? words(panel.absent, size) : draw(panel, lines, size, minutes);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${body}</svg>`;
}

function draw(panel: Panel, lines: readonly Line[], size: Size, minutes: number): string {
  switch (panel.kind) {
    case "series":
      return seriesSvg(panel, lines, size, minutes);
    case "stat":
      return statSvg(panel, lines, size);
    case "state":
      return stateSvg(panel, lines, size, minutes);
    case "heatmap":
      return heatmapSvg(lines, size, minutes);
  }
}

function seriesSvg(panel: Panel, all: readonly Line[], size: Size, minutes: number): string {
  // Those that say most are named; all are drawn.
  const lines = [...all].toSorted((a, b) => (last(b) ?? -1) - (last(a) ?? -1));
  const isAll = lines.length <= MAX_LEGENDS;
  // The last place says how many have none.
  const named = isAll ? lines : lines.slice(0, MAX_LEGENDS - 1);
  const legendHeight = Math.ceil((named.length + (isAll ? 0 : 1)) / LEGEND_COLUMNS) * LEGEND_LINE;
  const plot = { width: size.width - LEFT - 8, height: size.height - BOTTOM - legendHeight - 12 };
  const drawn = panel.stacked === true ? stacked(lines) : lines;
  const finite = drawn.flatMap(({ values }) => values.filter((value) => value !== null));
  if (finite.length === 0) return words(panel.idle, size);
  const top = panel.max ?? niceTop(Math.max(...finite));
  const y = (value: number): number => 6 + plot.height * (1 - Math.min(Math.max(value, 0), top) / top);
  const grid = Array.from({ length: TICKS + 1 }, (_, i) => {
    const value = (top * i) / TICKS;
    const at = y(value).toFixed(1);
    return (
      `<line x1="${LEFT}" x2="${LEFT + plot.width}" y1="${at}" y2="${at}" stroke="${FAINT}" stroke-width="0.6"/>` +
      text(LEFT - 5, Number(at) + 3, formatValue(value, panel.unit), { anchor: "end", size: 9 })
    );
  }).join("");
  const paths = drawn
    .map(({ values }) => path(values, y, plot.width))
    .map((d, i) => `<path d="${d}" fill="none" stroke="${colour(i)}" stroke-width="1.2"/>`)
    .join("");
  const limits = [panel.yellow, panel.red]
    .filter((limit) => limit !== undefined && limit <= top)
    .map((limit) => {
      const at = y(limit ?? 0).toFixed(1);
      return `<line x1="${LEFT}" x2="${LEFT + plot.width}" y1="${at}" y2="${at}" stroke="${BAD}" stroke-dasharray="3 3" stroke-width="0.7"/>`;
    });
  const legendTop = 6 + plot.height + BOTTOM + 8;
  const column = (size.width - 16) / LEGEND_COLUMNS;
  const place = (i: number): [x: number, y: number] => [
    8 + (i % LEGEND_COLUMNS) * column,
    legendTop + Math.floor(i / LEGEND_COLUMNS) * LEGEND_LINE,
  ];
  const legend = named.map((line, i) => {
    const [x, at] = place(i);
    const value = last(line);
    const shown = value === null ? panel.idle : formatValue(value, panel.unit);
    return (
      `<rect x="${x}" y="${at}" width="8" height="3" fill="${colour(i)}"/>` +
      text(x + 12, at + 5, `${shortened(line.name, column - 72)}  ${shown}`, { size: 9.5 })
    );
  });
  if (!isAll) {
    const [x, at] = place(named.length);
    legend.push(text(x + 12, at + 5, `and ${lines.length - named.length} more`, { size: 9.5 }));
  }
  return grid + paths + limits.join("") + timeAxis(LEFT, plot.width, 6 + plot.height + 11, minutes) + legend.join("");
}

function statSvg(panel: Panel, lines: readonly Line[], size: Size): string {
  const shown = lines.slice(0, MAX_STATS);
  // A metric of words has its labels for a value.
  const isWords = panel.unit === "none";
  const step = (size.height - 6) / shown.length;
  const large = Math.min(shown.length === 1 && !isWords ? 26 : 15, step * 0.8);
  return shown
    .map((line, i) => {
      const value = last(line);
      const y = 3 + step * (i + 0.5) + large * 0.35;
      const name = shortened(line.name, size.width - (isWords ? 20 : 90), large > 20 ? 9.5 : 11);
      if (isWords) return text(8, y, name, { size: 11 });
      const shownValue = value === null ? panel.idle : formatValue(value, panel.unit);
      const number = text(size.width - 10, y, shownValue, {
        anchor: "end",
        size: large,
        fill: statColour(panel, value),
      });
      return lines.length === 1 && line.name === panel.title ? number : text(8, y, name, { size: 11 }) + number;
    })
    .join("");
}

function statColour({ yellow, red }: Panel, value: number | null): string {
  if (value === null) return TEXT;
  if (red !== undefined && value >= red) return BAD;
  if (yellow !== undefined && value >= yellow) return "#b58900";
  return red === undefined ? TEXT : GOOD;
}

function stateSvg(panel: Panel, lines: readonly Line[], size: Size, minutes: number): string {
  const labels = 170;
  const width = size.width - labels - 8;
  const step = Math.min(22, (size.height - BOTTOM - 4) / lines.length);
  const bands = lines.map((line, i) => {
    const y = 4 + i * step;
    const cell = width / line.values.length;
    const cells = line.values.map((value, at) => {
      if (value === null) return "";
      const fill = panel.neutral === true ? NEUTRAL : value === 0 ? BAD : GOOD;
      return `<rect x="${(labels + at * cell).toFixed(1)}" y="${y.toFixed(1)}" width="${(cell + 0.3).toFixed(1)}" height="${(step * 0.75).toFixed(1)}" fill="${fill}"/>`;
    });
    const name = text(6, y + step * 0.55, shortened(line.name, labels - 10), { size: Math.min(10, step * 0.7) });
    return name + cells.join("");
  });
  return bands.join("") + timeAxis(labels, width, 4 + lines.length * step + 10, minutes);
}

/** Each line is a bucket that holds all below it too. */
function heatmapSvg(all: readonly Line[], size: Size, minutes: number): string {
  const bound = (line: Line): number => Number(line.labels["le"]?.replace("+Inf", "Infinity"));
  const lines = [...all].toSorted((a, b) => bound(a) - bound(b));
  const own = lines.map(({ values }, i) =>
    values.map((value, at) => Math.max(0, (value ?? 0) - (lines[i - 1]?.values[at] ?? 0))),
  );
  const most = Math.max(1e-9, ...own.flat());
  const width = size.width - LEFT - 8;
  const step = (size.height - BOTTOM - 8) / lines.length;
  const rows = own.map((values, i) => {
    const y = 4 + (lines.length - 1 - i) * step;
    const cell = width / values.length;
    const cells = values.map((value, at) => {
      if (value === 0) return "";
      const opacity = (0.12 + 0.88 * Math.sqrt(value / most)).toFixed(2);
      return `<rect x="${(LEFT + at * cell).toFixed(1)}" y="${y.toFixed(1)}" width="${(cell + 0.3).toFixed(1)}" height="${(step - 0.5).toFixed(1)}" fill="${COLOURS[0]}" opacity="${opacity}"/>`;
    });
    const label = text(
      LEFT - 5,
      y + step * 0.7,
      formatValue(bound(lines[i] ?? { name: "", labels: {}, values: [] }), "s"),
      { anchor: "end", size: 9 },
    );
    return label + cells.join("");
  });
  return rows.join("") + timeAxis(LEFT, width, size.height - 3, minutes);
}

/** Each line stands on those before it. */
function stacked(lines: readonly Line[]): Line[] {
  const sums: number[] = [];
  return lines.map((line) => ({
    ...line,
    values: line.values.map((value, at) => (value === null ? null : (sums[at] = (sums[at] ?? 0) + value))),
  }));
}

/** Begins anew behind each hole. */
function path(values: readonly (number | null)[], y: (value: number) => number, width: number): string {
  let pen = "M";
  const parts: string[] = [];
  values.forEach((value, i) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const x = LEFT + (width * i) / Math.max(1, values.length - 1);
    parts.push(`${pen}${x.toFixed(1)} ${y(value).toFixed(1)}`);
    pen = "L";
  });
  return parts.join("");
}

function timeAxis(left: number, width: number, y: number, minutes: number): string {
  const span = minutes < 2 ? `${Math.round(minutes * 60)} s` : `${Math.round(minutes)} min`;
  return text(left, y, `${span} ago`, { size: 9 }) + text(left + width, y, "now", { anchor: "end", size: 9 });
}

function words(said: string, { width, height }: Size): string {
  return text(width / 2, height / 2, said, { anchor: "middle", size: 13, fill: "#888" });
}

interface TextStyle {
  readonly anchor?: "middle" | "end";
  readonly size: number;
  readonly fill?: string;
}

function text(x: number, y: number, said: string, { anchor, size, fill = TEXT }: TextStyle): string {
  const place = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size.toFixed(1)}" fill="${fill}"${place}>${escaped(said)}</text>`;
}

export function escaped(said: string): string {
  return said.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** As much as has room; letters are about half as wide as they are high. */
function shortened(said: string, width: number, size: number = 9.5): string {
  const most = Math.max(8, Math.floor(width / (size * 0.52)));
  return said.length > most ? `${said.slice(0, most - 1)}…` : said;
}

function last({ values }: Line): number | null {
  return values.findLast((value) => value !== null) ?? null;
}

function colour(i: number): string {
  return COLOURS[i % COLOURS.length] ?? TEXT;
}

/** The next 1, 2, 4 or 8 of its power of ten: four steps then end on round numbers. */
function niceTop(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return power * ([1, 2, 4, 8].find((step) => step * power >= most) ?? 10);
}
