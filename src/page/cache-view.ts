/** The cache of each engine, rank by rank: used, free, and how much changes. BROWSER. */
import type { LiveEngine, LiveRank } from "../shared/live-snapshot.ts";
import { byId, el, glyph, KeyedList, setAttribute, setText } from "./dom.ts";
import { duration, percent, perSecond, short, whole } from "./format.ts";

interface Cell {
  readonly root: HTMLLIElement;
  readonly bar: HTMLElement;
  readonly share: HTMLElement;
  readonly used: HTMLElement;
  readonly free: HTMLElement;
  readonly churn: HTMLElement;
  readonly note: HTMLElement;
}

interface EngineRow {
  readonly root: HTMLElement;
  readonly state: HTMLElement;
  readonly figures: HTMLElement;
  readonly cells: KeyedList<LiveRank, Cell>;
  readonly more: HTMLElement;
}

function makeCell({ rank }: LiveRank): Cell {
  const bar = el("div", { class: "level", "aria-hidden": "true" });
  const share = el("span", { class: "share" });
  const used = el("span", { class: "used" });
  const free = el("span", { class: "free" });
  const churn = el("span", { class: "churn" });
  const note = el("span", { class: "note" });
  const name = el("span", { class: "rank" }, `rank ${rank}`);
  return { root: el("li", {}, bar, name, share, used, free, churn, note), bar, share, used, free, churn, note };
}

function updateCell({ root, bar, share, used, free, churn, note }: Cell, rank: LiveRank): void {
  const { used: taken, blocks: all } = rank;
  const usage = taken === null || all === null || all === 0 ? null : taken / all;
  bar.style.setProperty("width", `${(usage ?? 0) * 100}%`);
  setAttribute(root, "data-known", String(usage !== null));
  setAttribute(root, "data-state", rank.dirty || rank.missing > 0 ? "bad" : "ok");
  setText(share, usage === null ? "not told" : percent(usage));
  setText(used, taken === null ? "" : `${short(taken)} used`);
  setText(free, taken === null || all === null ? "" : `${short(all - taken)} free`);
  setText(churn, `${short(rank.rate)} events/s`);
  setText(note, rank.missing > 0 ? `${whole(rank.missing)} ids missing` : rank.dirty ? "to be cleared" : "");
}

function makeEngine({ name, kind }: LiveEngine): EngineRow {
  const state = el("span", { class: "state" });
  const figures = el("p", { class: "quiet figures" });
  const list = el("ul", { class: "ranks", "aria-label": `ranks of ${name}` });
  const more = el("p", { class: "quiet" });
  const head = el(
    "h3",
    {},
    `${name} `,
    el("span", { class: "quiet" }, kind),
    el("span", { class: "sign" }, glyph(), state),
  );
  const root = el("article", { class: "engine", "data-engine": name }, head, figures, list, more);
  return { root, state, figures, more, cells: new KeyedList(list, ({ rank }) => String(rank), makeCell, updateCell) };
}

function updateEngine({ root, state, figures, cells, more }: EngineRow, engine: LiveEngine): void {
  setAttribute(root, "data-state", engine.up ? (engine.lost > 0 ? "warn" : "ok") : "bad");
  setText(state, engine.up ? "answers" : "does not answer");
  const parts = [
    `${perSecond(engine.storedRate)} blocks stored`,
    `${perSecond(engine.removedRate)} removed`,
    ...(engine.indexedBlocks === null ? [] : [`${whole(engine.indexedBlocks)} in the index`]),
    ...(engine.ageP99 === null ? [] : [`event age p50 ${duration(engine.ageP50)}, p99 ${duration(engine.ageP99)}`]),
    `${whole(engine.lost)} ids missing`,
    `${whole(engine.restarts)} restarts`,
    `${whole(engine.errors)} failed reads`,
  ];
  setText(figures, parts.join(" · "));
  cells.show(engine.ranks);
  setText(more, engine.ranksLeftOut > 0 ? `and ${engine.ranksLeftOut} more ranks, on /metrics` : "");
}

export class CacheView {
  readonly #engines: KeyedList<LiveEngine, EngineRow> = new KeyedList(
    byId("cache"),
    ({ name }) => name,
    makeEngine,
    updateEngine,
  );

  show(engines: readonly LiveEngine[]): void {
    this.#engines.show(engines);
  }
}
