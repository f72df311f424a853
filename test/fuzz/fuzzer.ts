/**
 * Runs a target: inputs by the thousand, all following from one number, until enough were read, the time is over, or one does
 * what none may. That one is made smaller and kept in `test/corpus`, where the tests read it from then on.
 */
import { keep, keptInputs } from "./corpus.ts";
import { guarded, MemoryWatch } from "./guard.ts";
import { minimise } from "./minimise.ts";
import { mutated, type Seed } from "./mutate.ts";
import type { FuzzTarget, Session } from "./target.ts";

/** Inputs of one session. */
const BLOCK_INPUTS = 5000;

export interface FuzzOrder {
  readonly seed: number;
  readonly maxInputs: number;
  /** No input is begun after it. */
  readonly maxMs: number;
  readonly onProgress?: (inputs: number) => void;
}

export interface Finding {
  readonly message: string;
  readonly input: Uint8Array;
  /** Where it was kept. */
  readonly file: string;
  /** It does it alone, in a fresh session; without that it takes what came before. */
  readonly alone: boolean;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly finding: Finding | null;
}

export async function fuzz(target: FuzzTarget, order: FuzzOrder): Promise<FuzzResult> {
  const endMs = performance.now() + order.maxMs;
  const seedOf = (bytes: Uint8Array): Seed => ({ bytes, spans: target.syntax.spans(bytes) });
  const sound = [...target.seeds(), ...keptInputs(target.name).map(({ bytes }) => bytes)].map(seedOf);
  const start = Math.imul(order.seed ^ (order.seed >>> 15), 0x2c1b_3c6d);
  let inputs = 0;
  while (inputs < order.maxInputs && performance.now() < endMs) {
    const first = (start + inputs) | 0;
    const seeds = [...sound, ...(target.made?.(first) ?? []).map(seedOf)];
    const count = Math.min(BLOCK_INPUTS, order.maxInputs - inputs);
    const done = await runBlock(target, seeds, { first, count, endMs });
    inputs += done.inputs;
    if (done.failure !== null) return { inputs, finding: await keepFailure(target, done.failure) };
    order.onProgress?.(inputs);
  }
  return { inputs, finding: null };
}

interface BlockOrder {
  /** Number that the first input follows from. */
  readonly first: number;
  readonly count: number;
  readonly endMs: number;
}

interface Failure {
  readonly error: unknown;
  readonly input: Uint8Array;
}

async function runBlock(
  target: FuzzTarget,
  seeds: readonly Seed[],
  { first, count, endMs }: BlockOrder,
): Promise<{ readonly inputs: number; readonly failure: Failure | null }> {
  const session = await target.open();
  const memory = new MemoryWatch();
  let input: Uint8Array = Buffer.alloc(0);
  let inputs = 0;
  try {
    while (inputs < count && performance.now() < endMs) {
      input = mutated((first + inputs++) | 0, seeds, target.syntax);
      if (input.length <= (target.maxBytes ?? Infinity)) await guarded(target, session, input);
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
    await guarded(target, session, input);
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
