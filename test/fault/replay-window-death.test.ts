/** Threads that are ended in the middle of whatever they do to the replay window: what they leave is whole. */
import assert from "node:assert/strict";
import test from "node:test";
import { Worker } from "node:worker_threads";
import { ReplayWindow } from "../../src/workers/replay-window.ts";
import { appendedPayload, type AppendingWorkerData } from "../support/appending-worker.ts";

const MAX_BYTES = 1 << 20;
const MAX_BATCHES = 50;
const DEATHS = 12;

test("after each death every number that is kept has its payload, and the next thread goes on", async () => {
  const first = ReplayWindow.allocate(MAX_BYTES, MAX_BATCHES);
  const data: AppendingWorkerData = { buffer: first.buffer, maxBytes: MAX_BYTES, maxBatches: MAX_BATCHES };
  let previous = -1;
  for (let death = 0; death < DEATHS; death++) {
    const worker = new Worker(new URL("../support/appending-worker.js", import.meta.url), { workerData: data });
    const reached = new ReplayWindow(first.buffer, MAX_BYTES, MAX_BATCHES).next + 1 + death * 17;
    while (new ReplayWindow(first.buffer, MAX_BYTES, MAX_BATCHES).next < reached) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await worker.terminate();
    const window = new ReplayWindow(first.buffer, MAX_BYTES, MAX_BATCHES);
    assert.ok(window.next > previous, "it went on");
    previous = window.next;
    assert.ok(window.bytes <= MAX_BYTES && window.batches <= MAX_BATCHES);
    for (let sequence = window.oldest, left = window.batches; left > 0; left--, sequence++) {
      assert.deepEqual(window.read(sequence), appendedPayload(sequence, MAX_BYTES));
    }
  }
});
