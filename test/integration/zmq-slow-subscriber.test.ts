/** A subscriber that stands still: what it costs the others (nothing), and what the sink knows of it. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { Subscriber } from "zeromq";
import { ZmqSink } from "../../src/workers/zmq-sink.ts";

const BYTES = 64 * 1024;
const LIMIT = 15;

async function bind(t: TestContext): Promise<ZmqSink> {
  const data = { endpoint: "tcp://127.0.0.1:*", topic: "", queueBytes: 1 << 20, waitSubscribers: 0 };
  const sink = await ZmqSink.bind({ ...data, waitSubscribersTimeoutMs: 0 }, BYTES);
  t.after(() => sink.close(0));
  assert.equal(sink.highWaterMarkMessages, LIMIT);
  return sink;
}

async function subscribe(t: TestContext, sink: ZmqSink, receiveHighWaterMark: number): Promise<Subscriber> {
  const subscriber = new Subscriber({ receiveHighWaterMark, linger: 0 });
  t.after(() => subscriber.close());
  subscriber.connect(sink.endpoint);
  subscriber.subscribe("");
  const wanted = sink.subscriptions + 1;
  while (sink.subscriptions !== wanted) {
    await sink.pollSubscriptions();
    await turn();
  }
  return subscriber;
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function receiveSequence(subscriber: Subscriber): Promise<number> {
  const [, sequence] = await subscriber.receive();
  return Number(sequence?.readBigUInt64BE());
}

test("one that stands still is reported when it begins to lose, and the others get every message once, in order", async (t) => {
  const sink = await bind(t);
  const healthy = await subscribe(t, sink, 0);
  const stalled = await subscribe(t, sink, 1);
  const warnings: unknown[] = [];
  const { emitWarning } = process as { readonly emitWarning: unknown };
  const warned = (warning: unknown): unknown => warnings.push(warning);
  process.on("warning", warned);
  t.after(() => process.off("warning", warned));

  const count = 1000;
  const full: number[] = [];
  for (let i = 0; i < count; i++) {
    if (await sink.send(i, Buffer.alloc(BYTES))) full.push(i);
    // It never falls behind: what is reported is about the other.
    assert.equal(await receiveSequence(healthy), i);
  }
  // What it loses from there on libzmq does not tell. (Should a kernel's buffer grow meanwhile, it takes part again.)
  assert.ok(full.length >= 1 && full.length < 10, `${full.length} were reported`);
  const [first = -1] = full;
  assert.ok(first >= LIMIT && first < count);

  // It reads all that had been kept for it: just what came before the reported one.
  for (let i = 0; i < first; i++) assert.equal(await receiveSequence(stalled), i);
  // Then it takes part again, until its queue is full once more.
  let again = -1;
  for (let i = count; again === -1; i++) {
    if (await sink.send(i, Buffer.alloc(BYTES))) again = i;
    assert.equal(await receiveSequence(healthy), i);
    assert.ok(i < 2 * count);
  }
  const next = await receiveSequence(stalled);
  assert.ok(next > first && next < again);
  await turn();
  assert.deepEqual(warnings, []);
  assert.equal((process as { readonly emitWarning: unknown }).emitWarning, emitWarning);
});

test("nothing is reported while everyone keeps up, or nobody is there", async (t) => {
  const sink = await bind(t);
  for (let i = 0; i < 100; i++) assert.equal(await sink.send(i, Buffer.alloc(BYTES)), false);
  const subscribers = [await subscribe(t, sink, 0), await subscribe(t, sink, 0)];
  for (let i = 100; i < 300; i++) {
    assert.equal(await sink.send(i, Buffer.alloc(BYTES)), false);
    for (const subscriber of subscribers) assert.equal(await receiveSequence(subscriber), i);
  }
});
