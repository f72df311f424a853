/** Slow requests as a table for people. Pure. */
import { PHASES } from "../perf/perf-phases.ts";
import { PERCENTILE_FIELDS, type PerfReport, type RatesJson, type RequestJson } from "../perf/perf-report.ts";
import { ANSI } from "../tail/printer.ts";

const UNKNOWN = "-";
/** A cache that evicts so many times as fast as usual is worth a word. */
const UNUSUAL = 3;
const BAR_COLUMNS = 20;
const BAR_LETTERS = { queue: "q", transfer: "t", prefill: "p", decode: "d" } as const;

export interface PerfTextOptions {
  readonly colour: boolean;
}

/** The whole output, with a newline at its end. */
export function perfText(report: PerfReport, { colour }: PerfTextOptions): string {
  if (report.requests.length === 0) return "no requests match\n";
  const several = Object.keys(report.engines).length > 1;
  const lines = [
    ...table([
      ["", "count", "p50", "p90", "p99", "max"],
      ...PERCENTILE_FIELDS.flatMap((field) => {
        const of = report.percentiles[field];
        if (of === undefined) return [];
        return [[field, String(of.count), ...[of.p50, of.p90, of.p99, of.max].map(duration)]];
      }),
    ]),
    "",
    ...table([
      [
        ...(several ? ["engine"] : []),
        "request",
        "e2e",
        "queue",
        "transfer",
        "prefill",
        "decode",
        "itl",
        "where",
        "reuse",
        "evicted/s",
        "stored/s",
        "cache",
      ],
      ...report.requests.map((request) => requestRow(request, several)),
    ]),
  ];
  const notes = notesOf(report);
  const painted = notes.map((note) => (colour ? `${ANSI.red}${note}${ANSI.reset}` : note));
  const legend = `where: ${PHASES.map((phase) => `${BAR_LETTERS[phase]} ${phase}`).join(", ")}; evicted and stored: cache blocks of the whole engine meanwhile`;
  return `${[...lines, "", legend, ...painted].join("\n")}\n`;
}

/** What there is to know of engines that give no data, or not all, a sentence each. */
export function stateLines(report: PerfReport): string[] {
  return Object.entries(report.engines).flatMap(([engine, { state, hint, clock_error_s }]) => {
    if (hint !== null) return [`engine ${engine}: ${state}: ${hint}`];
    const noClock = "its clock is not known, so what the cache did beside its requests is not either";
    return clock_error_s === null ? [`engine ${engine}: ${noClock}`] : [];
  });
}

function requestRow(request: RequestJson, several: boolean): string[] {
  const { seconds, blocks, cache } = request;
  return [
    ...(several ? [request.engine] : []),
    `${request.request_id}${request.part === "context" ? " (prefill)" : ""}`,
    duration(seconds.e2e),
    duration(seconds.queue),
    duration(seconds.transfer),
    duration(seconds.prefill),
    duration(seconds.decode),
    duration(seconds.itl),
    bar(request),
    blocks === null || blocks.reuse === null
      ? UNKNOWN
      : `${Math.round(blocks.reuse * 100)}% of ${blocks.reused + blocks.missed}`,
    rate(cache?.removed_blocks_per_s),
    rate(cache?.stored_blocks_per_s),
    cache === null || cache.usage === null ? UNKNOWN : `${Math.round(cache.usage * 100)}%`,
  ];
}

/** The request's time as a line of letters, in the order in which it went. */
function bar({ seconds }: RequestJson): string {
  const known = PHASES.map((phase) => seconds[phase] ?? 0);
  const whole = known.reduce((sum, part) => sum + part, 0);
  if (whole === 0) return UNKNOWN;
  let text = "";
  let passed = 0;
  for (const [i, phase] of PHASES.entries()) {
    passed += known[i] ?? 0;
    text = text.padEnd(Math.round((passed / whole) * BAR_COLUMNS), BAR_LETTERS[phase]);
  }
  return text;
}

/** What was unusual while a request ran, and is worth a look. */
function notesOf(report: PerfReport): string[] {
  return report.requests.flatMap((request) => {
    const usual = report.engines[request.engine]?.cache ?? null;
    const said = unusual(request.cache, usual);
    return said.length === 0 ? [] : [`request ${request.request_id}: ${said.join("; ")}`];
  });
}

function unusual(cache: RatesJson | null, usual: RatesJson | null): string[] {
  if (cache === null) return [];
  const notes: string[] = [];
  const evicted = cache.removed_blocks_per_s;
  if (usual !== null && usual.removed_blocks_per_s > 0 && evicted >= UNUSUAL * usual.removed_blocks_per_s) {
    notes.push(`the cache evicted ${(evicted / usual.removed_blocks_per_s).toFixed(1)} times as fast as usual`);
  }
  if (cache.missing_ids > 0) notes.push(`${cache.missing_ids} events were lost meanwhile, so the figures are too low`);
  return notes;
}

/** Columns as wide as their widest cell; the first to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

function duration(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  if (seconds >= 100) return `${Math.round(seconds)} s`;
  if (seconds >= 1) return `${seconds.toFixed(seconds >= 10 ? 1 : 2)} s`;
  const ms = seconds * 1000;
  return `${ms.toFixed(ms >= 100 ? 0 : 1)} ms`;
}

function rate(perSecond: number | undefined): string {
  if (perSecond === undefined) return UNKNOWN;
  return perSecond >= 10 ? String(Math.round(perSecond)) : perSecond.toFixed(1);
}
