/** The options of `kvcast check`, a probe for scripts, containers and monitoring. Flags only. MAIN THREAD, at start only. */
import { PROBES, type Probe } from "../health/ask-health.ts";
import { LOGIN_OPTIONS } from "./login-options.ts";
import type { Defaulted, OptionSpec } from "./option-spec.ts";
import { oneOf, seconds } from "./value-types.ts";

export const CHECK_FORMATS = ["text", "json", "nagios"] as const;
export type CheckFormat = (typeof CHECK_FORMATS)[number];

export const CHECK_OPTIONS: {
  readonly probe: Defaulted<Probe>;
  readonly format: Defaulted<CheckFormat>;
  readonly timeout: Defaulted<number>;
} = {
  probe: {
    name: "probe",
    type: oneOf(PROBES),
    env: [],
    default: "health",
    group: "Question",
    help: "health: do events flow; ready: may it be given work; live: does it run, or should it be restarted.",
  },
  format: {
    name: "format",
    type: oneOf(CHECK_FORMATS),
    env: [],
    default: "text",
    group: "Answer",
    help: "nagios: one line with performance data, and exit codes 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
  },
  timeout: {
    name: "timeout",
    type: seconds(0.1, 600),
    env: [],
    default: "5",
    group: "Question",
    help: "Longest wait for the answer.",
  },
};

/** All of them, in the order of the documentation. */
export const CHECK_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  ...Object.values(CHECK_OPTIONS),
  ...Object.values(LOGIN_OPTIONS),
];
