/** The options with their values and where each came from. BROWSER. */
import type { LiveHello, LiveOption } from "../shared/live-snapshot.ts";
import { byId, el } from "./dom.ts";

const ORIGIN_WORDS: Readonly<Record<LiveOption["origin"], string>> = {
  flag: "flag",
  env: "environment",
  file: "file",
  default: "default",
};

export class ConfigView {
  readonly #box: HTMLInputElement;
  #options: readonly LiveOption[] = [];

  constructor() {
    const box = byId("defaults");
    if (!(box instanceof HTMLInputElement)) throw new Error("#defaults is no checkbox");
    this.#box = box;
    box.addEventListener("change", () => this.#render());
  }

  toggle(): void {
    this.#box.checked = !this.#box.checked;
    this.#render();
  }

  hello({ options }: LiveHello): void {
    this.#options = options;
    this.#render();
  }

  #render(): void {
    const shown = this.#options.filter(({ origin }) => this.#box.checked || origin !== "default");
    const rows = shown.map(({ name, value, origin }) =>
      el(
        "tr",
        { "data-origin": origin },
        el("th", { scope: "row" }, name),
        el("td", { class: "value" }, value),
        el("td", {}, ORIGIN_WORDS[origin]),
      ),
    );
    const none = el("tr", {}, el("td", { colspan: "3", class: "quiet" }, "everything is as by default"));
    byId("config").replaceChildren(...(rows.length === 0 ? [none] : rows));
  }
}
