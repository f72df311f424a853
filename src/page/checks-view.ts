/** What is checked: what fails comes first, with what to do; the rest is folded away. BROWSER. */
import type { LiveCheck, StageState } from "../shared/live-snapshot.ts";
import { byId, el, glyph, KeyedList, setAttribute, setText } from "./dom.ts";

interface Row {
  readonly root: HTMLLIElement;
  readonly reason: HTMLElement;
  readonly fix: HTMLElement;
}

function listIn(parent: HTMLElement): KeyedList<LiveCheck, Row> {
  return new KeyedList<LiveCheck, Row>(
    parent,
    ({ name }) => name,
    ({ name }) => {
      const reason = el("span", { class: "found" });
      const fix = el("p", { class: "fix" });
      const root = el("li", { "data-check": name }, glyph(), el("strong", {}, name), " ", reason, fix);
      return { root, reason, fix };
    },
    ({ root, reason, fix }, check) => {
      setAttribute(root, "data-state", stateOf(check));
      setText(reason, check.reason);
      setText(fix, check.fix);
    },
  );
}

export class ChecksView {
  readonly #failing: KeyedList<LiveCheck, Row> = listIn(byId("failing"));
  readonly #passing: KeyedList<LiveCheck, Row> = listIn(byId("passing"));

  show(checks: readonly LiveCheck[]): void {
    const failing = checks.filter(({ ok }) => ok === false);
    const passing = checks.filter(({ ok }) => ok !== false);
    this.#failing.show(failing);
    this.#passing.show(passing);
    const well = passing.filter(({ ok }) => ok === true).length;
    const open = passing.length - well;
    const rest = open === 0 ? "" : `, ${open} not known or of no use here`;
    setText(byId("passing-count"), `${well} ${well === 1 ? "check is" : "checks are"} well${rest}`);
  }
}

function stateOf({ ok, severity }: LiveCheck): StageState {
  if (ok === null) return "idle";
  if (ok) return "ok";
  return severity === "critical" ? "bad" : "warn";
}
