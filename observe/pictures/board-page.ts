/** A whole board as a page of HTML: the same rows, panels and words as in Grafana, drawn from Prometheus' own answers. */
import { type Board, type Panel, withHeights } from "../boards/board-model.ts";
import { chartSvg, escaped, type Line } from "./chart.ts";

/** How the lines of a panel's query over time are had. */
export type AskRange = (expr: string) => Promise<readonly Pick<Line, "labels" | "values">[]>;

export interface PageOptions {
  readonly ask: AskRange;
  /** What is shown in all. */
  readonly minutes: number;
}

export const PAGE_WIDTH = 1240;
const GAP = 6;
const TITLE_HEIGHT = 20;
/** Of a unit of Grafana's grid. */
const UNIT_PX = 24;

const STYLE = `
  body { margin: 0; padding: 10px; width: ${PAGE_WIDTH}px; font: 12px "DejaVu Sans", Arial, sans-serif; background: #f4f5f5; color: #333; }
  h1 { font-size: 17px; margin: 2px 4px 2px; } p { margin: 0 4px 6px; color: #666; }
  h2 { font-size: 13px; margin: 10px 4px 4px; }
  .row { display: flex; flex-wrap: wrap; gap: ${GAP}px; }
  .panel { background: #fff; border: 1px solid #e2e2e2; box-sizing: border-box; overflow: hidden; }
  .panel b { display: block; height: ${TITLE_HEIGHT}px; line-height: ${TITLE_HEIGHT}px; padding: 0 6px; font-size: 11px; white-space: nowrap; }
  svg { display: block; font-family: inherit; }
`;

export async function boardPage(board: Board, options: PageOptions): Promise<string> {
  const rows = await Promise.all(
    board.rows.map(async (row) => {
      const drawn = await Promise.all(withHeights(row).map(({ panel, height }) => panelHtml(panel, height, options)));
      return `<h2>${escaped(row.title)}</h2><div class="row">${drawn.join("")}</div>`;
    }),
  );
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(board.title)}</title><style>${STYLE}</style>` +
    `<body><h1>${escaped(board.title)}</h1><p>${escaped(board.says)}</p>${rows.join("")}</body></html>`
  );
}

async function panelHtml(panel: Panel, units: number, { ask, minutes }: PageOptions): Promise<string> {
  const lines = await Promise.all(
    panel.queries.map(async ({ expr, legend }) => {
      const found = await ask(expr);
      return found.map((line) => ({ ...line, name: legend === "" ? panel.title : named(legend, line.labels) }));
    }),
  );
  const perRow = 24 / panel.width;
  const width = Math.floor((PAGE_WIDTH - GAP * (perRow - 1)) / perRow) - 1;
  const height = units * UNIT_PX;
  const svg = chartSvg(panel, lines.flat(), { width: width - 2, height: height - TITLE_HEIGHT - 2 }, minutes);
  return `<div class="panel" style="width:${width}px;height:${height}px"><b>${escaped(panel.title)}</b>${svg}</div>`;
}

function named(legend: string, labels: Readonly<Record<string, string>>): string {
  return legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? "").trim();
}
