/**
 * A publisher thread that dies or hangs: the end comes all the same, in time, and every event is counted once. Subscribers
 * are in other processes: as in `kvcast serve`, nobody but the publisher thread uses zeromq here.
 */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { Pipeline, type PipelineOptions } from "../../src/main/pipeline/pipeline.ts";
import { EVENT_TYPES, PUBLISHER_CELLS, SINK_DROP_REASONS } from "../../src/shared/counters.ts";
import { Gate } from "../support/gate.ts";
import { numbered, pipelineOptions } from "../support/pipeline-parts.ts";
import { SubscriberProcess } from "../support/processes.ts";

const DEADLINE_MS = 1500;

/** A started pipeline, whose publisher dies in that way, and its subscriber. */
async function start(
  t: TestContext,
  how: string,
  options: Partial<PipelineOptions> = {},
): Promise<{ pipeline: Pipeline; subscriber: SubscriberProcess }> {
  process.env["KVCAST_TEST_DYING_PUBLISHER"] = how;
  const publisherEntry = new URL("../support/dying-publisher.js", import.meta.url);
  const pipeline = new Pipeline(pipelineOptions({ publisherEntry, sharesZmq: false, ...options }));
  await pipeline.start();
  return { pipeline, subscriber: new SubscriberProcess(t, pipeline.zmqEndpoint() ?? "") };
}

/** Offers until nothing is taken any more. */
function fill(pipeline: Pipeline): number {
  let taken = 0;
  while (pipeline.offer(numbered(taken + 1))) taken++;
  return taken;
}

function assertBalance(pipeline: Pipeline, taken: number, droppedEvents: number): void {
  const sum = (first: number, count: number): number =>
    Array.from({ length: count }, (_, i) => pipeline.publisher.read(first + i)).reduce((a, b) => a + b);
  const dropped = sum(PUBLISHER_CELLS.zmqDroppedEvents, SINK_DROP_REASONS.length);
  assert.equal(pipeline.enqueuedEvents(), taken);
  assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.dequeuedEvents), taken);
  assert.equal(sum(PUBLISHER_CELLS.zmqSentEvents, EVENT_TYPES.length) + dropped, taken);
  assert.equal(dropped, droppedEvents);
}

for (const how of ["throw", "exit", "hang", "slow"]) {
  test(`${how}: what was not sent is counted as dropped, once`, async (t) => {
    const fatal = new Gate<Error>();
    const { pipeline, subscriber } = await start(t, how, { onFatal: (error) => fatal.open(error) });
    // Held back until the subscriber is there; so the ring and the open batch are full when it happens.
    const taken = fill(pipeline);
    if (how === "throw" || how === "exit") assert.match((await fatal.opened).message, /the publisher thread ended/);
    else await (await subscriber.connected()).until({ untilEvents: 1 });
    const startedMs = performance.now();
    const report = await pipeline.stop(DEADLINE_MS);
    assert.ok(performance.now() - startedMs < DEADLINE_MS + 1000);
    assert.equal(report.forced, true);
    assert.ok(report.droppedEvents > 0);
    assertBalance(pipeline, taken, report.droppedEvents);
  });
}

test("death while it drains: what was left is counted as dropped", async (t) => {
  const { pipeline, subscriber } = await start(t, "drain");
  const taken = fill(pipeline);
  await (await subscriber.connected()).until({ untilEvents: 1 });
  const report = await pipeline.stop(DEADLINE_MS);
  assert.equal(report.forced, true);
  assertBalance(pipeline, taken, report.droppedEvents);
});

test("a stop before the threads are up publishes what was taken; a second one is the same", async () => {
  const pipeline = new Pipeline(pipelineOptions());
  const started = pipeline.start();
  const taken = fill(pipeline);
  const first = pipeline.stop(4500);
  assert.equal(pipeline.stop(0), first);
  await started;
  assert.deepEqual(await first, { droppedEvents: 0, forced: false });
  assertBalance(pipeline, taken, 0);
  assert.equal(pipeline.offer(numbered(1)), false, "nothing is taken after the stop");
});

test("a stop of a pipeline that was never started counts what was taken", async () => {
  const pipeline = new Pipeline(pipelineOptions());
  const taken = fill(pipeline);
  assert.deepEqual(await pipeline.stop(500), { droppedEvents: taken, forced: true });
  assertBalance(pipeline, taken, taken);
});
