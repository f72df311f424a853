/** The options of `kvcast config`, and whose configuration it can look at. MAIN THREAD, at start only. */
import { CONSOLIDATE_OPTION_LIST } from "./consolidate-options.ts";
import { INDEX_OPTION_LIST } from "./index-options.ts";
import type { Defaulted, OptionSpec } from "./option-spec.ts";
import { SERVE_OPTION_LIST } from "./options.ts";
import { oneOf } from "./value-types.ts";

export const CONFIG_WORDS = ["show", "check", "schema"] as const;
export type ConfigWord = (typeof CONFIG_WORDS)[number];

const TARGET_NAMES = ["serve", "consolidate", "index"] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export const CONFIG_OPTIONS: { readonly command: Defaulted<TargetName> } = {
  command: {
    name: "command",
    type: oneOf(TARGET_NAMES),
    env: [],
    default: "serve",
    group: "Which",
    help: "The service that is configured.",
  },
};

/** Its own and those of all services, each name once. */
export const CONFIG_OPTION_LIST: readonly OptionSpec<unknown>[] = [
  ...new Map(
    [...Object.values(CONFIG_OPTIONS), ...SERVE_OPTION_LIST, ...CONSOLIDATE_OPTION_LIST, ...INDEX_OPTION_LIST].map(
      (option) => [option.name, option],
    ),
  ).values(),
];
