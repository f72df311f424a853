import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { EngineCounters } from "../../src/main/metrics/engine-counters.ts";
import { Metrics } from "../../src/main/metrics/registry.ts";
import type { CountingWorkerData } from "../support/counting-worker.ts";
import { EPOCH, FakePipeline } from "../support/fake-pipeline.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";

const PAGES = 200;
const ZMQ = { sink: "zmq" };

void test("each page balances while another thread counts as fast as it can", async () => {
  const pipeline = new FakePipeline();
  let ms = 0;
  const metrics = new Metrics({
    engines: [new EngineCounters("engine0", "http", 1)],
    pipeline,
    version: "0",
    epoch: EPOCH,
    logCounts: {},
    requests: { entries: () => [] },
    now: () => ms,
    defaults: false,
  });
  const control = new Int32Array(new SharedArrayBuffer(8));
  const data: CountingWorkerData = { block: pipeline.publisher.buffer, control };
  const worker = new Worker(new URL("../support/counting-worker.js", import.meta.url), { workerData: data });
  const updates = new Promise<number>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  const started = Atomics.waitAsync(control, 1, 0);
  if (started.async) await started.value;

  const seen: number[] = [];
  try {
    for (let i = 0; i < PAGES; i++) {
      // On a busy machine both threads may share a core; a page is only worth taking once the other has moved on.
      while (pipeline.publisher.read(PUBLISHER_CELLS.dequeuedEvents) <= (seen.at(-1) ?? 0)) await setImmediate();
      ms += 1000;
      const page = parseMetrics(await metrics.render());
      const dequeued = page.value("kvcast_ring_dequeued_events_total");
      const sent = page.sum("kvcast_sink_sent_events_total", ZMQ);
      const dropped = page.sum("kvcast_sink_dropped_events_total", ZMQ);
      assert.equal(sent + dropped, dequeued, `page ${i}`);
      assert.equal(
        page.value("kvcast_sink_publish_duration_seconds_count", ZMQ),
        page.value("kvcast_sink_sent_batches_total", ZMQ),
        `page ${i}`,
      );
      seen.push(dequeued);
    }
  } finally {
    Atomics.store(control, 0, 1);
  }
  assert.ok((await updates) > 10_000, "the thread did count");
  for (const [i, dequeued] of seen.entries()) assert.ok(dequeued > (seen[i - 1] ?? 0), `page ${i} is newer`);
});
