/** What is under deploy/ is what the tables say, and the tables are complete. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { generatedFiles, SCENARIOS } from "../../observe/generated.ts";
import { ALERTS } from "../../observe/scenarios/test-file.ts";
import { isAlert } from "../../src/main/observe/rules/rule-model.ts";
import { RULE_GROUPS } from "../../src/main/observe/rules/rule-file.ts";

const DEPLOY = path.join(process.cwd(), "deploy");

test("files are byte for byte what npm run docs writes, and there are no others", () => {
  const made = generatedFiles();
  for (const { path: file, text } of made) {
    assert.ok(existsSync(file), `${file} is missing: npm run docs`);
    assert.equal(readFileSync(file, "utf8"), text, `${file}: npm run docs`);
  }
  for (const folder of ["prometheus", "grafana"]) {
    const there = readdirSync(path.join(DEPLOY, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(process.cwd(), path.join(entry.parentPath, entry.name)));
    const expected = made.map((file) => file.path).filter((file) => file.startsWith(`deploy/${folder}/`));
    assert.deepEqual(there.toSorted(), expected.toSorted());
  }
});

test("making them twice gives the same bytes", () => {
  assert.deepEqual(generatedFiles(), generatedFiles());
});

test("every alert has scenarios of both kinds, and every scenario an alert", () => {
  const all = Object.values(SCENARIOS).flatMap(({ scenarios }) => scenarios);
  assert.deepEqual(all.map(({ alert }) => alert).toSorted(), ALERTS.map(({ alert }) => alert).toSorted());
  for (const { alert, firing, silent } of all) {
    assert.ok(firing.length > 0 && silent.length > 0, alert);
    const reasons = [...firing, ...silent].map(({ why }) => why);
    assert.equal(new Set(reasons).size, reasons.length, alert);
  }
});

test("alerts have names, severities and texts in the way of mixins", () => {
  assert.equal(new Set(ALERTS.map(({ alert }) => alert)).size, ALERTS.length);
  for (const { alert, summary, description, severity } of ALERTS) {
    assert.match(alert, /^Kvcast(?:[A-Z][a-z]+)+$/);
    assert.match(summary, /^[A-Z][^{}]*\.$/, alert);
    assert.match(description, /\.$|%\.$/, alert);
    assert.ok(["critical", "warning", "info"].includes(severity));
  }
});

test("the recording rules are the eight, named by level, metric and operation", () => {
  const rules = RULE_GROUPS.flatMap((group) => group.rules).filter((rule) => !isAlert(rule));
  assert.equal(rules.length, 8);
  for (const rule of rules) assert.match("record" in rule ? rule.record : "", /^[a-z_]+:[a-z_0-9]+:[a-z0-9_]+$/);
});

test("every expression is about kvcast's jobs or Dynamo's, and of no others", () => {
  for (const { expr } of RULE_GROUPS.flatMap((group) => group.rules)) {
    // Each selector begins with the matcher of its jobs.
    for (const selector of expr.matchAll(/[a-z_0-9:]{6,}\{([^}]*)\}/g))
      assert.match(selector[1] ?? "", /^\$(?:job|dynamo)/, expr);
  }
});

test("pages that say how many rules there are say it right", () => {
  for (const file of ["docs/observability.md", "CHANGELOG.md"]) {
    const text = readFileSync(file, "utf8").replaceAll(/\s+/g, " ");
    assert.ok(text.includes("8 recording rules") && text.includes(`${ALERTS.length} alerts`), file);
  }
});
