/** The row of stages that events pass. BROWSER. */
import { type LiveStage, STAGE_WORDS, type StageState } from "../shared/live-snapshot.ts";
import { byId, el, glyph, KeyedList, setAttribute, setText } from "./dom.ts";
import { duration, percent, perSecond, whole } from "./format.ts";

const STATE_WORDS: Readonly<Record<StageState, string>> = {
  ok: "flowing",
  idle: "idle",
  warn: "look",
  bad: "trouble",
};

interface Card {
  readonly root: HTMLLIElement;
  readonly state: HTMLElement;
  readonly rate: HTMLElement;
  readonly total: HTMLElement;
  readonly p99: HTMLElement;
  readonly fill: HTMLElement;
  readonly meter: HTMLElement;
  readonly lost: HTMLElement;
  readonly reason: HTMLElement;
}

function makeCard({ id }: LiveStage): Card {
  const words = STAGE_WORDS[id];
  const state = el("p", { class: "state" });
  const rate = el("p", { class: "rate" });
  const total = el("dd", { "data-total": id });
  const p99 = el("dd");
  const fill = el("dd");
  const meter = el("div", { class: "meter", "aria-hidden": "true" }, el("div"));
  const lost = el("dd", { "data-lost": id });
  const reason = el("p", { class: "reason" });
  const rows = el("dl", {}, el("dt", {}, words.total), total);
  if (words.p99 !== null) rows.append(el("dt", {}, `p99 ${words.p99}`), p99);
  if (words.fill !== null) rows.append(el("dt", {}, words.fill), fill);
  rows.append(el("dt", {}, words.lost), lost);
  const root = el("li", { class: "stage", id: `stage-${id}` });
  root.append(
    el("h3", { class: "sign" }, glyph(), words.title),
    state,
    rate,
    ...(words.fill === null ? [] : [meter]),
    rows,
    reason,
  );
  return { root, state, rate, total, p99, fill, meter, lost, reason };
}

function updateCard(card: Card, stage: LiveStage): void {
  setAttribute(card.root, "data-state", stage.state);
  setAttribute(card.root, "data-flowing", String((stage.rate ?? 0) > 0));
  setText(card.state, STATE_WORDS[stage.state]);
  setText(card.rate, stage.rate === null ? "–" : perSecond(stage.rate));
  setText(card.total, whole(stage.total));
  setText(card.p99, duration(stage.p99));
  setText(card.fill, percent(stage.fill));
  const bar = card.meter.firstElementChild;
  if (bar instanceof HTMLElement) bar.style.setProperty("width", `${Math.min(1, stage.fill ?? 0) * 100}%`);
  setAttribute(card.meter, "data-full", String((stage.fill ?? 0) > 0.8));
  setText(card.lost, whole(stage.lost));
  setAttribute(card.lost, "data-any", String(stage.lost > 0));
  setText(card.reason, stage.reason ?? "");
}

/** Steps of the dashes between two stages. */
const PHASES = 3;

export class FlowView {
  #phase: number = 0;
  readonly #cards: KeyedList<LiveStage, Card> = new KeyedList(byId("stages"), ({ id }) => id, makeCard, updateCard);

  show(stages: readonly LiveStage[]): void {
    this.#cards.show(stages);
    this.#phase = (this.#phase + 1) % PHASES;
    setAttribute(byId("stages"), "data-phase", String(this.#phase));
    // Two sinks stand one above the other: events go to both.
    setAttribute(byId("stages"), "data-sinks", String(stages.filter(({ id }) => id === "zmq" || id === "nats").length));
  }
}
