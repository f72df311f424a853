/** The head of the page: the verdict, a few facts, and the banner of a lost connection. BROWSER. */
import type { LiveHello, LiveSnapshot, StageState } from "../shared/live-snapshot.ts";
import { byId, el, setAttribute, setText } from "./dom.ts";
import { duration, span, whole } from "./format.ts";

const TITLE_SIGNS: Readonly<Record<StageState, string>> = { ok: "●", idle: "○", warn: "▲", bad: "✕" };

interface Verdict {
  readonly state: StageState;
  readonly text: string;
}

export class HeadView {
  readonly #verdict: HTMLElement = byId("verdict");
  readonly #banner: HTMLElement = byId("banner");
  readonly #facts: Map<string, HTMLElement> = new Map();

  hello({ service, links }: LiveHello): void {
    byId("links").replaceChildren(...links.map((path) => el("a", { href: path }, path)));
    setText(byId("foot"), `kvcast ${service.version} on Node ${service.node}, run ${service.epoch}`);
  }

  show(snapshot: LiveSnapshot): void {
    const { state, text } = verdictOf(snapshot);
    this.#setVerdict(state, text);
    this.#fact("up", span(snapshot.uptimeSeconds));
    this.#fact("way through, p99", duration(snapshot.latencyP99));
    this.#fact("last sequence", snapshot.sequence === null ? "–" : whole(snapshot.sequence));
    this.#fact("unaccounted", whole(snapshot.unaccounted));
    this.#fact("viewers", whole(snapshot.viewers));
  }

  /** Null: connected. */
  setReason(reason: string | null): void {
    this.#banner.hidden = reason === null;
    setText(this.#banner, reason ?? "");
    setAttribute(document.body, "data-connected", String(reason === null));
    if (reason !== null) this.#setVerdict("idle", "not connected");
  }

  #setVerdict(state: StageState, text: string): void {
    setAttribute(this.#verdict, "data-state", state);
    const words = this.#verdict.lastElementChild;
    if (words !== null) setText(words, text);
    const title = `${TITLE_SIGNS[state]} kvcast: ${text}`;
    if (document.title !== title) document.title = title;
  }

  #fact(name: string, value: string): void {
    let cell = this.#facts.get(name);
    if (cell === undefined) {
      cell = el("dd", { "data-fact": name });
      this.#facts.set(name, cell);
      byId("facts").append(el("div", {}, el("dt", {}, name), cell));
    }
    setText(cell, value);
  }
}

function verdictOf({ ready, stages, checks }: LiveSnapshot): Verdict {
  const failing = checks.filter(({ ok }) => ok === false).length;
  const checksFail = failing === 1 ? "1 check fails" : `${failing} checks fail`;
  if (!ready && failing === 0) return { state: "idle", text: "not ready: not all is known yet" };
  if (!ready) return { state: "bad", text: `not ready: ${checksFail}` };
  if (stages.some(({ state }) => state === "bad")) return { state: "bad", text: "events were lost" };
  if (failing > 0) return { state: "warn", text: `ready, ${checksFail}` };
  if (stages.some(({ state }) => state === "warn")) return { state: "warn", text: "ready, look at the flow" };
  const isFlowing = stages.some(({ rate }) => (rate ?? 0) > 0);
  return isFlowing ? { state: "ok", text: "events flow" } : { state: "idle", text: "ready, nothing to do" };
}
