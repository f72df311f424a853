/** The options of `kvcast perf`, which asks a running `kvcast serve`. Flags only. MAIN THREAD, at start only. */
import { PERF_SORTS, DEFAULT_PERF_LIMIT, MAX_PERF_LIMIT, type PerfSort } from "../perf/perf-query.ts";
import { PHASES, type Phase } from "../perf/perf-phases.ts";
import { LOGIN_OPTIONS } from "./login-options.ts";
import type { Defaulted, OptionSpec } from "./option-spec.ts";
import { decimal, integer, oneOf, seconds, shortText } from "./value-types.ts";

const FILTERS = "Filters";
const MAX_SECONDS = 1e9;

export const PERF_OPTIONS: {
  readonly sort: Defaulted<PerfSort>;
  readonly limit: Defaulted<number>;
  readonly engine: OptionSpec<string>;
  readonly min: OptionSpec<number>;
  readonly since: OptionSpec<number>;
  readonly phase: OptionSpec<Phase>;
  readonly timeout: Defaulted<number>;
} = {
  sort: {
    name: "sort",
    type: oneOf(PERF_SORTS),
    env: [],
    default: "e2e",
    group: "Output",
    help: "The longest of this time first; finished: the newest first.",
  },
  limit: {
    name: "limit",
    type: integer({ min: 1, max: MAX_PERF_LIMIT, unit: "requests" }),
    env: [],
    default: String(DEFAULT_PERF_LIMIT),
    group: "Output",
    help: "Most requests that are listed; percentiles are of all that match.",
  },
  engine: {
    name: "engine",
    type: shortText("NAME", 200),
    env: [],
    defaultNote: "all",
    group: FILTERS,
    help: "Only requests of this engine.",
  },
  min: {
    name: "min",
    type: decimal({ min: 0, max: MAX_SECONDS, unit: "seconds" }),
    env: [],
    group: FILTERS,
    help: "Only requests whose time that is sorted by is at least this long.",
  },
  since: {
    name: "since",
    type: decimal({ min: 0, max: MAX_SECONDS, unit: "seconds" }),
    env: [],
    group: FILTERS,
    help: "Only requests that ended within so many seconds.",
  },
  phase: {
    name: "phase",
    type: oneOf(PHASES),
    env: [],
    group: FILTERS,
    help: "Only requests that spent most of their time there.",
  },
  timeout: {
    name: "timeout",
    type: seconds(0.1, 3600),
    env: [],
    default: "10",
    group: "Connection",
    help: "Longest wait for the answer.",
  },
};

/** All of them, in the order of the documentation. */
export const PERF_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  ...Object.values(PERF_OPTIONS),
  ...Object.values(LOGIN_OPTIONS),
];
