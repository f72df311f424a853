/** Pages that promise something name tests that are there, and no page has a link that leads nowhere. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { MAX_ENGINES } from "../../src/shared/record.ts";
import { deadLinks } from "../support/markdown-links.ts";

const ROOT = process.cwd();

function read(name: string): string {
  return readFileSync(path.join(ROOT, name), "utf8");
}

/** The cells of each row of the table of threats. */
const threats = read("SECURITY.md")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| Surface") && !line.startsWith("| ---"))
  .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/gu, "")));

test("each threat has an answer, and a test that is there", () => {
  assert.ok(threats.length >= 15);
  for (const cells of threats) {
    assert.equal(cells.length, 4, cells[0]);
    const tests = Array.from((cells[3] ?? "").matchAll(/`(test\/[^`]+)`/gu), ([, name = ""]) => name);
    assert.ok(tests.length > 0, `${cells[0]} has no test`);
  }
});

test("every test that a page names is there", () => {
  const pages = [
    "SECURITY.md",
    ...readdirSync(path.join(ROOT, "docs"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ];
  for (const page of pages) {
    for (const [, name = ""] of read(page).matchAll(/`(test\/[\w./-]+\.test\.ts)`/gu)) {
      assert.ok(existsSync(path.join(ROOT, name)), `${page}: ${name}`);
    }
  }
});

test("no link of a page leads nowhere", () => {
  const folders = [".", "docs", "docs/adr", "deploy", "bench"];
  const pages = folders.flatMap((folder) =>
    readdirSync(path.join(ROOT, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => path.join(ROOT, folder, name)),
  );
  assert.ok(pages.length > 30);
  for (const page of pages) assert.deepEqual(deadLinks(page), [], page);
});

test("who looks for help with a vulnerability, with the move from another publisher or to another version, finds it", () => {
  const readme = read("README.md");
  for (const page of ["SECURITY.md", "docs/migration.md", "docs/upgrading.md", "docs/limits.md", "deploy/README.md"]) {
    assert.ok(readme.includes(`](${page})`), page);
  }
});

test("limits that are numbers are those of the code", () => {
  assert.ok(read("docs/limits.md").includes(`**${MAX_ENGINES} engines** a process`));
});
