/**
 * `npm run bench`: runs the cases, prints one table on stdout and writes `bench/results/latest.json`. What it has to say
 * meanwhile goes to stderr. Exit code 0: all runs were valid; 1: some were not, and their figures are left out; 2: usage.
 *
 *   --quick          short runs, two of each: a look, no figures to quote
 *   --only PATTERN   cases whose names match this regular expression, and their rivals
 *   --runs N         runs of each case (5; long ones have fewer)
 *   --list           print the names and do nothing
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import type { BenchCase, RunResult } from "./bench-case.ts";
import { END_TO_END_CASES } from "./e2e/all.ts";
import { MICRO_CASES } from "./micro/all.ts";
import { microBench } from "./micro/micro-case.ts";
import { progressLine } from "../src/main/cli/progress.ts";
import { caseReports } from "./report.ts";
import { loadAverage, machine } from "./support/machine.ts";
import { numberIn, table } from "./table.ts";

const RESULTS = path.resolve("bench/results/latest.json");
/** Above this others are at work on the machine, and the figures say something about them too. */
const QUIET_LOAD = 0.5;

interface Options {
  readonly quick: boolean;
  readonly only: RegExp;
  readonly runs: number;
  readonly list: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      runs: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  const runs = Number(values.runs ?? (values.quick ? 2 : 5));
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs ?? ""}: a whole number from 1 on`);
  return { quick: values.quick, only: new RegExp(values.only, "u"), runs, list: values.list };
}

/** The cases that match, and those that they are compared with. */
function chosen(only: RegExp): readonly BenchCase[] {
  const all = [...MICRO_CASES.map(microBench), ...END_TO_END_CASES];
  const matching = all.filter(({ name }) => only.test(name));
  const rivals = new Set(matching.flatMap(({ rival, otherRivals = [] }) => [rival, ...otherRivals]));
  return all.filter((each) => matching.includes(each) || rivals.has(each.name));
}

/** Without those that cannot run on this machine; says why. */
function possible(cases: readonly BenchCase[]): readonly BenchCase[] {
  return cases.filter(({ name, absence }) => {
    const reason = absence?.() ?? null;
    if (reason !== null) say(`${name} is left out: ${reason}`);
    return reason === null;
  });
}

const talk = process.stderr;

const WIPE = "\r\u001b[K";

/** A line that is overwritten, on a terminal only; `share` of the runs are done, 0 to 1. */
function progress(share: number, text: string): void {
  if (talk.isTTY) talk.write(WIPE + progressLine(share, text, talk.columns));
}

function say(text: string): void {
  if (talk.isTTY) talk.write(WIPE);
  talk.write(`${text}\n`);
}

/**
 * Round by round, each case once a round: what disturbs the machine for a while then hits a case and its rival alike. Long
 * cases sit out the later rounds.
 */
async function runAll(cases: readonly BenchCase[], options: Options): Promise<Map<string, RunResult[]>> {
  const results = new Map<string, RunResult[]>(cases.map(({ name }) => [name, []]));
  let valid = true;
  const runsOf = ({ maxRuns = Infinity }: BenchCase): number => Math.min(options.runs, maxRuns);
  const total = cases.reduce((sum, each) => sum + runsOf(each), 0);
  let done = 0;
  for (let round = 1; round <= options.runs; round++) {
    for (const each of cases) {
      const runs = runsOf(each);
      if (round > runs) continue;
      const title = `${each.name}, run ${round} of ${runs}`;
      const share = done++ / total;
      progress(share, title);
      try {
        const result = await each.run({
          quick: options.quick,
          progress: (text) => progress(share, `${title}: ${text}`),
        });
        results.get(each.name)?.push(result);
        say(`${title}: ${numberIn(each.unit, result.main)} ${each.unit}`);
      } catch (error) {
        valid = false;
        say(`${title} FAILED: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  if (!valid) process.exitCode = 1;
  return results;
}

async function main(options: Options): Promise<void> {
  const matching = chosen(options.only);
  if (options.list) {
    process.stdout.write(matching.map(({ name }) => `${name}\n`).join(""));
    return;
  }
  if (matching.length === 0) {
    say(`--only ${options.only.source} matches no case; --list shows them`);
    process.exitCode = 2;
    return;
  }
  const cases = possible(matching);
  const { line, versions, commit } = machine();
  const load = loadAverage();
  if (load > QUIET_LOAD)
    say(`the machine is not quiet (load ${load.toFixed(2)}): expect lower and less steady figures`);
  const date = new Date().toISOString();
  const runs = await runAll(cases, options);
  const reports = caseReports(cases, runs);
  const settings = { quick: options.quick, runs: options.runs, only: options.only.source };
  const result = { date, commit, machine: line, versions, loadBefore: load, settings, cases: reports };
  mkdirSync(path.dirname(RESULTS), { recursive: true });
  writeFileSync(RESULTS, `${JSON.stringify(result, null, 2)}\n`);
  const versionLine = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  process.stdout.write(
    `${table(reports)}\n${line}\n${versionLine.join(", ")}\n` +
      `commit ${commit ?? "unknown"}, ${date}, load before ${load.toFixed(2)}, ` +
      `${options.runs} ${options.quick ? "quick " : ""}runs\n`,
  );
}

function readOptionsOrNull(): Options | null {
  try {
    return readOptions();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return null;
  }
}

const options = readOptionsOrNull();
if (options === null) process.exitCode = 2;
else await main(options);
