/** The pause of a thread after it has handed something on: how long, how often, and what ends it. Real bells, real threads. */
import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { Worker } from "node:worker_threads";
import { Bell } from "../../src/shared/bell.ts";
import { HeadStart } from "../../src/shared/head-start.ts";

const LONG_MS = 60_000;

function madeUp({ ms, isNeeded = () => true }: { ms: number; isNeeded?: () => boolean }): {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly told: string[];
  readonly headStart: HeadStart;
} {
  const words = new Int32Array(new SharedArrayBuffer(4));
  const told: string[] = [];
  const headStart = new HeadStart({ ms, bell: new Bell(words, 0), isNeeded, announce: () => told.push("announced") });
  return { words, told, headStart };
}

test("it blocks for its time once after any number of things that were handed on", () => {
  const { told, headStart } = madeUp({ ms: 20 });
  assert.equal(headStart.give(), false, "nothing was handed on");
  assert.deepEqual(told, []);
  headStart.begin();
  headStart.begin();
  const startedMs = performance.now();
  assert.equal(headStart.give(), false, "nothing came");
  // The kernel counts from a moment of its own, a little before.
  assert.ok(performance.now() - startedMs > 19);
  assert.deepEqual(told, ["announced"]);
  assert.equal(headStart.give(), false);
  assert.deepEqual(told, ["announced"], "it was given already");
});

test("it does not sleep while there is work that cannot wait, and does not try again", () => {
  const { told, headStart } = madeUp({ ms: LONG_MS, isNeeded: () => false });
  headStart.begin();
  assert.equal(headStart.give(), false);
  assert.deepEqual(told, []);
});

test("work that comes just before the sleep is seen", () => {
  let looks = 0;
  const { words, headStart } = madeUp({ ms: LONG_MS, isNeeded: () => ++looks === 1 });
  headStart.begin();
  assert.equal(headStart.give(), true);
  assert.equal(words[0], 0, "nobody needs to ring");
});

test("the bell ends it", async () => {
  const { words, headStart } = madeUp({ ms: LONG_MS });
  const ringer = new Worker(
    `const { workerData: words } = require("node:worker_threads");
     while (Atomics.compareExchange(words, 0, 1, 0) !== 1);
     Atomics.notify(words, 0, 1);`,
    { eval: true, workerData: words },
  );
  await once(ringer, "online");
  headStart.begin();
  assert.equal(headStart.give(), true);
  await once(ringer, "exit");
});
