/** INVARIANTS.md names tests: each of them must be there, under that title, and each promise must have some. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";

const PAGE = readFileSync(path.join(process.cwd(), "INVARIANTS.md"), "utf8");
const PROMISES = 12;

interface Named {
  readonly file: string;
  readonly title: string;
}

function named(text: string): Named[] {
  return [...text.matchAll(/^- `(test\/[\w./-]+)`: (.+)$/gmu)].map(([, file = "", title = ""]) => ({ file, title }));
}

/** Titles of a test file, with `…` for what is put in at run time. */
function titlesOf(file: string): string[] {
  const source = readFileSync(path.join(process.cwd(), file), "utf8");
  return [...source.matchAll(/\btest\(\s*(?:"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/gu)].map(([, plain, template]) =>
    (plain ?? template ?? "").replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/gu, "…"),
  );
}

test("every test that is named exists", () => {
  const list = named(PAGE);
  assert.ok(list.length > 50);
  for (const { file, title } of list) {
    assert.ok(existsSync(path.join(process.cwd(), file)), `${file} does not exist`);
    assert.ok(titlesOf(file).includes(title), `${file} has no test ${JSON.stringify(title)}`);
  }
});

test("every promise has tests, and every test of the fault suite keeps one", () => {
  const sections = PAGE.split(/^## /mu).slice(1);
  for (let n = 1; n <= PROMISES; n++) {
    const section = sections.find((text) => text.startsWith(`${n}. `));
    assert.ok(section !== undefined && named(section).length >= 3, `promise ${n}`);
  }
  const files = new Set(named(PAGE).map(({ file }) => file));
  const suite = readdirSync(path.join(process.cwd(), "test/fault")).map((name) => `test/fault/${name}`);
  assert.deepEqual(
    suite.filter((file) => !files.has(file) && file.endsWith(".test.ts")),
    [],
    "a file of the fault suite that no promise names",
  );
});
