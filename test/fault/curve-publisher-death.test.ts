/**
 * A publisher thread that dies while its sockets demand CURVE: its successor binds them again under the same keys, and at no time
 * is anybody let in who would not have been.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { curveKeyPair, Subscriber } from "zeromq";
import { CurveGate } from "../../src/main/curve/curve-gate.ts";
import { Pipeline } from "../../src/main/pipeline/pipeline.ts";
import { curveClientOptions } from "../../src/shared/curve.ts";
import { CurveFiles, welcome } from "../support/curve.ts";
import { within } from "../support/fault/deadline.ts";
import { Gate } from "../support/gate.ts";
import { numberedEvents, offerAll } from "../support/offering.ts";
import { pipelineOptions } from "../support/pipeline-parts.ts";

const DEADLINE_MS = 15_000;
/** A few batches: enough for one death. */
const EVENTS = 250;

for (const way of ["throw", "exit"] as const) {
  test(`${way}: bound again, encrypted again, and closed to strangers`, async (t) => {
    process.env["KVCAST_TEST_PUBLISHER_WAY"] = way;
    process.env["KVCAST_TEST_PUBLISHER_POINT"] = "released";
    const [client, stranger] = [curveKeyPair(), curveKeyPair()];
    const files = new CurveFiles(t, client);
    const clients = { file: files.allowFile, place: { label: "list", option: "list" } };
    const gate = new CurveGate({ keys: files.server, clients }, null);
    const died = new Gate<number>();
    const { zmq } = pipelineOptions();
    assert.ok(zmq);
    const pipeline = new Pipeline(
      pipelineOptions({
        publisherEntry: new URL("../support/dying-publisher.js", import.meta.url),
        gate,
        zmq: { ...zmq, curve: gate.server("live") },
        onPublisherRestart: (_reason, _message, nextSequence) => died.open(nextSequence),
        heartbeatMs: 50,
      }),
    );
    await pipeline.start();
    const subscriber = new Subscriber({
      linger: 0,
      receiveHighWaterMark: 0,
      ...curveClientOptions(files.keys(client)),
    });
    t.after(async () => {
      subscriber.close();
      await pipeline.stop(1000);
    });
    const endpoint = pipeline.zmqEndpoint() ?? "";
    subscriber.connect(endpoint);
    subscriber.subscribe("");
    await offerAll(pipeline, numberedEvents(EVENTS));
    const next = await within("the death", DEADLINE_MS, died.opened);
    assert.equal(pipeline.zmqEndpoint(), endpoint);
    // Strangers come in the very moment in which nobody is there, and after it.
    const strange = welcome(endpoint, files.keys(stranger));
    const plain = welcome(endpoint, null);
    const [, last] = await Promise.all([
      within("the first message", DEADLINE_MS, subscriber.receive()),
      within("the answer to a stranger", DEADLINE_MS, strange),
    ]);
    assert.equal(last, "not_allowed");
    assert.equal(await within("the answer to a plain client", DEADLINE_MS, plain), "mechanism");
    assert.ok(gate.refused("live", "unlisted") > 0);
    // Who has its key comes back by itself.
    for (let sequence = -1; sequence < next;) {
      const [, frame] = await within("a message of the successor", DEADLINE_MS, subscriber.receive());
      sequence = Number(frame?.readBigUInt64BE());
    }
  });
}

test("without a handler nobody is let in", async (t) => {
  const client = curveKeyPair();
  const files = new CurveFiles(t, client);
  const clients = { file: files.allowFile, place: { label: "list", option: "list" } };
  const gate = new CurveGate({ keys: files.server, clients }, null);
  const { zmq } = pipelineOptions();
  assert.ok(zmq);
  // As if the handler had gone before its sockets: they know a gate that was never opened.
  const pipeline = new Pipeline(pipelineOptions({ zmq: { ...zmq, curve: gate.server("live") } }));
  await pipeline.start();
  t.after(() => pipeline.stop(0));
  const socket = new Subscriber({ linger: 0, ...curveClientOptions(files.keys(client)) });
  t.after(() => socket.close());
  const refused = new Promise((resolve) => socket.events.on("handshake:error:other", resolve));
  socket.events.on("handshake", () => assert.fail("let in by nobody"));
  socket.connect(pipeline.zmqEndpoint() ?? "");
  await within("the refusal", DEADLINE_MS, refused);
});
