/**
 * Goals of a case: what its medians are held against. A goal says what is compared, so that the table can show by how much
 * it was missed. Pure.
 */

/** Medians over the runs of one case. */
export interface Medians {
  readonly main: number;
  /** Of a further figure; null when no run has it. */
  readonly figure: (name: string) => number | null;
}

export interface GoalView extends Medians {
  /** Null when that case is not in this run, or none of its runs was valid. */
  readonly rival: (name: string) => Medians | null;
}

export interface Goal {
  /** For example `≥ 25 × python`. */
  readonly text: string;
  readonly limit: number;
  readonly sense: "at least" | "at most" | "below";
  /** What is held against the limit; null when it is not to be had in this run. */
  readonly of: (view: GoalView) => number | null;
}

export interface GoalReport {
  readonly text: string;
  /** What was held against the limit. */
  readonly value: number | null;
  readonly outcome: "reached" | "missed" | "not judged";
}

const MAIN = (view: Medians): number => view.main;

export function atLeast(limit: number, text: string, of: Goal["of"] = MAIN): Goal {
  return { text, limit, sense: "at least", of };
}

export function atMost(limit: number, text: string, of: Goal["of"] = MAIN): Goal {
  return { text, limit, sense: "at most", of };
}

export function below(limit: number, text: string, of: Goal["of"] = MAIN): Goal {
  return { text, limit, sense: "below", of };
}

/** A further figure of the case. */
export function figure(name: string): Goal["of"] {
  return (view) => view.figure(name);
}

/**
 * A figure as a multiple of the same one of a rival; without a name, the main figure. Where there is more than one rival the
 * largest multiple counts: for a figure of which less is better, the goal is then reached against the best of them. Null as
 * long as one is missing.
 */
export function multipleOf(rivals: readonly string[], name?: string): Goal["of"] {
  const read = (medians: Medians | null): number | null =>
    medians === null ? null : name === undefined ? medians.main : medians.figure(name);
  return (view) => {
    const ours = read(view);
    const theirs = rivals.map((rival) => read(view.rival(rival)));
    if (ours === null || theirs.includes(null)) return null;
    return Math.max(...theirs.map((each) => ours / (each ?? Number.NaN)));
  };
}

export function judge({ text, limit, sense, of }: Goal, view: GoalView): GoalReport {
  const value = of(view);
  if (value === null) return { text, value, outcome: "not judged" };
  const reached = sense === "at least" ? value >= limit : sense === "at most" ? value <= limit : value < limit;
  return { text, value, outcome: reached ? "reached" : "missed" };
}
