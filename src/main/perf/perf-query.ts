/**
 * What is asked of `/v1/perf/requests`: its query string, strictly. MAIN THREAD, pure.
 *
 * A parameter that is not understood is an error with what is allowed: whoever misspells a filter must not take the answer for
 * a filtered one.
 */
import { PHASES, type Phase } from "./perf-phases.ts";

export const PERF_SORTS = ["e2e", "ttft", "queue", "transfer", "prefill", "decode", "itl", "finished"] as const;
/** `finished`: the newest first. The others: the longest first. */
export type PerfSort = (typeof PERF_SORTS)[number];

export const DEFAULT_PERF_LIMIT = 20;
export const MAX_PERF_LIMIT = 1000;

export interface PerfQuery {
  /** Null: all. */
  readonly engine: string | null;
  readonly sort: PerfSort;
  readonly limit: number;
  /** Only requests whose sorted time is at least this many seconds; with `finished` their whole time. */
  readonly minSeconds: number;
  /** Only requests that were read within so many seconds; Infinity: all. */
  readonly sinceSeconds: number;
  /** Only requests of which this is the longest part; null: all. */
  readonly phase: Phase | null;
}

export interface QueryRefusal {
  /** A sentence for the client. */
  readonly refused: string;
}

const DEFAULTS: PerfQuery = {
  engine: null,
  sort: "e2e",
  limit: DEFAULT_PERF_LIMIT,
  minSeconds: 0,
  sinceSeconds: Infinity,
  phase: null,
};

/** What a parameter asks for; null: that is none of its values. */
type Reader = (text: string, engines: readonly string[]) => Partial<PerfQuery> | null;

interface Parameter {
  readonly read: Reader;
  /** In words, for whoever gave something else. */
  readonly takes: string;
}

/** The one of a list that a text names. */
function named<T extends string>(list: readonly T[], text: string): T | undefined {
  return list.find((each) => each === text);
}

const PARAMETERS: ReadonlyMap<string, Parameter> = new Map<string, Parameter>([
  [
    "engine",
    {
      read: (text, engines) => asked(named(engines, text), (engine) => ({ engine })),
      takes: "the name of an engine",
    },
  ],
  [
    "sort",
    {
      read: (text) => asked(named(PERF_SORTS, text), (sort) => ({ sort })),
      takes: `one of ${PERF_SORTS.join(", ")}`,
    },
  ],
  [
    "limit",
    {
      read: (text) => asked(within(wholeOf(text), 1, MAX_PERF_LIMIT), (limit) => ({ limit })),
      takes: `a whole number from 1 to ${MAX_PERF_LIMIT}`,
    },
  ],
  [
    "min_s",
    {
      read: (text) => asked(within(decimalOf(text), 0, 1e9), (minSeconds) => ({ minSeconds })),
      takes: "a number of seconds",
    },
  ],
  [
    "since_s",
    {
      read: (text) => asked(within(decimalOf(text), 0, 1e9), (sinceSeconds) => ({ sinceSeconds })),
      takes: "a number of seconds",
    },
  ],
  [
    "phase",
    {
      read: (text) => asked(named(PHASES, text), (phase) => ({ phase })),
      takes: `one of ${PHASES.join(", ")}`,
    },
  ],
]);

/** Reads the parameters. `engines` are the names that there are. */
export function perfQueryOf(query: URLSearchParams, engines: readonly string[]): PerfQuery | QueryRefusal {
  const given = new Set<string>();
  let asks = DEFAULTS;
  for (const [name, text] of query) {
    const parameter = PARAMETERS.get(name);
    if (parameter === undefined)
      return { refused: `unknown parameter; there are ${[...PARAMETERS.keys()].join(", ")}` };
    if (given.has(name)) return { refused: `${name} is given more than once` };
    given.add(name);
    const part = parameter.read(text, engines);
    if (part === null) {
      const names = name === "engine" ? `; there are ${engines.join(", ")}` : "";
      return { refused: `${name} takes ${parameter.takes}${names}` };
    }
    asks = { ...asks, ...part };
  }
  return asks;
}

function asked<V>(value: V | undefined, part: (value: V) => Partial<PerfQuery>): Partial<PerfQuery> | null {
  return value === undefined ? null : part(value);
}

function wholeOf(text: string): number {
  return /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
}

function decimalOf(text: string): number {
  return /^\d{1,10}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}
