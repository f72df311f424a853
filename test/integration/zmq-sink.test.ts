/** The ZMQ sink on its own, with real sockets: limits that hold and cut nobody off, odd peers, and addresses. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { Subscriber, XSubscriber } from "zeromq";
import { BindError } from "../../src/shared/errors.ts";
import { ZmqSink } from "../../src/workers/zmq-sink.ts";

const MESSAGE_BYTES = 64 * 1024;
const QUEUE_BYTES = 1 << 20;

async function bind(
  t: TestContext,
  endpoint: string = "tcp://127.0.0.1:*",
  queueBytes = QUEUE_BYTES,
): Promise<ZmqSink> {
  const sink = await ZmqSink.bind(
    { endpoint, topic: "", queueBytes, waitSubscribers: 0, waitSubscribersTimeoutMs: 0 },
    MESSAGE_BYTES,
  );
  t.after(() => sink.close(0));
  return sink;
}

function subscriberOf(t: TestContext, sink: ZmqSink, receiveHighWaterMark: number): Subscriber {
  const subscriber = new Subscriber({ receiveHighWaterMark, linger: 0 });
  t.after(() => subscriber.close());
  subscriber.connect(sink.endpoint);
  subscriber.subscribe("");
  return subscriber;
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function untilSubscriptions(sink: ZmqSink, count: number): Promise<void> {
  while (sink.subscriptions !== count) {
    await sink.pollSubscriptions();
    await turn();
  }
}

/** Sends `count` messages of that size, with turns of the event loop in which sent ones are let go. */
async function send(sink: ZmqSink, first: number, count: number, bytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await sink.send(first + i, Buffer.alloc(bytes));
    if (i % 64 === 0) await turn();
  }
}

async function receiveSequence(subscriber: Subscriber): Promise<number> {
  const [, sequence] = await subscriber.receive();
  return Number(sequence?.readBigUInt64BE());
}

/** Reads until the last of the messages has come, which is sent again until then. Returns how many came before. */
async function countUntilEnd(sink: ZmqSink, subscriber: Subscriber, end: number): Promise<number> {
  const reading = (async (): Promise<number> => {
    let count = 0;
    while ((await receiveSequence(subscriber)) !== end) count++;
    return count;
  })();
  let count: number | null = null;
  while (count === null) {
    await sink.send(end, Buffer.alloc(1));
    count = await Promise.race([reading, turn().then(() => null)]);
  }
  return count;
}

test("a message that is many times larger than all before cuts no subscriber off", async (t) => {
  const sink = await bind(t, "tcp://127.0.0.1:*", 1 << 28);
  const subscriber = subscriberOf(t, sink, 0);
  await untilSubscriptions(sink, 1);
  for (let i = 0; i < 1000; i++) {
    await sink.send(i, Buffer.alloc(300));
    assert.equal(await receiveSequence(subscriber), i);
  }
  await sink.send(1000, Buffer.alloc(20 * MESSAGE_BYTES));
  assert.equal(await receiveSequence(subscriber), 1000);
  await sink.send(1001, Buffer.alloc(300));
  assert.equal(await receiveSequence(subscriber), 1001);
});

test("the limit holds for a subscriber that comes late and does not read", async (t) => {
  const sink = await bind(t);
  assert.equal(sink.highWaterMarkMessages, 15);
  const first = subscriberOf(t, sink, 0);
  await untilSubscriptions(sink, 1);
  await send(sink, 0, 1, MESSAGE_BYTES);
  await receiveSequence(first);
  const late = subscriberOf(t, sink, 1);
  await untilSubscriptions(sink, 2);
  const count = 4000;
  await send(sink, 1, count, MESSAGE_BYTES);
  const received = await countUntilEnd(sink, late, count + 1);
  // Far more than the limit fits into the kernel's buffers on both ends, but nowhere near all of it.
  assert.ok(received < count / 4, `${received} of ${count} messages had been kept for it`);
});

test("only subscriptions count, and nobody can end more than there are", async (t) => {
  const sink = await bind(t);
  const peer = new XSubscriber({ linger: 0 });
  t.after(() => peer.close());
  peer.connect(sink.endpoint);
  const subscribe = (topic: string): Promise<void> => peer.send(Buffer.from(`\u0001${topic}`));
  await peer.send(Buffer.from("\u0000never begun"));
  await peer.send(Buffer.from("a message of its own"));
  await peer.send(Buffer.alloc(0));
  await subscribe("a");
  await untilSubscriptions(sink, 1);
  await subscribe("b");
  await untilSubscriptions(sink, 2);
  peer.close();
  await untilSubscriptions(sink, 0);
});

test("a storm of subscriptions is taken in parts", async (t) => {
  const sink = await bind(t);
  const peer = new XSubscriber({ linger: 0, sendHighWaterMark: 0 });
  t.after(() => peer.close());
  peer.connect(sink.endpoint);
  const count = 5000;
  for (let i = 0; i < count; i++) await peer.send(Buffer.from(`\u0001${i}`));
  let parts = 0;
  while (sink.subscriptions < count) {
    if (await sink.pollSubscriptions()) parts++;
    await turn();
  }
  assert.ok(parts > 0, "one poll does not take all");
  assert.equal(await sink.pollSubscriptions(), false);
});

test("a peer that sends more than a subscription can be is cut off", async (t) => {
  const sink = await bind(t);
  const peer = new XSubscriber({ linger: 0, reconnectInterval: 0 });
  t.after(() => peer.close());
  peer.connect(sink.endpoint);
  await peer.send(Buffer.from("\u0001a"));
  await untilSubscriptions(sink, 1);
  const { events } = peer;
  await peer.send(Buffer.alloc(1 << 20, "x"));
  let event = await events.receive();
  while (event.type !== "disconnect") event = await events.receive();
});

test("an IPv6 address can be bound", async (t) => {
  const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));
  if (!hasIpv6) return t.skip("this machine has no ::1");
  const sink = await bind(t, "tcp://[::1]:*");
  assert.match(sink.endpoint, /^tcp:\/\/\[::1\]:\d+$/);
  const subscriber = new Subscriber({ linger: 0, ipv6: true });
  t.after(() => subscriber.close());
  subscriber.connect(sink.endpoint);
  subscriber.subscribe("");
  await untilSubscriptions(sink, 1);
  await sink.send(7, Buffer.alloc(1));
  assert.equal(await receiveSequence(subscriber), 7);
});

test("an ipc path is taken over from the dead, not from the living", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-ipc-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const endpoint = `ipc://${folder}/events`;
  writeFileSync(`${folder}/events`, "left behind");
  const sink = await bind(t, endpoint);
  await assert.rejects(
    bind(t, endpoint),
    (error) => error instanceof BindError && /another process listens there/.test(error.message),
  );
  const subscriber = subscriberOf(t, sink, 0);
  await untilSubscriptions(sink, 1);
  await sink.send(3, Buffer.alloc(1));
  assert.equal(await receiveSequence(subscriber), 3);
});
