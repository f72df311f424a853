// What takes too long for every run of the tests. Run by `npm run long`, which builds first.
// Exit code 0: no part failed; 1: one did; 2: wrong usage.
//
//   npm run long -- [--only fuzz|soak|nodes] [--minutes M] [--rounds R]
//
//   fuzz    the property tests, many runs, with a seed that is printed before; R rounds (5), each with a new one.
//           RUNS and KVCAST_PROPERTY_RUNS say how many runs a property gets, KVCAST_FUZZ_SEED fixes the seed
//   soak    a service under load with mild faults for M minutes (10)
//   nodes   the whole test suite on Node 22 and 24, which npm brings; skipped, with the reason, when it cannot
import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installNode, NODE_MAJORS } from "./other-nodes.js";
import { runSoak } from "../dist/bench/long/soak.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const RESULTS = path.join(ROOT, "bench/results");
const SEED_PRELOAD = new URL("../dist/bench/long/fuzz-seed.js", import.meta.url).href;
const PARTS = ["fuzz", "soak", "nodes"];
const TEST_FOLDERS = ["unit", "property", "integration", "fault"];
const DEFAULT_RUNS = "3000";
/** One test; with many runs a property takes minutes. */
const FUZZ_TEST_TIMEOUT_MS = 30 * 60_000;
const TEST_TIMEOUT_MS = 180_000;

function say(text) {
  process.stdout.write(`${text}\n`);
}

function testFiles(folder) {
  const inside = path.join(ROOT, "dist/test", folder);
  const files = readdirSync(inside).filter((file) => file.endsWith(".test.js"));
  return files.map((file) => path.join(inside, file));
}

/**
 * Runs test files with the program `node`; the whole output goes into `bench/results/LOG`. Resolves with the runner's counts,
 * the names of the tests that failed, and the reasons of those that were skipped.
 */
async function runTests(node, log, args, files, env = {}) {
  const child = spawn(node, ["--enable-source-maps", ...args, "--test", "--test-reporter=tap", ...files], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  mkdirSync(RESULTS, { recursive: true });
  const file = createWriteStream(path.join(RESULTS, log));
  child.stderr.pipe(file, { end: false });
  const counts = {};
  const failed = [];
  const skipped = new Set();
  const closed = new Promise((resolve) => child.once("close", resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    file.write(`${line}\n`);
    const [, count, number] = /^# (tests|pass|fail|cancelled|skipped) (\d+)$/.exec(line) ?? [];
    if (count !== undefined) counts[count] = Number(number);
    const [, name] = /^\s*not ok \d+ - (.*)$/.exec(line) ?? [];
    if (name !== undefined) failed.push(name);
    const [, reason] = /# SKIP (.+)$/.exec(line) ?? [];
    if (reason !== undefined) skipped.add(reason);
  }
  const code = await closed;
  file.end();
  return { ok: code === 0 && counts.tests > 0, code, counts, failed, skipped, log: path.join("bench/results", log) };
}

function sayResult(title, { ok, code, counts, failed, skipped, log }) {
  const { tests = 0, pass = 0, fail = 0, cancelled = 0, skipped: skips = 0 } = counts;
  say(`${title}: ${tests} tests, ${pass} passed, ${fail + cancelled} failed, ${skips} skipped`);
  for (const reason of skipped) say(`  skipped: ${reason}`);
  if (ok) return;
  for (const name of failed) say(`  failed: ${name}`);
  say(`  exit code ${code}; all of it is in ${log}`);
}

async function fuzz({ rounds }) {
  const runs = process.env.RUNS ?? DEFAULT_RUNS;
  const propertyRuns = process.env.KVCAST_PROPERTY_RUNS ?? runs;
  let ok = true;
  for (let round = 1; round <= rounds; round++) {
    const seed = process.env.KVCAST_FUZZ_SEED ?? String(Math.floor(Math.random() * 2 ** 31));
    const env = { RUNS: runs, KVCAST_PROPERTY_RUNS: propertyRuns, KVCAST_FUZZ_SEED: seed };
    const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    say(`fuzz ${round} of ${rounds}: ${words.join(" ")}`);
    const args = ["--import", SEED_PRELOAD, `--test-timeout=${FUZZ_TEST_TIMEOUT_MS}`];
    const result = await runTests(process.execPath, `fuzz-${seed}.log`, args, testFiles("property"), env);
    sayResult(`fuzz ${round} of ${rounds}`, result);
    if (!result.ok) say(`  again: ${words.join(" ")} npm run long -- --only fuzz --rounds 1`);
    ok &&= result.ok;
  }
  return ok;
}

async function soak({ minutes }) {
  const seed = Math.floor(Math.random() * 2 ** 31);
  say(`soak: ${minutes} min, seed ${seed}`);
  const failures = await runSoak({ minutes, seed, say: (line) => say(`soak: ${line}`) });
  for (const failure of failures) say(`soak FAILED: ${failure}`);
  return failures.length === 0;
}

async function nodes() {
  let ok = true;
  let installed = 0;
  for (const major of NODE_MAJORS) {
    const { program, version, reason } = installNode(major, true);
    if (reason !== undefined) {
      say(`Node ${major}: skipped, because it cannot be installed: ${reason}`);
      continue;
    }
    installed++;
    const args = [`--test-timeout=${TEST_TIMEOUT_MS}`, "--test-concurrency=2"];
    // Programs that tests start by name, npm and npx, are to run on it too.
    const env = { PATH: `${path.dirname(program)}${path.delimiter}${process.env.PATH}` };
    const result = await runTests(program, `node-${major}.log`, args, TEST_FOLDERS.flatMap(testFiles), env);
    sayResult(`Node ${version}`, result);
    ok &&= result.ok;
  }
  return installed === 0 ? "skipped" : ok;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      minutes: { type: "string", default: "10" },
      rounds: { type: "string", default: "5" },
    },
  });
  const minutes = Number(values.minutes);
  const rounds = Number(values.rounds);
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: a number above 0`);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: a whole number from 1 on`);
  if (values.only !== undefined && !PARTS.includes(values.only)) {
    throw new Error(`--only ${values.only}: one of ${PARTS.join(", ")}`);
  }
  return { minutes, rounds, parts: values.only === undefined ? PARTS : [values.only] };
}

function readOptionsOrExit() {
  try {
    return readOptions();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return process.exit(2);
  }
}

const options = readOptionsOrExit();
const RUN = { fuzz, soak, nodes };
const outcomes = [];
for (const part of options.parts) {
  // true, false, or "skipped"
  const outcome = await RUN[part](options);
  if (outcome === false) process.exitCode = 1;
  outcomes.push(`${part} ${outcome === "skipped" ? "skipped" : outcome ? "passed" : "FAILED"}`);
}
say(`long: ${outcomes.join(", ")}`);
