/** What happened, newest first. BROWSER. */
import type { LiveMarker, MarkerKind } from "../shared/live-snapshot.ts";
import { byId, el, KeyedList } from "./dom.ts";
import { clock } from "./format.ts";

const MAX_SHOWN = 40;

/** A letter for the chart, a word for the list. */
export const MARKER_SIGNS: Readonly<Record<MarkerKind, { readonly letter: string; readonly word: string }>> = {
  gap: { letter: "G", word: "gap" },
  restart: { letter: "R", word: "restart" },
  loss: { letter: "L", word: "loss" },
  alert: { letter: "A", word: "alert" },
  recovered: { letter: "✓", word: "recovered" },
  thread: { letter: "T", word: "thread" },
};

export class MarkersView {
  #known: LiveMarker[] = [];
  readonly #rows: KeyedList<LiveMarker, { readonly root: HTMLLIElement }>;
  readonly #empty: HTMLLIElement = el("li", { class: "quiet" }, "nothing in the last ten minutes");

  constructor() {
    const list = byId("markers");
    list.append(this.#empty);
    this.#rows = new KeyedList(
      list,
      ({ id, at }) => `${id} ${at}`,
      makeRow,
      () => {},
    );
  }

  get known(): readonly LiveMarker[] {
    return this.#known;
  }

  /** All there are. */
  reset(markers: readonly LiveMarker[]): void {
    this.#known = [...markers];
    this.#render();
  }

  /** Those of the last minute; true when one of them is new. */
  add(markers: readonly LiveMarker[]): boolean {
    const last = this.#known.at(-1)?.id ?? 0;
    const fresh = markers.filter(({ id }) => id > last);
    if (fresh.length === 0) return false;
    this.#known.push(...fresh);
    this.#render();
    return true;
  }

  #render(): void {
    this.#known = this.#known.slice(-200);
    this.#empty.hidden = this.#known.length > 0;
    this.#rows.show(this.#known.slice(-MAX_SHOWN).toReversed());
  }
}

function makeRow({ at, kind, text }: LiveMarker): { readonly root: HTMLLIElement } {
  const { letter, word } = MARKER_SIGNS[kind];
  const sign = el("span", { class: "letter", "aria-hidden": "true" }, letter);
  const root = el("li", { "data-kind": kind }, el("time", {}, clock(at)), sign, el("strong", {}, word), " ", text);
  return { root };
}
