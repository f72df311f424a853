/**
 * Reads a configuration file: YAML, or JSON. Loaded only when a file is named, so that a start without one does not pay for
 * the library. MAIN THREAD, at start only.
 *
 * Values are taken as they are written, not as YAML types: the text goes through the same parsers as a flag, so `007` stays
 * `007` and a number in quotes is as good as one without.
 */
import { ConfigError } from "../../shared/errors.ts";
import { quoted } from "./option-spec.ts";
import type { OptionSpec, Place } from "./option-spec.ts";
import { readBounded } from "./read-bounded.ts";
import type { FileEntries, FileEntry } from "./resolve.ts";
import { didYouMean } from "./suggest.ts";
import { type YamlList, type YamlNode, yamlTree } from "./yaml-tree.ts";

/** A file of all options is under 2 KiB; this stops a wrong file, such as a model. */
const MAX_FILE_BYTES = 1024 * 1024;
/** What people run into: `synthetic:` looks like the key of a map. */
const COLON_HINT = " (a value with a colon at its end needs quotes)";

/** Told of an entry that cannot be taken; the others go on without it if it returns. */
export type OnProblem = (error: ConfigError) => void;

function fail(error: ConfigError): never {
  throw error;
}

/** `configEntries` of a file. Throws ConfigError for one that cannot be read, too; `from` is where its name came from. */
export function readConfigFile(
  file: string,
  from: Place,
  options: readonly OptionSpec<unknown>[],
  onProblem: OnProblem = fail,
): FileEntries {
  return configEntries(readBounded(file, from, MAX_FILE_BYTES).toString("utf8"), file, from, options, onProblem);
}

/**
 * The entries of what stands in a file, by option name. Entries without a value count as absent. Throws ConfigError for what
 * cannot be parsed, and for keys that are not options.
 */
export function configEntries(
  text: string,
  file: string,
  from: Place,
  options: readonly OptionSpec<unknown>[],
  onProblem: OnProblem = fail,
): FileEntries {
  const where = (line: number): string => `${file} line ${line}`;
  const tree = yamlTree(text);
  if ("problem" in tree) {
    const { line, message, code } = tree.problem;
    const hint = code === "BLOCK_AS_IMPLICIT_KEY" ? COLON_HINT : "";
    throw new ConfigError(from.option, `${where(line)}: not valid YAML or JSON: ${message}${hint}`);
  }
  const entries = new Map<string, readonly FileEntry[]>();
  const { root } = tree;
  // An empty file, or one of comments only, is what a template without values becomes.
  if (root.kind === "text" && root.text === null) return entries;
  if (root.kind !== "map") throw new ConfigError(from.option, `${file}: not a map of option names to values`);
  const byName = new Map(options.map((option) => [option.name, option]));
  for (const { key, line, value } of root.entries) {
    const option = byName.get(key);
    if (option === undefined) {
      onProblem(new ConfigError(key, `${where(line)}: no option ${quoted(key)}${didYouMean(key, [...byName.keys()])}`));
      continue;
    }
    const placeAt = (at: number): Place => {
      return { label: `${key} in ${where(at)} (--${key})`, option: key, where: where(at) };
    };
    try {
      const values =
        option.repeatable === true && value.kind === "list" ? listOf(value, placeAt) : valueOf(value, placeAt(line));
      if (values.length > 0) entries.set(key, values);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      onProblem(error);
    }
  }
  return entries;
}

/** A value, or nothing where there is none. */
function valueOf(value: YamlNode, place: Place): FileEntry[] {
  if (value.kind !== "text") throw new ConfigError(place.option, `${place.label}: a list, map or alias is not allowed`);
  return value.text === null ? [] : [{ text: value.text, place }];
}

/** The values of a list, each with the line where it stands. */
function listOf(list: YamlList, placeAt: (line: number) => Place): FileEntry[] {
  return list.items.flatMap((item) => {
    const place = placeAt(item.line);
    if (item.kind !== "map") return valueOf(item, place);
    throw new ConfigError(place.option, `${place.label}: a map is not allowed${COLON_HINT}`);
  });
}
