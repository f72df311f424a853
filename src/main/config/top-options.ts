/** The options of `kvcast top`. Flags only. MAIN THREAD, at start only. */
import { LOGIN_OPTIONS } from "./login-options.ts";
import type { Defaulted, OptionSpec } from "./option-spec.ts";
import { seconds } from "./value-types.ts";

export const TOP_OPTIONS: { readonly timeout: Defaulted<number> } = {
  timeout: {
    name: "timeout",
    type: seconds(0.1, 600),
    env: [],
    default: "5",
    group: "Connection",
    help: "Longest wait for the first answer.",
  },
};

/** All of them, in the order of the documentation. */
export const TOP_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  ...Object.values(TOP_OPTIONS),
  ...Object.values(LOGIN_OPTIONS),
];
