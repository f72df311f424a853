/**
 * The one number that a fault run follows from. Printed with each test, so that a run can be had again:
 * `KVCAST_FAULT_SEED=… node --test dist/test/fault/NAME.test.js`.
 */
import type { TestContext } from "node:test";
import { Random } from "../../../src/main/engine/random.ts";

/** KVCAST_FAULT_SEED, or a new seed of up to 31 bits. */
export function faultSeed(t: TestContext): number {
  const given = process.env["KVCAST_FAULT_SEED"];
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`KVCAST_FAULT_SEED=${given} is no seed`);
  t.diagnostic(`KVCAST_FAULT_SEED=${seed}`);
  return seed;
}

/** Decisions of a test that follow from its seed. */
export class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** An integer in from … to, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.#random.fraction() * (to - from + 1));
  }

  chance(share: number): boolean {
    return this.#random.fraction() < share;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.between(0, list.length - 1)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }
}
