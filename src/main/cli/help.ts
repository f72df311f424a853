/**
 * Help pages, written from the tables of options. MAIN THREAD. Examples come first: most readers want one of those and
 * stop there.
 */
import type { OptionSpec } from "../config/option-spec.ts";

/** Fits the narrowest terminal that people still use. */
const COLUMNS = 80;
const OPTION_INDENT = 2;
const TEXT_INDENT = 6;

interface Example {
  /** One line of shell, or more, which are joined by backslashes. */
  readonly command: readonly string[];
  readonly says: string;
}

/** A flag without a value, or a command. */
export interface Item {
  readonly name: string;
  readonly says: string;
}

export interface HelpPage {
  readonly examples: readonly Example[];
  readonly usage: string;
  readonly summary: string;
  readonly options: readonly OptionSpec<unknown>[];
  /** Sections after the options: a title and its items. */
  readonly sections: readonly { readonly title: string; readonly items: readonly Item[] }[];
}

/** The whole page, with a newline at its end. */
export function renderHelp(page: HelpPage): string {
  const parts = ["Examples:", ...page.examples.flatMap(exampleLines), "", `Usage: ${page.usage}`, ""];
  parts.push(...wrap(page.summary, 0));
  for (const group of new Set(page.options.map((option) => option.group))) {
    parts.push("", `${group}:`, ...page.options.filter((option) => option.group === group).flatMap(optionLines));
  }
  for (const { title, items } of page.sections) parts.push("", `${title}:`, ...items.flatMap(itemLines));
  return `${parts.join("\n")}\n`;
}

/** What stands after the description of an option: what it takes, its default, its variables. */
function optionFacts(option: OptionSpec<unknown>): {
  readonly default: string | undefined;
  readonly env: string;
} {
  const env = option.env.map((variable) =>
    variable.note === undefined ? variable.name : `${variable.name} (${variable.note})`,
  );
  return { default: option.default === "" ? "empty" : (option.default ?? option.defaultNote), env: env.join("; ") };
}

function exampleLines(example: Example): string[] {
  const [first = "", ...rest] = example.command;
  const lines = [
    `${" ".repeat(OPTION_INDENT)}${first}`,
    ...rest.map((line) => `${" ".repeat(OPTION_INDENT + 4)}${line}`),
  ];
  return [lines.join(" \\\n"), ...wrap(example.says, TEXT_INDENT)];
}

function optionLines(option: OptionSpec<unknown>): string[] {
  const facts = optionFacts(option);
  const sentences = [`Takes ${option.type.takes}.`];
  if (option.repeatable === true) sentences.push("May be given more than once.");
  if (facts.default !== undefined) sentences.push(`Default: ${facts.default}.`);
  if (facts.env !== "") sentences.push(`Variable: ${facts.env}.`);
  return [
    `${" ".repeat(OPTION_INDENT)}--${option.name} ${option.type.placeholder}`,
    ...wrap(option.help, TEXT_INDENT),
    ...wrap(sentences.join(" "), TEXT_INDENT),
  ];
}

function itemLines(item: Item): string[] {
  return [`${" ".repeat(OPTION_INDENT)}${item.name}`, ...wrap(item.says, TEXT_INDENT)];
}

/** Breaks text into lines between words. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(" ".repeat(indent) + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, " ".repeat(indent) + line];
}
