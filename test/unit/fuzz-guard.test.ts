/** The clock that fuzzed inputs are held to: it sees work of the thread, each time, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { guarded, StallError } from "../fuzz/guard.ts";
import { threadCpuMs } from "../fuzz/thread-clock.ts";

const INPUT = Buffer.from("x");
const LONG_MS = 80;

/** Works for so long, on its own clock: what the machine gives to others does not count. */
function work(ms: number): void {
  const endMs = threadCpuMs() + ms;
  while (threadCpuMs() < endMs) {
    // Nothing else.
  }
}

test("work of more than 50 ms each time is a stall", async () => {
  await assert.rejects(guarded({ run: () => work(LONG_MS) }, INPUT), StallError);
});

test("waiting is none, however long", async () => {
  await guarded({ run: () => sleep(LONG_MS) }, INPUT);
});

test("what takes long once only is none", async () => {
  let runs = 0;
  await guarded({ run: () => (runs++ === 0 ? work(LONG_MS) : undefined) }, INPUT);
  assert.equal(runs, 2);
});

test("where the work is that of several inputs, it is that which is done again", async () => {
  let [runs, agains] = [0, 0];
  const run = (): void => (runs++ === 0 ? work(LONG_MS) : undefined);
  const again = async (): Promise<void> => {
    agains++;
    work(LONG_MS);
  };
  await assert.rejects(guarded({ run, again }, INPUT), StallError);
  assert.deepEqual([runs, agains], [1, 3]);
});

test("the clock is that of a thread", async () => {
  const before = threadCpuMs();
  await sleep(LONG_MS);
  assert.ok(threadCpuMs() - before < LONG_MS, "sleep is free");
});
