/** `kvcast config`: what a service would run with, whether it would start, and the schema of its file. MAIN THREAD. */
import { configSchema } from "../config/config-schema.ts";
import type { ConfigWord, TargetName } from "../config/config-options.ts";
import { TARGETS } from "../config/config-targets.ts";
import { type Explained, type ExplainedOption, explain } from "../config/explain.ts";
import type { Environment, Flags } from "../config/option-spec.ts";
import { EXIT } from "../../shared/errors.ts";
import { escapeControl } from "../log-text.ts";

interface ConfigCall {
  readonly word: ConfigWord;
  readonly command: TargetName;
  /** Those of the service. */
  readonly flags: Flags;
  readonly json: boolean;
}

interface ConfigIo {
  readonly env: Environment;
  out(text: string): void;
  err(text: string): void;
}

/** Resolves with the exit code: 78 when something is wrong. */
export async function runConfig({ word, command, flags, json }: ConfigCall, io: ConfigIo): Promise<number> {
  if (word === "schema") {
    io.out(`${JSON.stringify(configSchema(command, TARGETS[command].options), null, 2)}\n`);
    return EXIT.ok;
  }
  const found = await explain(command, flags, io.env);
  const isOk = found.problems.length === 0;
  if (json) io.out(`${JSON.stringify(word === "show" ? shownJson(found) : verdictJson(found), null, 2)}\n`);
  else if (word === "show") io.out(shownText(found));
  if (!json) {
    for (const warning of found.warnings) io.err(`kvcast: warning: ${warning}\n`);
    for (const { message } of found.problems) io.err(`kvcast: error: ${message}\n`);
    if (word === "check" && isOk) io.out(`kvcast ${command} would start with this\n`);
  }
  return isOk ? EXIT.ok : EXIT.badConfig;
}

function verdictJson({ command, problems, warnings }: Explained): object {
  const errors = problems.map(({ option, message }) => ({ option, message }));
  return { ok: problems.length === 0, command, errors, warnings };
}

/** For programs, and for the support bundle. */
export function shownJson(found: Explained): object {
  const options = found.options.map(({ name, values, origin, from, note }) => {
    return { option: name, values, origin, from, ...(note === null ? {} : { note }) };
  });
  return { ...verdictJson(found), options, secrets: found.secrets };
}

function isSet({ origin }: ExplainedOption): boolean {
  return origin !== "default";
}

/** Three columns, those that somebody has set first. */
function shownText({ options, secrets }: Explained): string {
  const rows = [...options.filter(isSet), ...options.filter((option) => !isSet(option))].map((option) => [
    option.name,
    valueText(option),
    fromText(option),
  ]);
  const secretRows = secrets.map(({ variable, value }) => [variable, value, "environment, a secret"]);
  const all = [...rows, ...secretRows];
  const widths = [0, 1].map((column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const lines = all.map((cells) => cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

function valueText({ values, note }: ExplainedOption): string {
  if (values.length === 0) return note === null ? "-" : `(${note})`;
  const text = values.map((value) => escapeControl(value)).join(" ");
  return text === "" ? '""' : text;
}

function fromText({ origin, from }: ExplainedOption): string {
  return from === null ? origin : `${origin} ${from}`;
}
