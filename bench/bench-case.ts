/**
 * What a bench case is: a name, a run that gives one main figure, and perhaps a rival to be compared with and goals to reach.
 * All cases, micro and end to end, take this form, so that one loop runs them and one table shows them.
 */
import type { Goal } from "./goal.ts";

/** What every run may use. */
export interface RunContext {
  /** Short runs: a look whether things are as they were, no figures to quote. */
  readonly quick: boolean;
  /** Says how far the run is; shown on a terminal and nowhere kept. */
  readonly progress: (text: string) => void;
}

/** `B/s` and what ends in `/s` besides is shown with thousands (412 k), the others as they are. */
export type Unit =
  | "B/s"
  | `${string}/s`
  | "µs"
  | "ms"
  | "s"
  | "µs/event"
  | "ns/event"
  | "ns/B"
  | "MiB"
  | "%"
  | "% of a core"
  | "×"
  /** A bare number. */
  | "";

export interface Figure {
  readonly value: number;
  readonly unit: Unit;
}

/** The figures of one run. */
export interface RunResult {
  /** In the unit of the case. */
  readonly main: number;
  /** What else was measured, by name, in the order in which it is shown. A run may lack one that others have. */
  readonly more?: Readonly<Record<string, Figure>>;
}

export interface BenchCase {
  readonly name: string;
  /** Of the main figure. */
  readonly unit: Unit;
  /** Which main figure is the better one. Default: more. */
  readonly better?: "more" | "less";
  /** Name of the case that this one is compared with; both must be in the run. */
  readonly rival?: string;
  /** Names of further ones; how it compares with them is said beside the table's columns. */
  readonly otherRivals?: readonly string[];
  /** Further figures that are compared with those of all rivals, besides the main one. */
  readonly compared?: readonly string[];
  /** Shown as reached or missed, whatever comes out. */
  readonly goals?: readonly Goal[];
  /** Most runs that it takes, where one is long. */
  readonly maxRuns?: number;
  /** Why it cannot run on this machine, null where it can. Such a case is left out and makes no run invalid. */
  readonly absence?: () => string | null;
  /** Throws when the run is not valid: something was lost, or does not add up. */
  run(context: RunContext): Promise<RunResult>;
}
