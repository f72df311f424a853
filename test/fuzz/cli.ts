/**
 * `npm run fuzz`: each target for as many inputs as wanted. Exit code 0: nothing was found; 1: something was, and is kept
 * in `test/corpus`; 2: wrong usage.
 *
 *   npm run fuzz -- [--target NAME]... [--inputs N] [--seconds S] [--seed N]
 *
 *   --target    one of the targets; may be given several times. Default: all
 *   --inputs    inputs of each target; 1000000 by default
 *   --seconds   at most so long for each target
 *   --seed      brings a run back; by default another one each time
 */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzzer.ts";
import type { FuzzTarget } from "./target.ts";
import { TARGETS } from "./targets.ts";

const PROGRESS_EVERY_MS = 500;
const MAX_SEED = 2 ** 31 - 1;

interface FuzzOptions {
  readonly targets: readonly FuzzTarget[];
  readonly inputs: number;
  readonly maxMs: number;
  readonly seed: number;
}

function numberOption(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!(value >= 0) || text === "") throw new Error(`--${name} ${text}: a number from 0 on`);
  return value;
}

function readOptions(): FuzzOptions {
  const { values } = parseArgs({
    options: {
      target: { type: "string", multiple: true, default: [] },
      inputs: { type: "string" },
      seconds: { type: "string" },
      seed: { type: "string" },
    },
  });
  const unknown = values.target.find((name) => !TARGETS.some((target) => target.name === name));
  if (unknown !== undefined) {
    throw new Error(`--target ${unknown}: one of ${TARGETS.map(({ name }) => name).join(", ")}`);
  }
  const seed = numberOption("seed", values.seed, Math.floor(Math.random() * MAX_SEED));
  if (!Number.isInteger(seed) || seed > MAX_SEED) throw new Error(`--seed ${seed}: a whole number up to ${MAX_SEED}`);
  return {
    targets: values.target.length === 0 ? TARGETS : TARGETS.filter(({ name }) => values.target.includes(name)),
    inputs: numberOption("inputs", values.inputs, 1e6),
    maxMs: 1000 * numberOption("seconds", values.seconds, Infinity),
    seed,
  };
}

/** The state of a target on one line, on a terminal only. */
class ProgressLine {
  readonly #startMs: number = performance.now();
  readonly #name: string;
  #nextMs: number = this.#startMs + PROGRESS_EVERY_MS;

  constructor(name: string) {
    this.#name = name;
  }

  show(inputs: number): void {
    const nowMs = performance.now();
    if (!process.stderr.isTTY || nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + PROGRESS_EVERY_MS;
    process.stderr.write(`\r\x1b[K${this.text(inputs)}`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }

  text(inputs: number): string {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const rate = seconds > 0 ? Math.round(inputs / seconds) : 0;
    return `${this.#name}: ${inputs} inputs in ${seconds.toFixed(0)} s, ${rate} a second`;
  }
}

async function main({ targets, inputs, maxMs, seed }: FuzzOptions): Promise<number> {
  let findings = 0;
  for (const target of targets) {
    // Said before, so that a run that hangs can be brought back.
    process.stdout.write(`${target.name} (${target.about}), seed ${seed}\n`);
    const line = new ProgressLine(target.name);
    const result = await fuzz(target, { seed, maxInputs: inputs, maxMs, onProgress: (done) => line.show(done) });
    line.clear();
    process.stdout.write(`${line.text(result.inputs)}, ${result.finding === null ? "nothing found" : "FOUND"}\n`);
    if (result.finding === null) continue;
    findings++;
    const { message, file, alone, input } = result.finding;
    process.stdout.write(`${message}\n  ${input.length} bytes, kept in ${file}\n`);
    if (!alone)
      process.stdout.write("  alone it does nothing: it takes what came before, which the seed brings back\n");
    process.stdout.write(`  again: npm run fuzz -- --target ${target.name} --seed ${seed}\n`);
  }
  return findings === 0 ? 0 : 1;
}

function readOptionsOrNull(): FuzzOptions | null {
  try {
    return readOptions();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return null;
  }
}

const options = readOptionsOrNull();
process.exitCode = options === null ? 2 : await main(options);
