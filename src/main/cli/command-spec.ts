/** What a command is: its words, its page, and what it does. MAIN THREAD; types, and the one rule about options. */
import type { Environment, Flags, OptionSpec } from "../config/option-spec.ts";
import type { HelpPage } from "./help.ts";

/** The process, as far as commands may touch it. */
export interface CliIo {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

/** One use of a command. */
export interface CommandCall {
  readonly flags: Flags;
  /** The words that are no flags, in order. */
  readonly operands: readonly string[];
  /** Whether a switch was given, by its name without dashes. */
  readonly has: (name: string) => boolean;
  readonly io: CliIo;
  /** Ends it as wrong usage, with these words. */
  readonly misused: (message: string) => never;
}

export interface CommandSpec {
  readonly name: string;
  readonly page: HelpPage;
  /** Options that it takes, where the page does not list them all. */
  readonly options?: readonly OptionSpec<unknown>[];
  /** Names of flags without a value, without dashes. */
  readonly switches?: readonly string[];
  /** `<FILE>` must be there, `[URL]` may, of `[WORD...]` there may be any number. */
  readonly operands?: readonly string[];
  /** What the first operand may be; absent: anything. */
  readonly choices?: readonly string[];
  /** Resolves with the exit code. A command's own code is loaded only now, so that help and errors come at once. */
  run(call: CommandCall): Promise<number>;
}

export function optionsOf({ options, page }: CommandSpec): readonly OptionSpec<unknown>[] {
  return options ?? page.options;
}
