/** Files that a YAML library would take minutes for, or all of the stack, or end the process over: refused in words, and soon. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { yamlTree } from "../../src/main/config/yaml-tree.ts";

const MIB = 1 << 20;
const SOON_MS = 5000;

const EXCESSIVE: Readonly<Record<string, string>> = {
  "lists in brackets": "[".repeat(MIB),
  "maps in braces": "{a: ".repeat(MIB / 4),
  "lists on one line": "- ".repeat(MIB / 2),
  "keys of keys": "? ".repeat(MIB / 2),
  "a quoted text in deep lists": `${"- ".repeat(30_000)}"a\n b"`,
  "a list of deep lists": `a: 1\nb:\n${"- ".repeat(3000)}x`,
  "maps a column deeper each": Array.from({ length: 1400 }, (_, i) => `${" ".repeat(i)}a:\n`).join(""),
  "anchors without end": "&a ".repeat(300_000),
  "a hundred thousand keys": Array.from({ length: 100_000 }, (_, i) => `k${i}: 1\n`).join(""),
};

for (const [what, text] of Object.entries(EXCESSIVE)) {
  test(`${what}: refused`, () => {
    const startedMs = performance.now();
    const tree = yamlTree(text.slice(0, MIB));
    assert.ok("problem" in tree, "it is a problem");
    assert.match(tree.problem.message, /too many levels|more keys and values/);
    assert.ok(performance.now() - startedMs < SOON_MS);
  });
}

test("what looks deep and is not is read", () => {
  const users = Array.from({ length: 1000 }, (_, i) => `  user${i}: $2y$10$abc\n`).join("");
  const art = `  a: |\n${" ".repeat(300)}x [[[[${"[".repeat(100)}\n  b: "${"- ".repeat(200)}"\n  c: '${"{".repeat(200)}'\n`;
  const aligned = `  d: 1${" ".repeat(400)}# a comment\n  e: ${":-?".repeat(100)}\n`;
  const list = `  f:\n${"    - 1\n".repeat(500)}  g: [${"1, ".repeat(500)}]\n  h: {${"a: [], ".repeat(1)}}\n`;
  const tree = yamlTree(`users:\n${users}rest:\n${art}${aligned}${list}`);
  assert.ok("root" in tree, JSON.stringify(tree).slice(0, 300));
  assert.ok(tree.root.kind === "map");
  const [known, rest] = tree.root.entries;
  assert.ok(known?.value.kind === "map" && rest?.value.kind === "map");
  assert.equal(known.value.entries.length, 1000);
  assert.deepEqual(
    rest.value.entries.map(({ key }) => key),
    "abcdefgh".split(""),
  );
});

test("a key that stands in a map twice is a problem, however it is written, and however many there are", () => {
  const keys = Array.from({ length: 7000 }, (_, i) => `k${i}: 1\n`).join("");
  for (const last of ["k17", '"k17"', "'k17'"]) {
    const tree = yamlTree(`${keys}${last}: 2\n`);
    assert.deepEqual(tree, { problem: { line: 7001, message: "Map keys must be unique", code: "DUPLICATE_KEY" } });
  }
  assert.ok("root" in yamlTree(keys));
});

test("a file holds one document", () => {
  const tree = yamlTree(`a: 1\n---\na: 2\n`);
  assert.ok("problem" in tree);
  assert.equal(tree.problem.code, "MULTIPLE_DOCS");
  assert.equal(tree.problem.line, 2);
});

test("errors made later have their stacks", () => {
  const limit = Error.stackTraceLimit;
  assert.ok("problem" in yamlTree("a: [,,,"));
  assert.equal(Error.stackTraceLimit, limit);
});

test("a problem says the line where it begins to be one", () => {
  const tree = yamlTree(`a: 1\nb: 2\nc: ${"[".repeat(60)}`);
  assert.equal("problem" in tree ? tree.problem.line : 0, 3);
});
