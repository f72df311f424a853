/**
 * The library class over a real socket, against recorded messages of the Python class. Bytes must agree but for the
 * timestamp, whose clock cannot be set from outside: it is checked to be now, then set to the recorded one.
 */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { Subscriber } from "zeromq";
import {
  BindError,
  InvalidEventError,
  type StoredOptions,
  toSignedI64,
  type WireFormat,
  ZmqKvEventPublisher,
  type ZmqKvEventPublisherOptions,
} from "../../src/main/lib.ts";
import { asList, asObject, asText, readFixture } from "../support/raw-events.ts";
import { FIXED_SECONDS } from "../support/wire.ts";

const golden = asObject(readFixture("dynamo/golden_zmq_messages.json"));
const U64_MAX = (1n << 64n) - 1n;

/** A publisher and a subscriber that is known to be there. */
async function start(
  t: TestContext,
  options: Partial<ZmqKvEventPublisherOptions>,
): Promise<{ publisher: ZmqKvEventPublisher; subscriber: Subscriber }> {
  const publisher = new ZmqKvEventPublisher({ zmqEndpoint: "tcp://127.0.0.1:*", kvBlockSize: 4, ...options });
  await publisher.ready;
  const subscriber = new Subscriber({ linger: 0 });
  t.after(async () => {
    subscriber.close();
    await publisher.shutdown();
  });
  subscriber.connect(publisher.zmqEndpoint);
  subscriber.subscribe("");
  while (publisher.subscribers < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  return { publisher, subscriber };
}

async function compare(subscriber: Subscriber, recorded: string): Promise<void> {
  for (const item of asList(golden[recorded])) {
    const expected = asObject(item);
    const [topic, sequence, payload] = await subscriber.receive();
    assert.ok(topic !== undefined && sequence !== undefined && payload !== undefined);
    assert.equal(topic.toString("hex"), expected["topic_hex"]);
    assert.equal(sequence.toString("hex"), expected["sequence_hex"]);
    const seconds = payload.readDoubleBE(2);
    assert.ok(Math.abs(seconds - Date.now() / 1000) < 60);
    payload.writeDoubleBE(FIXED_SECONDS, 2);
    assert.equal(payload.toString("hex"), expected["payload_hex"]);
  }
}

test("August 2026 messages", async (t) => {
  const { publisher, subscriber } = await start(t, { wireFormat: "dynamo", topic: "kv-events" });
  const tokens = [1, 2, 3, 4];
  const stored = (hash: bigint, options: StoredOptions): boolean =>
    publisher.publishStored(tokens, [4], [hash], options);
  assert.ok(stored(U64_MAX, { parentHash: 1n << 63n, attentionDpRank: 3 }));
  assert.ok(stored(5n, { loraName: "a", cacheSalt: "s", blockMmInfos: [{ mmHashes: [U64_MAX] }] }));
  assert.ok(publisher.publishRemoved([U64_MAX, 1], 2));
  assert.ok(publisher.publishAllCleared());
  assert.ok(publisher.publishAllCleared(1));
  await compare(subscriber, "v1_messages_topic_kv-events");
  // A message arrives before its thread has counted it.
  await publisher.shutdown();
  assert.equal(publisher.sequence, 5);
});

test("January 2026 messages", async (t) => {
  const { publisher, subscriber } = await start(t, { wireFormat: "dynamo-2026-01" });
  publisher.publishStored([1, 2, 3, 4], [4], [5], { loraId: 7 });
  publisher.publishStored([1, 2, 3, 4], [4], [5], { parentHash: 3 });
  publisher.publishAllCleared();
  await compare(subscriber, "v0_messages");
});

test("facts of a new publisher, its rank and its life", async (t) => {
  const { publisher, subscriber } = await start(t, { dataParallelRank: 6, topic: "t" });
  assert.deepEqual([publisher.kvBlockSize, publisher.topic, publisher.dataParallelRank], [4, "t", 6]);
  assert.match(publisher.zmqEndpoint, /^tcp:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(publisher.sequence, 0);
  publisher.publishAllCleared();
  const [, , payload] = await subscriber.receive();
  assert.equal(payload?.at(-1), 6);
  const first = publisher.shutdown();
  assert.equal(publisher.shutdown(), first, "shut down once");
  await first;
  assert.throws(() => publisher.publishAllCleared(), InvalidEventError);
});

test("what cannot go on the wire is refused at once and uses no number", async (t) => {
  const { publisher } = await start(t, {});
  const refused: readonly (() => unknown)[] = [
    () => publisher.publishStored([1, 2, 3], [4], [1]),
    () => publisher.publishStored([1, 2, 3, 4], [4], [1, 2]),
    () => publisher.publishStored([1, 2, 3, -4], [4], [1]),
    () => publisher.publishStored([1, 2, 3, 4.5], [4], [1]),
    () => publisher.publishStored([1, 2, 3, 2 ** 32], [4], [1]),
    () => publisher.publishStored([1, 2, 3, 4], [4], [1n << 64n]),
    () => publisher.publishStored([1, 2, 3, 4], [4], [2 ** 60]),
    () => publisher.publishStored([1, 2, 3, 4], [4], [1], { parentHash: -(1n << 63n) - 1n }),
    () => publisher.publishStored([1, 2, 3, 4], [4], [1], { attentionDpRank: -1 }),
    () => publisher.publishStored([1, 2, 3, 4], [4], [1], { blockMmInfos: [] }),
    () => publisher.publishRemoved([1.5]),
  ];
  for (const call of refused) {
    assert.throws(call, (error) => {
      assert.ok(error instanceof InvalidEventError);
      assert.equal(error.code, "KVCAST_INVALID_EVENT");
      return true;
    });
  }
  assert.equal(publisher.sequence, 0);
});

function isBindError(error: unknown): boolean {
  return error instanceof BindError && error.code === "KVCAST_BIND_FAILED" && error.exitCode === 69;
}

test("an address that is taken rejects `ready`", async (t) => {
  const { publisher } = await start(t, {});
  const second = new ZmqKvEventPublisher({ zmqEndpoint: publisher.zmqEndpoint, kvBlockSize: 4 });
  // Its end is for whoever waits for room too: a loop around a publisher that is full for ever would never end.
  const publishing = (async (): Promise<void> => {
    for (;;) while (!second.publishRemoved([1])) await second.writable();
  })();
  await assert.rejects(second.ready, isBindError);
  await assert.rejects(publishing, isBindError);
  await second.shutdown();
});

test("what was taken before the address was bound is sent, also when it is shut down at once", async () => {
  const publisher = new ZmqKvEventPublisher({ zmqEndpoint: "tcp://127.0.0.1:*", kvBlockSize: 4, wireFormat: "dynamo" });
  for (let i = 0; i < 10; i++) assert.ok(publisher.publishRemoved([i]));
  await publisher.shutdown();
  assert.equal(publisher.sequence, 10);
});

test("the default dialect is vllm", async (t) => {
  const { publisher, subscriber } = await start(t, {});
  publisher.publishRemoved([1]);
  const [, , payload] = await subscriber.receive();
  assert.ok(payload?.includes("medium"));
  const formats: readonly WireFormat[] = ["vllm", "dynamo", "dynamo-2026-01", "vllm-array"];
  assert.equal(formats.length, 4);
});

test("toSignedI64 agrees with the recorded conversions", () => {
  // The reference does not check an upper bound; 2^63 is no signed 64-bit number, so ours comes out as -2^63.
  const differs: Readonly<Record<string, bigint>> = { "27670116110564327424": -(1n << 63n) };
  const cases = asList(asObject(readFixture("dynamo/golden_signed_i64.json"))["cases"]).map(asObject);
  assert.equal(cases.length, 11);
  for (const { in: input, out } of cases) {
    if (input === null) {
      assert.equal(toSignedI64(null), out);
      continue;
    }
    const text = asText(input);
    assert.equal(toSignedI64(BigInt(text)), differs[text] ?? BigInt(asText(out)), text);
  }
});
