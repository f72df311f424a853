/** The options of `kvcast support-bundle`: its own, beside those of `serve`. Flags only. MAIN THREAD, at start only. */
import { LOGIN_OPTIONS } from "./login-options.ts";
import type { Defaulted, OptionSpec } from "./option-spec.ts";
import { fileName, integer } from "./value-types.ts";

export const BUNDLE_OPTIONS: {
  readonly output: OptionSpec<string>;
  readonly logFile: OptionSpec<string>;
  readonly logLines: Defaulted<number>;
} = {
  output: {
    name: "output",
    type: fileName,
    env: [],
    defaultNote: "kvcast-support-DATE-TIME.tar.gz in the working directory",
    group: "Bundle",
    help: "The file to write. One that is there already is left alone.",
  },
  logFile: {
    name: "log-file",
    type: fileName,
    env: [],
    group: "Bundle",
    help: "Where the log of the service is, - for standard input. Services write to standard error and keep no lines of it.",
  },
  logLines: {
    name: "log-lines",
    type: integer({ min: 1, max: 100_000, unit: "lines" }),
    env: [],
    default: "1000",
    group: "Bundle",
    help: "How many of its last lines are taken.",
  },
};

/** All of them, in the order of the documentation. */
export const BUNDLE_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  ...Object.values(BUNDLE_OPTIONS),
  ...Object.values(LOGIN_OPTIONS),
];
