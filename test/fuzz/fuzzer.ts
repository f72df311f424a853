/**
 * Runs a target: inputs by the thousand, all following from one number, until enough were read, the time is over, or one does
 * what none may. That one is made smaller and kept in `test/corpus`, where the tests read it from then on.
 */
import { setImmediate as turn } from "node:timers/promises";
import { keep, keptInputs } from "./corpus.ts";
import { guarded, MemoryWatch } from "./guard.ts";
import { minimise } from "./minimise.ts";
import { mutated, type Seed } from "./mutate.ts";
import type { FuzzTarget, Session } from "./target.ts";

/** Inputs of one session. */
const BLOCK_INPUTS = 5000;
/** A session may never wait for anything; then signals wait for it. */
const TURN_EVERY_MS = 100;

export interface FuzzOrder {
  readonly seed: number;
  readonly maxInputs: number;
  /** No input is begun after it. */
  readonly maxMs: number;
  /** Called some times a second. */
  readonly onProgress?: (progress: FuzzProgress) => void;
  /** No input is begun after it. */
  readonly signal?: AbortSignal;
}

export interface FuzzProgress {
  readonly inputs: number;
  /** Sound inputs that they were made of: written down, kept, and made up. */
  readonly seeds: number;
}

export interface Finding {
  readonly message: string;
  readonly input: Uint8Array;
  /** Where it was kept. */
  readonly file: string;
  /** It does it alone, in a fresh session; without that it takes what came before. */
  readonly alone: boolean;
}

export interface FuzzResult extends FuzzProgress {
  readonly finding: Finding | null;
}

export async function fuzz(target: FuzzTarget, order: FuzzOrder): Promise<FuzzResult> {
  const pace = new Pace(order);
  const seedOf = (bytes: Uint8Array): Seed => ({ bytes, spans: target.syntax.spans(bytes) });
  const sound = [...target.seeds(), ...keptInputs(target.name).map(({ bytes }) => bytes)].map(seedOf);
  const start = Math.imul(order.seed ^ (order.seed >>> 15), 0x2c1b_3c6d);
  let inputs = 0;
  let seeds = sound.length;
  while (inputs < order.maxInputs && !pace.isOver) {
    const first = (start + inputs) | 0;
    const made = (target.made?.(first) ?? []).map(seedOf);
    seeds += made.length;
    const count = Math.min(BLOCK_INPUTS, order.maxInputs - inputs);
    const onTurn = (done: number): void => order.onProgress?.({ inputs: inputs + done, seeds });
    const done = await runBlock(target, [...sound, ...made], { first, count, pace, onTurn });
    inputs += done.inputs;
    if (done.failure !== null) return { inputs, seeds, finding: await keepFailure(target, done.failure) };
  }
  return { inputs, seeds, finding: null };
}

/** When a run is over, and when it is time to let others of the thread have a turn. */
class Pace {
  readonly #endMs: number;
  readonly #signal: AbortSignal | undefined;
  #turnMs: number = performance.now() + TURN_EVERY_MS;

  constructor({ maxMs, signal }: FuzzOrder) {
    this.#endMs = performance.now() + maxMs;
    this.#signal = signal;
  }

  get isOver(): boolean {
    return this.#signal?.aborted === true || performance.now() >= this.#endMs;
  }

  get isTurn(): boolean {
    return performance.now() >= this.#turnMs;
  }

  async turn(): Promise<void> {
    await turn();
    this.#turnMs = performance.now() + TURN_EVERY_MS;
  }
}

interface BlockOrder {
  /** Number that the first input follows from. */
  readonly first: number;
  readonly count: number;
  readonly pace: Pace;
  readonly onTurn: (inputs: number) => void;
}

interface Failure {
  readonly error: unknown;
  readonly input: Uint8Array;
}

async function runBlock(
  target: FuzzTarget,
  seeds: readonly Seed[],
  { first, count, pace, onTurn }: BlockOrder,
): Promise<{ readonly inputs: number; readonly failure: Failure | null }> {
  const session = await target.open();
  const memory = new MemoryWatch();
  let input: Uint8Array = Buffer.alloc(0);
  let inputs = 0;
  try {
    while (inputs < count && !pace.isOver) {
      input = mutated((first + inputs++) | 0, seeds, target.syntax);
      if (input.length <= (target.maxBytes ?? Infinity)) await guarded(session, input);
      if (pace.isTurn) {
        await pace.turn();
        onTurn(inputs);
      }
    }
    await session.check?.();
    memory.check();
    return { inputs, failure: null };
  } catch (error) {
    return { inputs, failure: { error, input } };
  } finally {
    await session.close?.();
  }
}

/** What goes wrong with this input in a fresh session; null: nothing. */
export async function failureOf(target: FuzzTarget, input: Uint8Array): Promise<unknown> {
  const session: Session = await target.open();
  try {
    await guarded(session, input);
    await session.check?.();
    return null;
  } catch (error) {
    return error;
  } finally {
    await session.close?.();
  }
}

async function keepFailure(target: FuzzTarget, { error, input }: Failure): Promise<Finding> {
  const alone = (await failureOf(target, input)) !== null;
  const least = alone ? await minimise(input, async (each) => (await failureOf(target, each)) !== null) : input;
  const last = alone ? await failureOf(target, least) : error;
  const message = last instanceof Error ? (last.stack ?? last.message) : String(last);
  return { message, input: least, file: keep(target.name, least), alone };
}
