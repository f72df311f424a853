/** A pipeline that cannot be drained in time: it ends all the same, and what is lost is counted to the event. */
import assert from "node:assert/strict";
import test from "node:test";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { EVENT_TYPES, SINK_DROP_REASONS } from "../../src/shared/counter-labels.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { within } from "../support/fault/deadline.ts";
import { large, numbered, pipelineOptions } from "../support/pipeline-parts.ts";
import { receive, receiveOne, startPipeline } from "../support/pipeline-run.ts";

/** Of 300 blocks each, so that all of them are more than leaves in no time. */
const EVENTS = 3000;
const BLOCKS = 300;
const SHUTDOWN = PUBLISHER_CELLS.zmqDroppedEvents + SINK_DROP_REASONS.indexOf("shutdown");

test("with encoders that hang again and again: delivered + dropped is all that was taken", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, {
    encoderEntry: new URL("../support/stuck-encoder.js", import.meta.url),
  });
  // Two batches of each encoder get through, the third is stuck until the next encoder; the ring fills up behind it.
  let taken = 0;
  while (taken < 64 * 20) {
    if (!pipeline.offer(numbered(taken + 1))) {
      pipeline.flush();
      if (pipeline.occupiedSlots() === pipeline.ringCapacitySlots) break;
      await pipeline.writable();
      continue;
    }
    taken++;
  }
  const report = await within("the pipeline stops", 3000, pipeline.stop(1500));
  const { publisher } = pipeline;
  assert.ok(publisher instanceof CounterBlock);
  const delivered = EVENT_TYPES.reduce((sum, _, i) => sum + publisher.read(PUBLISHER_CELLS.zmqSentEvents + i), 0);
  const got = await within("what was sent", 5000, receive(subscriber, delivered));
  assert.equal(got.flatMap((message) => message.numbers).length, delivered);
  assert.equal(report.forced, true);
  assert.ok(report.droppedEvents > 0);
  assert.equal(report.droppedEvents, taken - delivered);
  assert.equal(publisher.read(SHUTDOWN), taken - delivered);
  assert.equal(publisher.read(PUBLISHER_CELLS.dequeuedEvents), taken);
  assert.equal(pipeline.enqueuedEvents(), taken);
});

test("given up in the middle of a drain: what the socket has taken arrives, the rest is counted", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, { ringSlots: 1024, slotBytes: 64 * 1024 }, false);
  // All of it waits for a subscription, encoded; then it leaves as fast as the thread can.
  let taken = 0;
  while (taken < EVENTS && pipeline.offer(large((taken + 1) * BLOCKS, BLOCKS))) {
    taken++;
    if (taken % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  pipeline.flush();
  subscriber.subscribe("kv");
  const first = await receiveOne(subscriber);
  const report = await within("the pipeline stops", 5000, pipeline.stop(1));
  const { publisher } = pipeline;
  const sent = EVENT_TYPES.reduce((sum, _, i) => sum + publisher.read(PUBLISHER_CELLS.zmqSentEvents + i), 0);
  assert.ok(sent < taken, "it was through before it was told");
  assert.deepEqual(report, { droppedEvents: taken - sent, forced: true });
  const rest = receive(subscriber, sent - first.numbers.length);
  const all = [first, ...(await within(`${sent} events`, 5000, rest))];
  assert.deepEqual(
    all.map(({ sequence }) => sequence),
    all.map((_, i) => i),
  );
});

test("the index thread, which obeys before the publisher is given up, has not died", async () => {
  process.env["KVCAST_TEST_PUBLISHER_WAY"] = "hang";
  process.env["KVCAST_TEST_PUBLISHER_POINT"] = "released";
  const deaths: string[] = [];
  const { zmq } = pipelineOptions();
  assert.ok(zmq);
  const pipeline = new Pipeline(
    pipelineOptions({
      publisherEntry: new URL("../support/dying-publisher.js", import.meta.url),
      sharesZmq: false,
      zmq: { ...zmq, waitSubscribers: 0 },
      snapshot: {
        maxBlocks: 100,
        keepTokens: true,
        attentionDpSize: 1,
        stateDir: null,
        engine: "test",
        onDeath: (_reason, message) => deaths.push(message),
        onSaved: () => {},
      },
    }),
  );
  await pipeline.start();
  while (pipeline.offer(numbered(1)));
  const report = await pipeline.stop(1000);
  assert.equal(report.forced, true);
  assert.deepEqual(deaths, []);
});
