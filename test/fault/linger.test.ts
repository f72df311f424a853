/** The end of a publisher whose subscriber is behind: what its socket still holds arrives, and arrives intact. */
import assert from "node:assert/strict";
import test from "node:test";
import { Subscriber } from "zeromq";
import { large } from "../support/pipeline-parts.ts";
import { offerAll } from "../support/offering.ts";
import { startPipeline } from "../support/pipeline-run.ts";
import { serve } from "../support/processes.ts";
import { decodePayload } from "../support/wire.ts";

const BLOCKS = 1500;

test("bytes stay intact when the thread ends while another thread uses zeromq", async (t) => {
  const { pipeline, subscriber } = await startPipeline(t, { slotBytes: 96 * 1024 }, false);
  // Takes little before it is asked for more, so that the publisher's socket has to keep the rest.
  const slow = new Subscriber({ receiveHighWaterMark: 1, linger: 0, receiveTimeout: 1000 });
  t.after(() => slow.close());
  subscriber.close();
  slow.connect(pipeline.zmqEndpoint() ?? "");
  slow.subscribe("kv");
  const events = 3000;
  await offerAll(
    pipeline,
    Array.from({ length: events }, (_, i) => large((i + 1) * 10_000, BLOCKS)),
  );
  await slow.receive();
  assert.deepEqual(await pipeline.stop(3000), { droppedEvents: 0, forced: false });
  // What the thread has given back is used for something else now.
  const others = Array.from({ length: 3000 }, () => Buffer.alloc(60_000, 0xff));
  let received = 0;
  for (;;) {
    const [, , payload] = await slow.receive().catch(() => []);
    if (payload === undefined) break;
    const [, list] = decodePayload(payload);
    for (const event of list) assert.equal((event as { token_ids: number[] }).token_ids.at(-1), 4 * BLOCKS - 1);
    received++;
  }
  assert.ok(received > 0 && others.length > 0);
});

test("kvcast serve waits for a subscriber that is seconds behind, within its deadline", async (t) => {
  // About 80 MB: far more than the subscriber takes unasked, far less than may wait for it.
  const service = await serve(
    t,
    "--engine synthetic:?rate=max&blocks=8&events=60000 --wait-subscribers 1 --clear-on-start off",
  );
  const slow = new Subscriber({ receiveHighWaterMark: 1, linger: 0, receiveTimeout: 3000 });
  t.after(() => slow.close());
  slow.connect(service.facts.zmqEndpoint);
  slow.subscribe("");
  await slow.receive();
  await service.log((record) => record.msg === "flow" && Number(record["published_total"]) === 60_000);
  service.child.kill("SIGTERM");
  await service.log("shutting down");
  // It comes back after more than the half second that sockets get at the least.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  let sequence = 0;
  for (;;) {
    const [, number] = await slow.receive().catch(() => []);
    if (number === undefined) break;
    sequence = Number(number.readBigUInt64BE());
  }
  const { code } = await service.exit;
  assert.equal(code, 0);
  const stopped = service.logs.find((record) => record.msg.startsWith("stopped"));
  assert.equal(sequence, stopped?.["last_sequence"]);
});
