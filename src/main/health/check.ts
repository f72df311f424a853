/**
 * What a check finds when it looks, and checks of conditions that are looked at and not probed. MAIN THREAD.
 */
import type { CheckName, Severity } from "./health-report.ts";
import { type Patience, Watched } from "./watched.ts";

/** What is wrong, and what to do about it: a sentence each, which never quotes what an engine sent. */
export interface Problem {
  readonly reason: string;
  readonly fix: string;
}

/** `waiting`: not known yet, but it will be. Otherwise it does not apply here. */
export type Finding =
  | { readonly ok: true }
  | ({ readonly ok: false } & Problem)
  | { readonly ok: null; readonly waiting: boolean; readonly reason: string };

export const FINE: Finding = { ok: true };

export interface Check {
  readonly name: CheckName;
  /** The engine, source or thread that it is about; null for the service as a whole. */
  readonly target: string | null;
  readonly severity: Severity;
  /** How things stand now. Cheap, and may be called at any rate. */
  look(): Finding;
}

/** Why a check does not apply. */
export function notHere(reason: string): Finding {
  return { ok: null, waiting: false, reason };
}

export function notYet(reason: string): Finding {
  return { ok: null, waiting: true, reason };
}

export interface ConditionOptions extends Pick<Check, "name" | "target" | "severity"> {
  readonly patience: Patience;
  readonly now: () => number;
  readonly examine: () => Finding;
}

/** A condition that is seen as often as anyone looks, with patience. */
export class Condition implements Check {
  readonly name: CheckName;
  readonly target: string | null;
  readonly severity: Severity;
  readonly #watched: Watched;
  readonly #examine: () => Finding;
  #last: (Finding & { readonly ok: false }) | null = null;

  constructor({ name, target, severity, patience, now, examine }: ConditionOptions) {
    this.name = name;
    this.target = target;
    this.severity = severity;
    this.#watched = new Watched(patience, now);
    this.#examine = examine;
  }

  look(): Finding {
    const finding = this.#examine();
    if (finding.ok === null) {
      this.#watched.forget();
      return finding;
    }
    if (finding.ok) this.#watched.pass();
    else {
      this.#last = finding;
      this.#watched.fail();
    }
    // Held: it is over, but not long enough to say so.
    return this.#watched.ok === false && this.#last !== null ? this.#last : FINE;
  }
}
