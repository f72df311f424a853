/**
 * The command line: which command, which flags, and what a user reads when something is wrong. MAIN THREAD. The only user
 * of commander. What the commands are stands in `commands/`.
 *
 * Data goes to stdout, talk to stderr. Every error is `kvcast: error: …` and the next step.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { MissingOptionError, quoted } from "../config/option-spec.ts";
import type { OptionSpec } from "../config/option-spec.ts";
import { didYouMean } from "../config/suggest.ts";
import { codeOf, ConfigError, EXIT, KvcastError, messageOf } from "../../shared/errors.ts";
import { type CliIo, type CommandCall, type CommandSpec, optionsOf } from "./command-spec.ts";
import { COMMANDS } from "./commands/all.ts";
import { renderHelp } from "./help.ts";
import type { HelpPage } from "./help.ts";
import { flagNames } from "./pages/parts.ts";
import { ROOT_PAGE } from "./pages/root-page.ts";
import { SERVE_PAGE } from "./pages/service-pages.ts";
import { VERSION } from "./version.ts";

export type { CliIo } from "./command-spec.ts";

/** Runs one command to its end and returns the exit code. Never throws. */
export async function runCli(io: CliIo): Promise<number> {
  let code: number = EXIT.ok;
  const program = pageCommand(new Command("kvcast"), ROOT_PAGE)
    .version(`kvcast ${VERSION}`, "-V, --version")
    .exitOverride()
    // Errors are printed once, by `report`.
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: () => {},
    });
  for (const spec of COMMANDS) {
    declare(program, spec, io, async (call) => {
      code = await spec.run(call);
    });
  }
  try {
    await program.parseAsync([...io.argv], { from: "user" });
    return code;
  } catch (error) {
    return report(error, io);
  }
}

/** Tells commander of a command; `run` is called when it is the one. */
function declare(program: Command, spec: CommandSpec, io: CliIo, run: (call: CommandCall) => Promise<void>): void {
  const { name, page, switches = [], operands = [], choices } = spec;
  const command = pageCommand(program.command(name), page);
  const flags = new Map<string, string[]>();
  addFlags(command, optionsOf(spec), flags);
  for (const each of switches) command.option(`--${each}`);
  for (const [i, operand] of operands.entries()) {
    const argument = new Argument(operand);
    if (i === 0 && choices !== undefined) argument.choices(choices);
    command.addArgument(argument);
  }
  command.action(async () => {
    // Commander's own arguments have the gaps of operands that were left out.
    await run({
      flags,
      operands: command.args,
      has: (each) => command.getOptionValueSource(camelCase(each)) === "cli",
      io,
      misused: (message) => command.error(message),
    });
  });
}

/** As commander calls an option. */
function camelCase(name: string): string {
  return name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function pageCommand(command: Command, page: HelpPage): Command {
  return command.configureHelp({ formatHelp: () => renderHelp(page) });
}

/** Declares the flags of a command. What is given ends up in `into`, by option name. */
function addFlags(command: Command, options: readonly OptionSpec<unknown>[], into: Map<string, string[]>): void {
  const known = flagNames(options);
  for (const { name, bare } of options) {
    const option = new Option(bare === undefined ? `--${name} <value>` : `--${name} [value]`);
    if (bare !== undefined) option.preset(bare);
    option.argParser((value: string) => {
      if (known.has(value)) throw new InvalidArgumentError("That is a flag: the value is missing.");
      into.set(name, [...(into.get(name) ?? []), value]);
      return value;
    });
    command.addOption(option);
  }
}

/** Says what went wrong and what to do next; returns the exit code. */
function report(error: unknown, io: CliIo): number {
  const spec = commandOf(io.argv);
  const help = `kvcast help${spec === undefined ? "" : ` ${spec.name}`}`;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok; // help and version
    io.err(`kvcast: error: ${usageMessage(error, io.argv)}\nkvcast: "${help}" lists what there is\n`);
    return EXIT.usage;
  }
  if (error instanceof MissingOptionError) {
    // The page first and the error last, where the eye is when a terminal stops scrolling.
    io.err(`${renderHelp(spec?.page ?? SERVE_PAGE)}\nkvcast: error: ${error.message}\n`);
    return error.exitCode;
  }
  if (error instanceof KvcastError) {
    io.err(`kvcast: error: ${error.message}\n`);
    if (error instanceof ConfigError) io.err(`kvcast: "${help}" says what each option takes\n`);
    return error.exitCode;
  }
  const code = codeOf(error);
  if (code === "EMFILE" || code === "ENFILE") {
    io.err(`kvcast: error: too many open files (${code}): raise the limit (ulimit -n, LimitNOFILE=)\n`);
    return EXIT.unavailable;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  io.err(`kvcast: error: a bug in kvcast: ${stack}\nkvcast: please report it, with these lines\n`);
  return EXIT.failure;
}

/** Commander's words on one line, with two repairs. */
function usageMessage(error: CommanderError, argv: readonly string[]): string {
  if (error.code === "commander.help") {
    // Commander has printed the page, and has no words of its own.
    return argv[0] === "help" ? `there is no command ${quoted(argv[1] ?? "")}` : "a command is missing";
  }
  if (error.code === "commander.excessArguments") return excessMessage(argv);
  // Of --flag=value it would repeat the value, which may be a secret, and not see what the flag resembles.
  const flag = /unknown option '(--[^=']+)=/.exec(error.message)?.[1];
  if (flag !== undefined) {
    const spec = commandOf(argv);
    const options = spec === undefined ? SERVE_PAGE.options : optionsOf(spec);
    return `unknown option '${flag}'${didYouMean(flag, flagNames(options))}`;
  }
  return error.message.replace(/^error: /, "").replaceAll("\n", " ");
}

/** The first word is the command. Words that look like an address are values that lack their flag. */
function excessMessage(argv: readonly string[]): string {
  const { name = "kvcast", operands = [] } = commandOf(argv) ?? {};
  const takes = operands.length === 0 ? "takes flags only" : `takes no more than ${operands.join(" ")} and flags`;
  const example = name === "serve" ? ", as --engine URL" : "";
  return `too many words: ${name} ${takes}; a value goes behind its flag${example}`;
}

function commandOf([word]: readonly string[]): CommandSpec | undefined {
  return COMMANDS.find(({ name }) => name === word);
}
