/**
 * `npm run fuzz`: each target for as many inputs as wanted. Exit code 0: nothing was found; 1: something was, and is kept
 * in `test/corpus`; 2: wrong usage; 130 or 143: SIGINT or SIGTERM ended it before all was read, and nothing was found.
 *
 *   npm run fuzz -- [--target NAME]... [--inputs N] [--seconds S] [--seed N]
 *
 *   --target    one of the targets; may be given several times. Default: all
 *   --inputs    inputs of each target; 1000000 by default
 *   --seconds   at most so long for each target
 *   --seed      brings a run back; by default another one each time
 *
 * How far it is goes to stderr: on a terminal all the time, else every 10 seconds. A signal ends it with the count that was
 * reached; a second one ends it at once.
 */
import { parseArgs } from "node:util";
import { fuzz, type FuzzProgress } from "./fuzzer.ts";
import type { FuzzTarget } from "./target.ts";
import { TARGETS } from "./targets.ts";

const TERMINAL_EVERY_MS = 500;
const LOG_EVERY_MS = 10_000;
const BAR_CHARS = 24;
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
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

/** How far a target is: a line that is written over on a terminal, one now and then elsewhere. */
class ProgressLine {
  readonly #startMs: number = performance.now();
  readonly #name: string;
  readonly #wanted: number;
  readonly #everyMs: number = process.stderr.isTTY ? TERMINAL_EVERY_MS : LOG_EVERY_MS;
  #nextMs: number = this.#startMs + this.#everyMs;

  constructor(name: string, wanted: number) {
    this.#name = name;
    this.#wanted = wanted;
  }

  show(progress: FuzzProgress): void {
    const nowMs = performance.now();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + this.#everyMs;
    const text = this.text(progress);
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${this.#bar(progress.inputs)}${text}` : `${text}\n`);
  }

  clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }

  text({ inputs, seeds }: FuzzProgress): string {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const rate = seconds > 0 ? Math.round(inputs / seconds) : 0;
    return `${this.#name}: ${inputs} inputs in ${seconds.toFixed(0)} s, ${rate} a second, from ${seeds} sound ones`;
  }

  /** Nothing where the time ends it. */
  #bar(inputs: number): string {
    if (!Number.isFinite(this.#wanted)) return "";
    const done = Math.floor((BAR_CHARS * inputs) / Math.max(1, this.#wanted));
    return `[${"#".repeat(done)}${" ".repeat(BAR_CHARS - done)}] `;
  }
}

/** The signal that asked for an end, once one did. */
class EndBySignal {
  readonly #abort: AbortController = new AbortController();
  #name: keyof typeof EXIT_CODES | null = null;

  constructor() {
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      process.once(name, () => {
        this.#name ??= name;
        this.#abort.abort();
      });
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** 0: there was none. */
  get exitCode(): number {
    return this.#name === null ? 0 : EXIT_CODES[this.#name];
  }
}

async function main({ targets, inputs, maxMs, seed }: FuzzOptions): Promise<number> {
  const end = new EndBySignal();
  let findings = 0;
  for (const target of targets) {
    if (end.signal.aborted) break;
    // Said before, so that a run that hangs can be brought back.
    process.stdout.write(`${target.name} (${target.about}), seed ${seed}\n`);
    const line = new ProgressLine(target.name, inputs);
    const onProgress = (progress: FuzzProgress): void => line.show(progress);
    const result = await fuzz(target, { seed, maxInputs: inputs, maxMs, onProgress, signal: end.signal });
    line.clear();
    const ended = end.signal.aborted ? `, ended by a signal; seed ${seed}` : "";
    process.stdout.write(`${line.text(result)}, ${result.finding === null ? "nothing found" : "FOUND"}${ended}\n`);
    if (result.finding === null) continue;
    findings++;
    const { message, file, alone, input } = result.finding;
    process.stdout.write(`${message}\n  ${input.length} bytes, kept in ${file}\n`);
    if (!alone)
      process.stdout.write("  alone it does nothing: it takes what came before, which the seed brings back\n");
    process.stdout.write(`  again: npm run fuzz -- --target ${target.name} --seed ${seed}\n`);
  }
  return findings === 0 ? end.exitCode : 1;
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
