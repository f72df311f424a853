/** What several help pages share. MAIN THREAD. */
import type { OptionSpec } from "../../config/option-spec.ts";
import type { Item } from "../help.ts";

export const HELP_SWITCH: Item = { name: "-h, --help", says: "Print this and exit." };

/** Names of a table's options as flags, for "is this a flag or a value". */
export function flagNames(options: readonly OptionSpec<unknown>[]): ReadonlySet<string> {
  return new Set(options.map((option) => `--${option.name}`));
}
