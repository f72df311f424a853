/**
 * The publisher thread dies while it feeds NATS: a stream gets every event that was not in the dead thread's own queue, event
 * ids go on without one given twice, and what was lost with that queue is counted.
 */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { connect } from "nats";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { EVENT_TYPES, PUBLISHER_CELLS, SINK_DROP_REASONS } from "../../src/shared/counters.ts";
import { eventually } from "../support/fault/deadline.ts";
import { NO_AUTH, PLACE } from "../support/nats-rig.ts";
import { NatsServer } from "../support/nats-server.ts";
import { numberedEvents, offerAll } from "../support/offering.ts";
import { pipelineOptions } from "../support/pipeline-parts.ts";
import { SubscriberProcess } from "../support/processes.ts";
import { RouterModel } from "../support/router-model.ts";

const EVENTS = 3000;
const PATIENCE_MS = 20_000;

async function readStream(t: TestContext, server: NatsServer): Promise<RouterModel> {
  const connection = await connect({ servers: server.url });
  t.after(() => connection.close());
  const { messages } = (await (await connection.jetstreamManager()).streams.info("KV")).state;
  const consumer = await connection.jetstream().consumers.get("KV");
  const router = new RouterModel();
  for await (const message of await consumer.fetch({ max_messages: messages, expires: 10_000 })) {
    router.apply(message.data);
    message.ack();
  }
  return router;
}

for (const point of ["sent", "counted", "released"]) {
  test(`killed at "${point}": every event is in the stream or counted as lost, and no id is given twice`, async (t) => {
    const server = await NatsServer.start(t, "jetstream");
    if (server === null) return;
    process.env["KVCAST_TEST_PUBLISHER_WAY"] = "throw";
    process.env["KVCAST_TEST_PUBLISHER_POINT"] = point;
    let restarts = 0;
    const pipeline = new Pipeline(
      pipelineOptions({
        publisherEntry: new URL("../support/dying-publisher.js", import.meta.url),
        sharesZmq: false,
        onPublisherRestart: () => {
          restarts++;
          // The successor lives.
          process.env["KVCAST_TEST_PUBLISHER_WAY"] = "never";
        },
        nats: {
          connection: { servers: [server.url], name: "kvcast test", auth: NO_AUTH, tls: null },
          encoding: "dynamo",
          place: PLACE,
          jetStream: "KV",
          queueBytes: 1 << 26,
          maxInFlight: 64,
          events: true,
        },
      }),
    );
    await pipeline.start();
    t.after(() => pipeline.stop(1000));
    // Opens the gate. It may miss what the successor sends before it has connected anew: its replay is another test's.
    await new SubscriberProcess(t, pipeline.zmqEndpoint() ?? "").connected();
    await offerAll(pipeline, numberedEvents(EVENTS));
    const read = (first: number, count: number): number =>
      Array.from({ length: count }, (_, i) => pipeline.publisher.read(first + i)).reduce((a, b) => a + b);
    const sent = (): number => read(PUBLISHER_CELLS.natsSentEvents, EVENT_TYPES.length);
    const dropped = (): number => read(PUBLISHER_CELLS.natsDroppedEvents, SINK_DROP_REASONS.length);
    await eventually("all are acknowledged or counted as lost", PATIENCE_MS, () =>
      pipeline.publisher.read(PUBLISHER_CELLS.dequeuedEvents) === EVENTS && sent() + dropped() === EVENTS ? true : null,
    );
    assert.equal(restarts, 1);
    assert.equal(pipeline.publisher.read(PUBLISHER_CELLS.natsPendingEvents), 0);
    const router = await readStream(t, server);
    // What a dead thread had sent and not heard of again may be in the stream although it counts as lost; never less.
    assert.ok(router.blocks.size >= sent(), `${router.blocks.size} blocks, ${sent()} events sent`);
    assert.ok(router.blocks.size <= EVENTS);
    assert.ok(dropped() < EVENTS / 2, "most arrived");
    // Ids only rise: a hole is what was lost with the queue, and a router asks again for what it has missed.
    for (const [, expected, got] of router.gaps) assert.ok(got > expected, `${got} after ${expected - 1}`);
  });
}
