/**
 * Encoder threads that die, for real, while they write for the event plane what ZMQ has had already: subscribers notice nothing,
 * and the plane gets every event once, in order. An event that they always die of is missing there, and only there.
 */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { ENCODE_ERROR_REASONS, SINK_DROP_REASONS } from "../../src/shared/counter-labels.ts";
import { ENCODER_CELLS } from "../../src/shared/encoder-cells.ts";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { PLANE_DEATHS } from "../support/dying-plane-encoder.ts";
import { eventually } from "../support/fault/deadline.ts";
import { natsBooks, readStream, streamOptions } from "../support/nats-pipeline.ts";
import { NatsServer } from "../support/nats-server.ts";
import { range } from "../support/offering.ts";
import { publishNumbered, type Received, startPipeline } from "../support/pipeline-run.ts";

const PATIENCE_MS = 20_000;
const REJECTED = PUBLISHER_CELLS.natsDroppedEvents + SINK_DROP_REASONS.indexOf("rejected");
const INTERNAL = ENCODER_CELLS.errors + ENCODE_ERROR_REASONS.indexOf("internal");

function assertOnceAndInOrder(messages: readonly Received[], events: number): void {
  assert.deepEqual(
    messages.flatMap((message) => message.numbers),
    range(events),
  );
  assert.deepEqual(
    messages.map((message) => message.sequence),
    messages.map((_, i) => i),
  );
}

async function start(t: TestContext, server: NatsServer, encoders: number) {
  const isolated: number[] = [];
  const run = await startPipeline(t, {
    encoders,
    encoderEntry: new URL("../support/dying-plane-encoder.js", import.meta.url),
    nats: streamOptions(server),
    onEventIsolated: (_encoder, _rank, index) => isolated.push(index),
  });
  return { ...run, isolated };
}

for (const encoders of [1, 3]) {
  test(`${encoders} encoder(s), killed in the second round ${PLANE_DEATHS} times: both sinks have all, once and in order`, async (t) => {
    const server = await NatsServer.start(t, "jetstream");
    if (server === null) return;
    delete process.env["KVCAST_TEST_DEADLY_PLANE"];
    const { pipeline, subscriber, restarts, fatal } = await start(t, server, encoders);
    const events = 10_000;
    assertOnceAndInOrder(await publishNumbered({ pipeline, subscriber }, events), events);
    await eventually("the stream has all", PATIENCE_MS, () => {
      const { dequeued, sent, dropped, pending } = natsBooks(pipeline.publisher);
      assert.equal(dequeued, sent + dropped + pending);
      return sent === events ? true : null;
    });
    // A thread that takes half a second to run out of memory, as on a busy machine, is ended because it hangs.
    assert.equal(restarts.length, PLANE_DEATHS);
    assert.ok(restarts.includes("error") && restarts.includes("exit") && restarts.includes("heartbeat"));
    assert.deepEqual(fatal, []);
    const router = await readStream(t, server);
    assert.equal(router.blocks.size, events);
    assert.deepEqual(router.gaps, []);
  });
}

test("an event that ends every encoder in the second round is missing on the event plane, and only there", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const deadly = 77;
  process.env["KVCAST_TEST_DEADLY_PLANE"] = String(deadly);
  const { pipeline, subscriber, restarts, fatal, isolated } = await start(t, server, 2);
  const events = 500;
  assertOnceAndInOrder(await publishNumbered({ pipeline, subscriber }, events), events);
  await eventually("the stream has all others", PATIENCE_MS, () => {
    const { dequeued, sent, dropped, pending } = natsBooks(pipeline.publisher);
    assert.equal(dequeued, sent + dropped + pending);
    return sent === events - 1 ? true : null;
  });
  assert.deepEqual(restarts, ["exit", "exit"]);
  assert.equal(isolated.length, 1);
  assert.deepEqual(fatal, []);
  assert.equal(pipeline.publisher.read(REJECTED), 1);
  assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.poisonedEvents), 0);
  assert.equal(
    pipeline.encoders.reduce((sum, block) => sum + block.read(INTERNAL), 0),
    1,
  );
  const router = await readStream(t, server);
  assert.equal(router.blocks.size, events - 1);
  assert.ok(!router.blocks.has(`0 ${deadly}`));
});
