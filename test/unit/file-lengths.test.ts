/** Files are short: those that are not are named, with their reason, where the rule was last argued about. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

const MAX_LINES = 250;
/** For those with a reason. */
const MAX_LINES_EVER = 280;
const RECORD = "docs/adr/0014-held-beside-others.md";

async function longFiles(): Promise<ReadonlyMap<string, number>> {
  const names = (await readdir("src", { recursive: true })).filter((name) => name.endsWith(".ts"));
  assert.ok(names.length > 300, `only ${names.length} files`);
  const long = new Map<string, number>();
  for (const name of names) {
    const lines = (await readFile(path.join("src", name), "utf8")).split("\n").length - 1;
    if (lines > MAX_LINES) long.set(path.basename(name), lines);
  }
  return long;
}

test("files of more than 250 lines are those that the record names, and none is much longer", async () => {
  const long = await longFiles();
  const text = (await readFile(RECORD, "utf8")).replaceAll("\n", " ");
  const [, list = ""] = /Some files are longer than 250 lines[^:]*:(.*?) A test holds this list/.exec(text) ?? [];
  const named = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? "");
  assert.deepEqual([...long.keys()].toSorted(), named.toSorted());
  for (const [name, lines] of long) assert.ok(lines <= MAX_LINES_EVER, `${name} has ${lines} lines`);
});
