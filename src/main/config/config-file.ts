/**
 * Reads a configuration file: YAML, or JSON, which YAML contains. The only user of the YAML library, loaded only when a
 * file is named, so that a start without one does not pay for it. MAIN THREAD, at start only.
 *
 * Values are taken as they are written, not as YAML types: the text goes through the same parsers as a flag, so `007` stays
 * `007` and a number in quotes is as good as one without.
 */
import { readFileSync } from "node:fs";
import { LineCounter, isMap, isNode, isScalar, isSeq, parseDocument } from "yaml";
import type { Pair, Scalar, YAMLSeq } from "yaml";
import { ConfigError, messageOf } from "../../shared/errors.ts";
import { quoted } from "./option-spec.ts";
import type { OptionSpec, Place } from "./option-spec.ts";
import type { FileEntries, FileEntry } from "./resolve.ts";
import { didYouMean } from "./suggest.ts";

/** A file of all options is under 2 KiB; this stops a wrong file, such as a model. */
const MAX_FILE_BYTES = 1024 * 1024;
const MAX_PROBLEM_CHARS = 300;
/** What people run into: `synthetic:` looks like the key of a map. */
const COLON_HINT = " (a value with a colon at its end needs quotes)";

/**
 * The entries of the file by option name. Entries without a value count as absent. Throws ConfigError for a file that
 * cannot be read or parsed, and for keys that are not options; `from` is where the file's name came from.
 */
export function readConfigFile(file: string, from: Place, options: readonly OptionSpec<unknown>[]): FileEntries {
  const lines = new LineCounter();
  const where = (offset: number): string => `${file} line ${lines.linePos(offset).line}`;
  const document = parseDocument(readText(file, from), { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const hint = problem.code === "BLOCK_AS_IMPLICIT_KEY" ? COLON_HINT : "";
    // The parser may repeat all of the file in its words.
    const words = problem.message.slice(0, MAX_PROBLEM_CHARS);
    throw new ConfigError(from.option, `${where(problem.pos[0])}: not valid YAML or JSON: ${words}${hint}`);
  }
  const entries = new Map<string, readonly FileEntry[]>();
  const root = document.contents;
  // An empty file, or one of comments only, is what a template without values becomes.
  if (root === null || (isScalar(root) && root.value === null)) return entries;
  if (!isMap(root)) throw new ConfigError(from.option, `${file}: not a map of option names to values`);
  const byName = new Map(options.map((option) => [option.name, option]));
  for (const pair of root.items) {
    const { key, at } = keyOf(pair);
    const option = byName.get(key);
    if (option === undefined) {
      throw new ConfigError(key, `${where(at)}: no option ${quoted(key)}${didYouMean(key, [...byName.keys()])}`);
    }
    const placeAt = (offset: number): Place => ({ label: `${key} in ${where(offset)} (--${key})`, option: key });
    const { value } = pair;
    const values = option.repeatable === true && isSeq(value) ? listOf(value, placeAt) : valueOf(value, placeAt(at));
    if (values.length > 0) entries.set(key, values);
  }
  return entries;
}

function readText(file: string, from: Place): string {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    throw new ConfigError(from.option, `${from.label}: cannot read the file: ${messageOf(error)}`, error);
  }
  if (content.length > MAX_FILE_BYTES) {
    throw new ConfigError(from.option, `${from.label}: ${file} is larger than ${MAX_FILE_BYTES} bytes`);
  }
  return content.toString("utf8");
}

function keyOf(pair: Pair): { readonly key: string; readonly at: number } {
  if (!isScalar(pair.key)) return { key: "", at: 0 };
  return { key: written(pair.key), at: pair.key.range?.[0] ?? 0 };
}

/** A value, or nothing where there is none. */
function valueOf(value: unknown, place: Place): FileEntry[] {
  if (value === null) return [];
  if (!isScalar(value)) throw new ConfigError(place.option, `${place.label}: a list, map or alias is not allowed`);
  return value.value === null ? [] : [{ text: written(value), place }];
}

/** The values of a list, each with the line where it stands. */
function listOf(list: YAMLSeq, placeAt: (offset: number) => Place): FileEntry[] {
  const start = list.range?.[0] ?? 0;
  return list.items.flatMap((item) => {
    const place = placeAt(isNode(item) ? (item.range?.[0] ?? start) : start);
    if (!isMap(item)) return valueOf(item, place);
    throw new ConfigError(place.option, `${place.label}: a map is not allowed${COLON_HINT}`);
  });
}

function written(scalar: Scalar): string {
  return typeof scalar.value === "string" ? scalar.value : (scalar.source ?? String(scalar.value));
}
