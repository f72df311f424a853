/**
 * A publisher thread that dies while the process has other users of zeromq: what its sockets hold is memory of the thread, and the
 * context that still holds it lives on.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { Subscriber } from "zeromq";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { within } from "../support/fault/deadline.ts";
import { Gate } from "../support/gate.ts";
import { large, numbered, pipelineOptions } from "../support/pipeline-parts.ts";

const DEADLINE_MS = 60_000;
const DEATHS = 3;
/** Between two deaths: some 30 MB, most of which a reader that stands still leaves with the publisher. */
const BATCHES = 400;
const BLOCKS = 1500;
const publisherEntry: URL = new URL("../support/dying-publisher.js", import.meta.url);

function plan(way: string, batches: number): void {
  process.env["KVCAST_TEST_PUBLISHER_WAY"] = way;
  process.env["KVCAST_TEST_PUBLISHER_POINT"] = "released";
  process.env["KVCAST_TEST_PUBLISHER_BATCHES"] = String(batches);
}

for (const way of ["throw", "exit"] as const) {
  test(`${way} with megabytes on their way: the process lives, and so does the next publisher`, async (t) => {
    plan(way, BATCHES);
    const died = new Gate();
    let deaths = 0;
    const enough = (): boolean => deaths >= DEATHS;
    const pipeline = new Pipeline(
      pipelineOptions({
        publisherEntry,
        slotBytes: 96 * 1024,
        onPublisherRestart: () => {
          deaths++;
          if (enough()) died.open();
        },
      }),
    );
    await pipeline.start();
    const slow = new Subscriber({ receiveHighWaterMark: 1, linger: 0 });
    t.after(async () => {
      slow.close();
      await pipeline.stop(1000);
    });
    slow.connect(pipeline.zmqEndpoint() ?? "");
    slow.subscribe("kv");
    const offering = (async (): Promise<void> => {
      for (let number = 1; !enough(); number++) {
        while (!enough() && !pipeline.offer(large(number * 10_000, BLOCKS))) await pipeline.writable();
      }
    })();
    await within(`${DEATHS} deaths`, DEADLINE_MS, died.opened);
    await offering;
    const { restarts } = pipeline.workers().find(({ name }) => name === "publisher") ?? assert.fail();
    assert.equal(restarts[way === "throw" ? "error" : "exit"], DEATHS);
    const [topic] = await within("a message", DEADLINE_MS, slow.receive());
    assert.equal(String(topic), "kv");
  });
}

test("out of memory: nothing can be given back, so the service ends and says why", async () => {
  plan("oom", 1);
  const fatal = new Gate<Error>();
  const { zmq } = pipelineOptions();
  assert.ok(zmq);
  const pipeline = new Pipeline(
    pipelineOptions({ publisherEntry, zmq: { ...zmq, waitSubscribers: 0 }, onFatal: (error) => fatal.open(error) }),
  );
  await pipeline.start();
  assert.equal(pipeline.offer(numbered(1)), true);
  pipeline.flush();
  const error = await within("the end", DEADLINE_MS, fatal.opened);
  assert.match(error.message, /memory.*other threads use ZMQ/);
  await pipeline.stop(1000);
});
