/**
 * The filter of Dynamo's Python helpers: line by line, by the first letters of the name. ANY THREAD.
 *
 *   blank lines go ─► excluded prefixes go ─► of the rest the included ones stay ─► names get their new prefix
 *
 * HELP and TYPE lines are judged by the name they speak of, all other lines as they stand: a free comment has no prefix, so
 * an include filter drops it and an exclude filter keeps it.
 */
export interface LineFilter {
  /** Empty: all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Put in front of names that do not have it, in the place of the included prefix; null: names stay. */
  readonly addPrefix: string | null;
}

const HEAD = /^# (?:HELP|TYPE) /;

export function isFiltering({ include, exclude, addPrefix }: LineFilter): boolean {
  return include.length > 0 || exclude.length > 0 || addPrefix !== null;
}

/** The lines that stay, each with a line feed behind it. */
export function filterLines(text: string, filter: LineFilter): string {
  let kept = "";
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    if (begins(line, filter.exclude) || (filter.include.length > 0 && !begins(line, filter.include))) continue;
    kept += `${filter.addPrefix === null ? line : renamed(line, filter.include, filter.addPrefix)}\n`;
  }
  return kept;
}

function begins(line: string, prefixes: readonly string[]): boolean {
  const head = HEAD.exec(line)?.[0].length ?? 0;
  return prefixes.some((prefix) => line.startsWith(prefix, head) || line.startsWith(prefix));
}

function renamed(line: string, include: readonly string[], addPrefix: string): string {
  const head = HEAD.exec(line)?.[0] ?? "";
  if (head === "" && line.startsWith("#")) return line;
  const named = line.slice(head.length);
  const stripped = include.find((prefix) => named.startsWith(prefix)) ?? "";
  const name = named.slice(stripped.length);
  return head + (name.startsWith(addPrefix) ? name : addPrefix + name);
}
