/** The slowest requests, and where their time went. BROWSER; asked for every few seconds, not streamed. */
import { byId, el, setText } from "./dom.ts";
import { duration, percent, perSecond } from "./format.ts";
import { parseReport, PHASES, type Report, type SlowRequest } from "./service-json.ts";

const ASK = "/v1/perf/requests?limit=8&sort=e2e&since_s=600";
const EVERY_MS = 5000;

export class RequestsView {
  #timer: number | undefined;

  /** Asks again and again while the page can be seen. */
  start(): void {
    const follow = (): void => {
      clearInterval(this.#timer);
      if (document.visibilityState !== "visible") return;
      void this.#ask();
      this.#timer = setInterval(() => void this.#ask(), EVERY_MS);
    };
    document.addEventListener("visibilitychange", follow);
    follow();
  }

  async #ask(): Promise<void> {
    try {
      const response = await fetch(ASK, { cache: "no-store" });
      if (response.ok) this.#show(parseReport(await response.text()));
    } catch {
      // The banner says that there is no connection.
    }
  }

  #show({ engines, requests }: Report): void {
    byId("requests-box").hidden = requests.length === 0;
    const hints = Object.entries(engines).flatMap(([name, { hint }]) => (hint === null ? [] : [`${name}: ${hint}`]));
    setText(
      byId("requests-note"),
      requests.length > 0 ? "" : hints.length > 0 ? hints.join("; ") : "none was read yet",
    );
    byId("requests").replaceChildren(...requests.map(rowOf));
  }
}

function rowOf({ engine, request_id, seconds, blocks, cache }: SlowRequest): HTMLTableRowElement {
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, request_id),
    el("td", {}, engine),
    el("td", { class: "number" }, duration(seconds.e2e)),
    el("td", { class: "number" }, duration(seconds.ttft)),
    el("td", {}, phasesOf(seconds)),
    el("td", { class: "number" }, percent(blocks?.reuse ?? null)),
    el("td", {}, cache === null ? "–" : cacheText(cache)),
  );
}

/** A bar of parts, and the same in words. */
function phasesOf(seconds: SlowRequest["seconds"]): HTMLElement {
  const known = PHASES.flatMap((name) => (seconds[name] ? [{ name, value: seconds[name] }] : []));
  const bar = el("div", { class: "phases", "aria-hidden": "true" });
  for (const { name, value } of known) {
    const part = el("span", { "data-phase": name });
    part.style.setProperty("flex-grow", String(value));
    bar.append(part);
  }
  const words = known.map(({ name, value }) => `${name} ${duration(value)}`).join(", ");
  return el("div", {}, bar, el("span", { class: "quiet" }, words === "" ? "not told" : words));
}

function cacheText(cache: NonNullable<SlowRequest["cache"]>): string {
  const { stored_blocks_per_s, removed_blocks_per_s, missing_ids, usage } = cache;
  return [
    ...(usage === null ? [] : [`${percent(usage)} full`]),
    `${perSecond(stored_blocks_per_s)} stored`,
    `${perSecond(removed_blocks_per_s)} removed`,
    ...(missing_ids === 0 ? [] : [`${missing_ids} ids missing`]),
  ].join(", ");
}
