/**
 * The publisher thread dies while it feeds NATS: a stream gets every event that was not in the dead thread's own queue, event
 * ids go on without one given twice, and what was lost with that queue is counted.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { eventually } from "../support/fault/deadline.ts";
import { natsBooks, readStream, streamOptions } from "../support/nats-pipeline.ts";
import { NatsServer } from "../support/nats-server.ts";
import { numberedEvents, offerAll } from "../support/offering.ts";
import { pipelineOptions } from "../support/pipeline-parts.ts";
import { SubscriberProcess } from "../support/processes.ts";

const EVENTS = 3000;
const PATIENCE_MS = 20_000;

for (const point of ["sent", "counted", "released", "fed", "fed-counted", "fed-released"]) {
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
        nats: streamOptions(server),
      }),
    );
    await pipeline.start();
    t.after(() => pipeline.stop(1000));
    // Opens the gate. It may miss what the successor sends before it has connected anew: its replay is another test's.
    await new SubscriberProcess(t, pipeline.zmqEndpoint() ?? "").connected();
    await offerAll(pipeline, numberedEvents(EVENTS));
    const books = await eventually("all are acknowledged or counted as lost", PATIENCE_MS, () => {
      const { dequeued, sent, dropped, pending } = natsBooks(pipeline.publisher);
      assert.equal(dequeued, sent + dropped + pending, "the books balance throughout");
      return dequeued === EVENTS && pending === 0 ? { sent, dropped } : null;
    });
    assert.equal(restarts, 1);
    const router = await readStream(t, server);
    // What a dead thread had sent and not heard of again may be in the stream although it counts as lost; never less.
    assert.ok(router.blocks.size >= books.sent, `${router.blocks.size} blocks, ${books.sent} events sent`);
    assert.ok(router.blocks.size <= EVENTS);
    assert.ok(books.dropped < EVENTS / 2, "most arrived");
    // Ids only rise: a hole is what was lost with the queue, and a router asks again for what it has missed.
    for (const [, expected, got] of router.gaps) assert.ok(got > expected, `${got} after ${expected - 1}`);
  });
}
