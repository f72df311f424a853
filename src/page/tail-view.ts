/** The newest events, newest first; it stands still when told to. BROWSER. */
import type { LiveEvent, LiveSnapshot } from "../shared/live-snapshot.ts";
import { byId, el, setAttribute, setText } from "./dom.ts";
import { fineClock, whole } from "./format.ts";

const MAX_SHOWN = 50;

export class TailView {
  readonly #body: HTMLElement = byId("tail");
  readonly #note: HTMLElement = byId("tail-note");
  readonly #button: HTMLElement = byId("pause");
  #isPaused: boolean = false;
  /** Events that came while it stood still. */
  #missed: number = 0;

  constructor() {
    this.#button.addEventListener("click", () => this.toggle());
  }

  toggle(): void {
    this.#isPaused = !this.#isPaused;
    this.#missed = 0;
    setAttribute(this.#button, "aria-pressed", String(this.#isPaused));
    setText(this.#button, this.#isPaused ? "go on" : "pause");
    setText(this.#note, this.#isPaused ? "stands still" : "");
  }

  reset(events: readonly LiveEvent[]): void {
    if (this.#isPaused) return;
    this.#body.replaceChildren();
    this.#add(events);
  }

  show({ events, leftOut }: LiveSnapshot["tail"]): void {
    if (this.#isPaused) {
      this.#missed += events.length + leftOut;
      setText(this.#note, `stands still; ${whole(this.#missed)} events came meanwhile`);
      return;
    }
    this.#add(events);
    setText(
      this.#note,
      leftOut > 0 ? `too many to show all of them: ${whole(leftOut)} more came in the last 0.2 s` : "",
    );
  }

  #add(events: readonly LiveEvent[]): void {
    for (const event of events.slice(-MAX_SHOWN)) this.#body.prepend(rowOf(event));
    while (this.#body.children.length > MAX_SHOWN) this.#body.lastElementChild?.remove();
  }
}

function rowOf({ at, type, sequence, engine, rank, blocks, tier, hash }: LiveEvent): HTMLTableRowElement {
  return el(
    "tr",
    { "data-type": type },
    el("td", {}, fineClock(at)),
    el("td", { class: "type" }, type),
    el("td", {}, engine),
    el("td", { class: "number" }, String(rank)),
    el("td", { class: "number" }, type === "cleared" ? "all" : whole(blocks)),
    el("td", { class: "hash" }, hash === "" ? "" : `${hash}…`),
    el("td", {}, type === "cleared" ? "" : tier),
    el("td", { class: "number" }, sequence === null ? "" : whole(sequence)),
  );
}
