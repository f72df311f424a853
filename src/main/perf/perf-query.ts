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

type Reader = (text: string) => unknown;

const READERS: Readonly<Record<string, Reader>> = {
  sort: (text) => PERF_SORTS.find((sort) => sort === text),
  limit: (text) => within(/^\d{1,4}$/.test(text) ? Number(text) : Number.NaN, 1, MAX_PERF_LIMIT),
  min_s: (text) => within(decimalOf(text), 0, 1e9),
  since_s: (text) => within(decimalOf(text), 0, 1e9),
  phase: (text) => PHASES.find((phase) => phase === text),
};

const TAKES: Readonly<Record<string, string>> = {
  engine: "the name of an engine",
  sort: `one of ${PERF_SORTS.join(", ")}`,
  limit: `a whole number from 1 to ${MAX_PERF_LIMIT}`,
  min_s: "a number of seconds",
  since_s: "a number of seconds",
  phase: `one of ${PHASES.join(", ")}`,
};

/** Reads the parameters. `engines` are the names that there are. */
export function perfQueryOf(query: URLSearchParams, engines: readonly string[]): PerfQuery | QueryRefusal {
  const values: Record<string, unknown> = {};
  for (const [name, text] of query) {
    if (!Object.hasOwn(TAKES, name)) {
      return { refused: `unknown parameter; there are ${Object.keys(TAKES).join(", ")}` };
    }
    if (Object.hasOwn(values, name)) return { refused: `${name} is given more than once` };
    const value = name === "engine" ? engines.find((engine) => engine === text) : READERS[name]?.(text);
    if (value === undefined) {
      const names = name === "engine" ? `; there are ${engines.join(", ")}` : "";
      return { refused: `${name} takes ${TAKES[name] ?? ""}${names}` };
    }
    values[name] = value;
  }
  const {
    engine = null,
    sort = "e2e",
    limit = DEFAULT_PERF_LIMIT,
    min_s = 0,
    since_s = Infinity,
    phase = null,
  } = values;
  return {
    engine: engine as string | null,
    sort: sort as PerfSort,
    limit: limit as number,
    minSeconds: min_s as number,
    sinceSeconds: since_s as number,
    phase: phase as Phase | null,
  };
}

function decimalOf(text: string): number {
  return /^\d{1,10}(?:\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}
