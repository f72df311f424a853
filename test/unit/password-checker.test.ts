/** Passwords on a machine that has no thread to check them on. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";

/** The permission model refuses threads at the place where a system does that has none left. */
const NO_THREADS = process.allowedNodeEnvironmentFlags.has("--permission")
  ? "--permission"
  : "--experimental-permission";
const CHECKER = new URL("../../src/main/web-config/password-checker.js", import.meta.url).href;
const PROGRAM = `
const { PasswordChecker } = await import(${JSON.stringify(CHECKER)});
const checker = new PasswordChecker();
const answers = [];
for (let i = 0; i < 3; i++) answers.push(await checker.check("word", "$2b$04$" + ".".repeat(53), "10.0.0." + i));
console.log(JSON.stringify(answers));
`;

test("no thread can be started: each question is answered with busy, and none waits for ever", () => {
  const args = [NO_THREADS, "--allow-fs-read=*", "--input-type=module", "--eval", PROGRAM];
  const output = execFileSync(process.execPath, args, { timeout: 20_000, encoding: "utf8" });
  assert.deepEqual(JSON.parse(output), [null, null, null]);
});
