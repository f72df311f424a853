/**
 * `kvcast flood`: a load test of a whole pipeline. MAIN THREAD. The result goes to stdout, how far it is to stderr. What it
 * starts it also ends.
 */
import type { FloodConfig } from "../config/load-flood.ts";
import { commandLine } from "../flood/command-line.ts";
import type { FloodFigures } from "../flood/figures.ts";
import { machineLine } from "../flood/machine.ts";
import { measure } from "../flood/measure.ts";
import type { OwnPipeline } from "../flood/plan.ts";
import { Progress } from "../flood/progress.ts";
import { findKnee, type RampResult } from "../flood/ramp.ts";
import { reportJson } from "../flood/report-json.ts";
import { figuresText, rampText, row, whole } from "../flood/report-text.ts";
import { attach, type FloodTarget, startPipeline } from "../flood/target.ts";
import { contradictionsOf, exitCodeOf, faultsOf, shortfallOf } from "../flood/verdict.ts";

export interface FloodIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes data, to stdout. */
  out(text: string): void;
  /** Writes talk, to stderr. */
  err(text: string): void;
}

/** Of a terminal that does not tell its width. */
const USUAL_COLUMNS = 80;

/** What was found, in the end or until a signal came. */
interface Outcome {
  /** Null when nothing was measured; of a ramp the figures of the knee. */
  readonly figures: FloodFigures | null;
  readonly ramp: RampResult<FloodFigures> | null;
  readonly faults: readonly string[];
}

/**
 * Resolves with the exit code after the test, or soon after `stopped` has resolved. Throws KvcastError when the test cannot be
 * carried out.
 */
export async function runFlood(config: FloodConfig, stopped: Promise<NodeJS.Signals>, io: FloodIo): Promise<number> {
  const test = new FloodTest(config, stopped, io);
  const startMs = performance.now();
  const outcome = config.profile === "ramp" ? await test.ramp() : await test.single();
  const { figures, ramp, faults } = outcome;
  const judged = {
    faults,
    reachedPerSecond: figures?.rate.mean ?? 0,
    minPerSecond: config.minPerSecond,
    signal: test.signal,
  };
  const exitCode = exitCodeOf(judged);
  const framing = { ...judged, exitCode, machine: machineLine(), command: commandLine(config) };
  if (config.json) io.out(`${JSON.stringify(reportJson(figures, ramp, framing))}\n`);
  else {
    if (ramp !== null) io.out(rampText(ramp));
    if (figures !== null) io.out(`${ramp === null ? "" : "at the knee:\n"}${figuresText(figures, faults)}`);
    io.out(`${row("machine", framing.machine)}\n${row("again", framing.command)}\n`);
  }

  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (test.signal !== null) io.err(`kvcast: cut short by ${test.signal} after ${seconds} s\n`);
  else io.err(`kvcast: done after ${seconds} s\n`);
  for (const fault of faults) io.err(`kvcast: error: ${fault}\n`);
  const { reachedPerSecond, minPerSecond } = judged;
  if (figures !== null && minPerSecond !== null && reachedPerSecond < minPerSecond) {
    io.err(`kvcast: error: ${whole(reachedPerSecond)} events/s, and --min-rate asks for ${whole(minPerSecond)}\n`);
  }
  return exitCode;
}

class FloodTest {
  /** What cut it short; null while nothing has. */
  signal: NodeJS.Signals | null = null;
  readonly #config: FloodConfig;
  readonly #stopped: Promise<unknown>;
  readonly #progress: Progress;

  constructor(config: FloodConfig, stopped: Promise<NodeJS.Signals>, io: FloodIo) {
    this.#config = config;
    this.#stopped = stopped.then((signal) => (this.signal = signal));
    this.#progress = new Progress({
      columns: process.stderr.isTTY && io.env["TERM"] !== "dumb" ? process.stderr.columns || USUAL_COLUMNS : null,
      write: (text) => io.err(text),
      now: () => performance.now(),
    });
  }

  async single(): Promise<Outcome> {
    const { pipeline } = this.#config;
    const rate = pipeline.source === "running" ? Infinity : pipeline.traffic.ratePerSecond;
    const figures = await this.#measure(
      () => (pipeline.source === "running" ? Promise.resolve(attach(pipeline)) : startPipeline(pipeline)),
      rate === Infinity ? null : rate,
      "",
    );
    return { figures, ramp: null, faults: figures === null ? [] : faultsOf(figures) };
  }

  async ramp(): Promise<Outcome> {
    const { pipeline, limits } = this.#config;
    // A load that is not ours cannot be raised; the options do not allow it.
    if (pipeline.source === "running") return { figures: null, ramp: null, faults: [] };
    const ramp = await findKnee(pipeline.traffic.ratePerSecond, async (ratePerSecond) => {
      const atRate: OwnPipeline = { ...pipeline, traffic: { ...pipeline.traffic, ratePerSecond } };
      const measured = await this.#measure(() => startPipeline(atRate), ratePerSecond, `${whole(ratePerSecond)}/s `);
      if (measured === null || measured.interrupted) return null;
      return { measured, shortfall: shortfallOf(measured, limits) };
    });
    // That events are lost above the knee is a result. That the accounts are wrong is none.
    const faults = ramp.steps.flatMap(({ measured }) => contradictionsOf(measured));
    if (ramp.knee === null && this.signal === null) faults.push("no rate held");
    return { figures: ramp.knee?.measured ?? null, ramp, faults };
  }

  /** Null when the signal came before there was anything to measure. */
  async #measure(
    start: () => Promise<FloodTarget>,
    offeredPerSecond: number | null,
    label: string,
  ): Promise<FloodFigures | null> {
    const { durationMs, warmUpMs } = this.#config;
    const starting = start();
    const target = await Promise.race([starting, this.#stopped.then(() => null)]);
    if (target === null) {
      // Whatever comes of the start: it is ended.
      await starting.then((late) => late.kill()).catch(() => {});
      return null;
    }
    try {
      return await measure(
        target,
        { durationMs, warmUpMs, offeredPerSecond },
        {
          onProgress: ({ events }, sinceMs) => {
            if (sinceMs === null) this.#progress.show(`${label}warm-up`, null, events);
            else this.#progress.show(`${label}measuring`, sinceMs / durationMs, events);
          },
          stopped: this.#stopped,
        },
      );
    } finally {
      this.#progress.end();
      target.kill();
    }
  }
}
