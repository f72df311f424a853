/**
 * A publisher thread that dies or hangs: another goes on where it was, and every event is counted once. Subscribers
 * are in other processes: as in `kvcast serve`, nobody but the publisher thread uses zeromq here.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import type { PipelineOptions } from "../../src/main/pipeline/pipeline-contract.ts";
import { EVENT_TYPES, SINK_DROP_REASONS } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { Gate } from "../support/gate.ts";
import { within } from "../support/fault/deadline.ts";
import { numbered, pipelineOptions } from "../support/pipeline-parts.ts";
import { numberedEvents, offerAll, range } from "../support/offering.ts";
import type { HealingReport } from "../support/healing-subscriber.ts";
import { SubscriberProcess } from "../support/processes.ts";

const DEADLINE_MS = 1500;
const EVENTS = 3000;
const HEALING_SUBSCRIBER: string = fileURLToPath(new URL("../support/healing-subscriber.js", import.meta.url));

type Way = "throw" | "exit" | "oom" | "hang" | "slow" | "never";
type Point = "kept" | "sent" | "counted" | "released" | "drain";

function plan(way: Way, point: Point): void {
  process.env["KVCAST_TEST_PUBLISHER_WAY"] = way;
  process.env["KVCAST_TEST_PUBLISHER_POINT"] = point;
}

const publisherEntry: URL = new URL("../support/dying-publisher.js", import.meta.url);

/** A started pipeline, whose publisher comes to grief in that way, and its subscriber. */
async function start(
  t: TestContext,
  way: Way,
  point: Point,
  options: Partial<PipelineOptions> = {},
): Promise<{ pipeline: Pipeline; subscriber: SubscriberProcess }> {
  plan(way, point);
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

for (const way of ["hang", "slow"] as const) {
  test(`${way}: what was not sent by the deadline is counted as dropped, once`, async (t) => {
    const { pipeline, subscriber } = await start(t, way, "released");
    // Held back until the subscriber is there; so the ring and the open batch are full when it happens.
    const taken = fill(pipeline);
    await (await subscriber.connected()).until({ untilEvents: 1 });
    const report = await within("the pipeline stops", DEADLINE_MS + 1000, pipeline.stop(DEADLINE_MS));
    assert.equal(report.forced, true);
    assert.ok(report.droppedEvents > 0);
    assertBalance(pipeline, taken, report.droppedEvents);
  });
}

test("death while it drains: what was left is counted as dropped", async (t) => {
  const { pipeline, subscriber } = await start(t, "throw", "drain");
  const taken = fill(pipeline);
  await (await subscriber.connected()).until({ untilEvents: 1 });
  const report = await pipeline.stop(DEADLINE_MS);
  assert.equal(report.forced, true);
  assertBalance(pipeline, taken, report.droppedEvents);
});

test("deaths without end: the service is told to end", async () => {
  plan("throw", "released");
  const fatal = new Gate<Error>();
  let restarts = 0;
  const pipeline = new Pipeline(
    pipelineOptions({
      publisherEntry,
      sharesZmq: false,
      ringSlots: 64,
      zmq: {
        endpoint: "tcp://127.0.0.1:*",
        topic: "",
        queueBytes: 1 << 20,
        waitSubscribers: 0,
        waitSubscribersTimeoutMs: 0,
      },
      onPublisherRestart: () => restarts++,
      onFatal: (error) => fatal.open(error),
    }),
  );
  await pipeline.start();
  const taken = fill(pipeline);
  assert.match((await fatal.opened).message, /died 10 times in 60 s/);
  assert.equal(restarts, 9);
  const report = await pipeline.stop(DEADLINE_MS);
  assert.equal(report.forced, true);
  assertBalance(pipeline, taken, report.droppedEvents);
});

for (const point of ["kept", "sent", "counted", "released"] as const) {
  for (const way of ["throw", "exit", "oom"] as const) {
    test(`${way} when a batch is ${point}: the successor goes on, and a replay heals what subscribers missed`, async (t) => {
      const restarts: string[] = [];
      const fatal: Error[] = [];
      plan(way, point);
      const pipeline = new Pipeline(
        pipelineOptions({
          publisherEntry,
          sharesZmq: false,
          replay: {
            endpoint: "tcp://127.0.0.1:*",
            framing: "v2",
            evicted: "suffix",
            maxBytes: 1 << 24,
            maxBatches: 10_000,
          },
          onPublisherRestart: (reason) => {
            restarts.push(reason);
            plan("never", point);
          },
          onFatal: (error) => fatal.push(error),
        }),
      );
      await pipeline.start();
      const endpoints = [pipeline.zmqEndpoint(), pipeline.replayEndpoint()];
      const child = fork(HEALING_SUBSCRIBER, endpoints.map(String));
      t.after(() => child.kill("SIGKILL"));
      await once(child, "message");
      await offerAll(pipeline, numberedEvents(EVENTS));
      child.send({ untilNumber: EVENTS });
      const [{ report }] = (await once(child, "message")) as [{ report: HealingReport }];
      assert.deepEqual(report.numbers, range(EVENTS), "every event once, in order");
      assert.deepEqual(report.contradictions, []);
      assert.deepEqual(fatal, []);
      assert.deepEqual(restarts, [way === "throw" ? "error" : way]);
      assert.deepEqual([pipeline.zmqEndpoint(), pipeline.replayEndpoint()], endpoints, "at the same addresses");
      const stopped = await pipeline.stop(4500);
      assert.deepEqual(stopped, { droppedEvents: 0, forced: false });
      assertBalance(pipeline, EVENTS, 0);
    });
  }
}

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
