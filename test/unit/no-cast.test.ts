/** The linter's rule against casts: what it finds, and what it lets be. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const OXLINT: string = resolve("node_modules/oxlint/bin/oxlint");
const PLUGIN: string = resolve("scripts/lint-casts.js");

/** The lines, from 1 on, of which the rule complains. */
async function linesOf(source: readonly string[]): Promise<readonly number[]> {
  const folder = await mkdtemp(join(tmpdir(), "kvcast-no-cast-"));
  try {
    const config = { jsPlugins: [PLUGIN], categories: { correctness: "off" }, rules: { "kvcast/no-cast": "error" } };
    await writeFile(join(folder, ".oxlintrc.json"), JSON.stringify(config));
    await writeFile(join(folder, "code.ts"), source.join("\n"));
    const output = await new Promise<string>((done) => {
      execFile(
        process.execPath,
        [OXLINT, "-c", ".oxlintrc.json", "--format", "unix", "code.ts"],
        { cwd: folder },
        (_, text) => done(text),
      );
    });
    return [...output.matchAll(/code\.ts:(\d+):\d+: a cast/g)].map(([, line]) => Number(line));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("casts are found, in both of their forms and where one hides behind another", async () => {
  const source = [
    "const a = value as Thing;",
    "const b = <Thing>value;",
    "const c = value as unknown;",
    'const d = fields["size"] as number;',
    "const e = list[0] as Thing;",
    "const f = map.get(1) as number;",
  ];
  assert.deepEqual(await linesOf(source), [1, 2, 3, 4, 5, 6]);
});

test("a literal type, the number of a typed array, another name and `satisfies` are no casts", async () => {
  const source = [
    "const a = [1, 2] as const;",
    "const b = words[i + 1] as number;",
    "const c = this.#words[0] as bigint;",
    'import { a as d } from "./d.ts";',
    "const e = {} satisfies Thing;",
  ];
  assert.deepEqual(await linesOf(source), []);
});
