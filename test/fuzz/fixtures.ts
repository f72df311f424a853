/** Recorded inputs, cut to sizes that are quick to read. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const FOLDER = path.join(process.cwd(), "test/fixtures");

export function fixture(name: string): Buffer {
  return readFileSync(path.join(FOLDER, name));
}

export function fixturesOf(folder: string, prefix: string): Buffer[] {
  const names = readdirSync(path.join(FOLDER, folder)).filter((name) => name.startsWith(prefix));
  return names.toSorted().map((name) => fixture(path.join(folder, name)));
}

/** The texts of all members of that name, however deep, in a JSON text. */
export function textsNamed(json: Buffer, name: string): string[] {
  const found: string[] = [];
  JSON.parse(json.toString(), (key: string, value: unknown) => {
    if (key === name && typeof value === "string") found.push(value);
    if (key === name && Array.isArray(value)) found.push(...value.filter((each) => typeof each === "string"));
    return value;
  });
  return found;
}

/** A JSON list in lists of a few entries each. The text of an entry stays as it is, long numbers too. */
export function listsOf(json: Buffer, entries: number): Buffer[] {
  const parts = topEntries(json.toString("latin1"));
  const lists: Buffer[] = [];
  for (let at = 0; at < parts.length; at += entries) {
    lists.push(Buffer.from(`[${parts.slice(at, at + entries).join(",")}]`, "latin1"));
  }
  return lists;
}

/** The texts of a list's entries. */
function topEntries(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/gu)) {
    if (token === "[" || token === "{") depth++;
    if (depth === 1 && token === "[" && start === 0) start = index + 1;
    if (depth === 1 && (token === "," || token === "]")) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
    if (token === "]" || token === "}") depth--;
  }
  return parts;
}

/** Pieces of a text of so many lines each. */
export function linesOf(text: Buffer, lines: number): Buffer[] {
  const all = text.toString("latin1").split(/(?<=\n)/u);
  const pieces: Buffer[] = [];
  for (let at = 0; at < all.length; at += lines) pieces.push(Buffer.from(all.slice(at, at + lines).join(""), "latin1"));
  return pieces;
}
