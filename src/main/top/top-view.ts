/**
 * The state of a service as lines of text: what the live page shows, for a terminal. MAIN THREAD; pure. Every state is a word,
 * so that it can be read without colours.
 */
import {
  HISTORY_COLUMNS,
  type LiveCheck,
  type LiveEngine,
  type LiveEvent,
  type LiveHello,
  type LiveMarker,
  type LiveRow,
  type LiveSnapshot,
  type LiveStage,
  STAGE_WORDS,
  type StageState,
} from "../../shared/live-snapshot.ts";
import { bar, clock, count, duration, plain, rate, share, span, spark } from "./figures.ts";
import { type Line, piece, type Style } from "./lines.ts";

export interface TopState {
  /** Of the service. */
  readonly address: string;
  readonly service: LiveHello["service"] | null;
  readonly snapshot: LiveSnapshot | null;
  /** One a second, the oldest first. */
  readonly history: readonly LiveRow[];
  /** The newest last. */
  readonly markers: readonly LiveMarker[];
  readonly tail: readonly LiveEvent[];
  readonly paused: boolean;
  /** Why nothing comes, a sentence; null while it does. */
  readonly away: string | null;
}

const WORDS: Readonly<Record<StageState, { readonly text: string; readonly style: Style }>> = {
  ok: { text: "ok", style: "green" },
  idle: { text: "idle", style: "dim" },
  warn: { text: "WARN", style: "yellow" },
  bad: { text: "BAD", style: "red" },
};
const MAX_RANK_LINES = 8;
const MAX_MARKERS = 4;
const BAR_COLUMNS = 20;
const SPARK_LABEL_COLUMNS = 14;
const CHARTS: readonly (readonly [string, (typeof HISTORY_COLUMNS)[number], (value: number | null) => string])[] = [
  ["events/s in", "in", rate],
  ["events/s out", "out", rate],
  ["age p99", "ageP99", duration],
  ["lost", "lost", rate],
];

/** At most `rows` lines, for a terminal that is so wide; the tail gets what room is left. */
export function topLines(state: TopState, columns: number, rows: number): readonly Line[] {
  const { snapshot } = state;
  const lines: Line[] = [headLine(state)];
  if (state.away !== null) lines.push([piece(`! ${plain(state.away)}`, "red")]);
  if (snapshot === null) return lines.slice(0, rows);
  lines.push([], ...stageLines(snapshot.stages), ...chartLines(state.history, columns));
  lines.push([], ...snapshot.engines.flatMap(engineLines), [], ...checkLines(snapshot.checks));
  const markers = state.markers.slice(-MAX_MARKERS);
  if (markers.length > 0) lines.push([], ...markers.map(markerLine));
  const room = rows - lines.length - 2;
  if (room > 0 && state.tail.length > 0) lines.push([], ...state.tail.slice(-room).map(eventLine));
  return lines.slice(0, rows);
}

function headLine({ address, service, snapshot, paused, away }: TopState): Line {
  const line = [piece(`kvcast ${plain(service?.version ?? "")}`.trimEnd(), "bold"), piece(`  ${plain(address)}  `)];
  if (snapshot !== null) {
    line.push(snapshot.ready ? piece("ready", "green") : piece("NOT READY", "red"));
    const sequence = snapshot.sequence === null ? "no message yet" : `message #${snapshot.sequence}`;
    line.push(piece(`  up ${span(snapshot.uptimeSeconds)}  ${sequence}  p99 ${duration(snapshot.latencyP99)}`));
    if (snapshot.unaccounted !== 0) line.push(piece(`  ${snapshot.unaccounted} UNACCOUNTED`, "red"));
  }
  if (paused) line.push(piece("  PAUSED", "yellow"));
  if (away !== null) line.push(piece("  AWAY", "red"));
  return line;
}

function stageLines(stages: readonly LiveStage[]): Line[] {
  const head = `${"stage".padEnd(12)}${"state".padEnd(6)}${"rate/s".padStart(9)}${"total".padStart(10)}${"p99".padStart(10)}${"fill".padStart(7)}${"lost".padStart(9)}`;
  return [[piece(head, "dim")], ...stages.map(stageLine)];
}

function stageLine({ id, state, reason, rate: perSecond, total, p99, fill, lost, lostLately }: LiveStage): Line {
  const { text, style } = WORDS[state];
  return [
    piece(STAGE_WORDS[id].title.padEnd(12)),
    piece(text.padEnd(6), style),
    piece(rate(perSecond).padStart(9) + count(total).padStart(10)),
    piece(duration(p99).padStart(10) + share(fill).padStart(7)),
    piece(count(lost).padStart(9), lostLately > 0 ? "red" : "plain"),
    piece(reason === null ? "" : `  ${plain(reason)}`, style),
  ];
}

function chartLines(history: readonly LiveRow[], columns: number): Line[] {
  const room = columns - SPARK_LABEL_COLUMNS - 10;
  if (history.length < 2 || room < 10) return [];
  const lines = CHARTS.map(([label, column, text]): Line => {
    const at = HISTORY_COLUMNS.indexOf(column);
    const values = history.map((row) => row[at] ?? null);
    const drawn = spark(values, Math.min(room, 120));
    return [piece(label.padEnd(SPARK_LABEL_COLUMNS), "dim"), piece(drawn), piece(` ${text(values.at(-1) ?? null)}`)];
  });
  return [[], ...lines];
}

function engineLines(engine: LiveEngine): Line[] {
  const { name, kind, up, rate: perSecond, received, lost, ageP99, storedRate, removedRate, ranks } = engine;
  const line: Line = [
    piece(`${plain(name)} (${kind}) `, "bold"),
    up ? piece("up", "green") : piece("DOWN", "red"),
    piece(`  ${rate(perSecond)}/s  ${count(received)} events  age p99 ${duration(ageP99)}`),
    piece(`  blocks +${rate(storedRate)} -${rate(removedRate)}/s`),
    piece(lost > 0 ? `  ${count(lost)} lost` : "", "red"),
    piece(engine.restarts > 0 ? `  ${engine.restarts} restarts` : "", "yellow"),
  ];
  const cached = ranks.filter(
    ({ used, blocks, dirty, missing }) => (used !== null && blocks !== null) || dirty || missing > 0,
  );
  const hidden = Math.max(0, cached.length - MAX_RANK_LINES) + engine.ranksLeftOut;
  return [
    line,
    ...cached.slice(0, MAX_RANK_LINES).map(({ rank, used, blocks, missing, dirty }): Line => {
      const usage = used === null || blocks === null || blocks === 0 ? null : used / blocks;
      return [
        piece(`  rank ${String(rank).padEnd(4)} `),
        piece(
          usage === null ? "" : `${bar(usage, BAR_COLUMNS)} ${share(usage).padStart(5)}  ${used} of ${blocks} blocks`,
        ),
        piece(missing > 0 ? `  ${count(missing)} ids missing` : "", "yellow"),
        piece(dirty ? "  DIRTY" : "", "red"),
      ];
    }),
    ...(hidden > 0 ? [[piece(`  and ${hidden} more ranks`, "dim")]] : []),
  ];
}

function checkLines(checks: readonly LiveCheck[]): Line[] {
  const failing = checks.filter(({ ok }) => ok === false);
  const well = checks.filter(({ ok }) => ok === true).length;
  const unknown = checks.length - failing.length - well;
  const text = `checks: ${well} of ${checks.length} are well${unknown === 0 ? "" : `, ${unknown} not known`}`;
  return [
    [piece(text, failing.length === 0 ? "green" : "red")],
    ...failing.flatMap(({ name, severity, reason, fix }): Line[] => [
      [piece(`! ${plain(name)}: ${plain(reason)}`, severity === "critical" ? "red" : "yellow")],
      ...(fix === "" ? [] : [[piece(`  → ${plain(fix)}`)]]),
    ]),
  ];
}

function markerLine({ at, kind, text }: LiveMarker): Line {
  const style: Style = kind === "recovered" ? "green" : kind === "restart" ? "yellow" : "red";
  return [piece(`${clock(at)} `, "dim"), piece(`${kind}: ${plain(text)}`, style)];
}

function eventLine({ at, type, sequence, engine, rank, blocks, tier, hash }: LiveEvent): Line {
  const number = sequence === null ? "#…" : `#${sequence}`;
  return [
    piece(`${clock(at)} ${number.padEnd(10)} `, "dim"),
    piece(`${type.padEnd(8)} ${plain(engine)} rank ${rank}  ${blocks} blocks ${plain(tier)} ${plain(hash)}`),
  ];
}
