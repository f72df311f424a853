/** What the doctor says of machines, and how findings become text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findingText, verdictText } from "../../src/main/cli/doctor-text.ts";
import { examineMachine } from "../../src/main/doctor/examine-machine.ts";
import { Findings } from "../../src/main/doctor/finding.ts";

test("this machine has what its own tests need", async () => {
  const findings = await examineMachine();
  assert.deepEqual(
    findings.filter(({ status }) => status === "fail"),
    [],
  );
});

for (const [version, status] of [
  ["18.20.4", "fail"],
  ["20.18.9", "fail"],
  ["20.19.0", "ok"],
  ["22.0.0", "ok"],
] as const) {
  test(`Node ${version}: ${status}`, async () => {
    const finding = (await examineMachine(version)).find(({ check }) => check === "node_version");
    assert.equal(finding?.status, status);
    assert.equal(finding.fix === null, status === "ok");
  });
}

test("a finding is one line, or three where something is to be done; colour is never all that tells", () => {
  const findings = new Findings("engine", "a http://h:1");
  findings.ok("health", "well");
  findings.fail("block_size", { says: "16, 32 expected", why: "nothing matches", fix: "--kv-block-size 16" });
  const [good, bad] = findings.list;
  assert.ok(good && bad);
  assert.equal(findingText(good, false), "ok    engine a http://h:1: health: well\n");
  assert.equal(
    findingText(bad, false),
    "FAIL  engine a http://h:1: block_size: 16, 32 expected\n         why: nothing matches\n         fix: --kv-block-size 16\n",
  );
  assert.match(findingText(bad, true), /FAIL/);
  assert.equal(verdictText(findings.list, false), "1 failed, 0 warnings, 1 ok, 0 not examined\n");
});
