/**
 * Dashboards and alerts are built on the names of metrics: one that goes, or becomes another type, is a change that users must
 * read of. The list only grows; a name may leave it when CHANGELOG.md has a line about its removal.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { CATALOGUE } from "../../src/main/metrics/catalogue.ts";
import { fullName } from "../../src/main/metrics/metric-definition.ts";

function read(name: string): string {
  return readFileSync(path.join(process.cwd(), name), "utf8");
}

const now = new Set(CATALOGUE.flatMap(({ metrics }) => metrics.map((metric) => `${fullName(metric)} ${metric.type}`)));
const promised = read("test/fixtures/metric-names.txt").trimEnd().split("\n");
const changelog = read("CHANGELOG.md");

test("a metric that was there is there, or the changelog tells of its removal", () => {
  for (const line of promised.filter((each) => !now.has(each))) {
    const [name = ""] = line.split(" ");
    assert.ok(
      changelog.split("\n").some((each) => each.startsWith("- Removed: ") && each.includes(`\`${name}\``)),
      `${line} is gone; CHANGELOG.md needs a line "- Removed: \`${name}\` …"`,
    );
  }
});

test("every metric is promised", () => {
  const missing = [...now].filter((each) => !promised.includes(each));
  assert.deepEqual(missing, [], "add them to test/fixtures/metric-names.txt");
});
