/** Delivery into a stream: made or found, full, gone and back; what is in it is what was accepted, in order. */
import assert from "node:assert/strict";
import test from "node:test";
import { DiscardPolicy, type StreamConfig } from "nats";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { NatsRig, SUBJECT, client, inStream, until, upTo } from "../support/nats-rig.ts";
import { NatsServer } from "../support/nats-server.ts";

const MIB = 1024 * 1024;
const STREAM = "KV";

async function manager(t: test.TestContext, server: NatsServer) {
  const connection = await client(t, { servers: server.url });
  return { connection, streams: (await connection.jetstreamManager()).streams };
}

test("a stream that is absent is made, bounded and with a dedupe window, and gets all in order", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM, maxInFlight: 100 });
  rig.offerMany(2000);
  assert.deepEqual(await rig.settled(), { dequeued: 2000, sent: 2000, dropped: 0, pending: 0 });
  const { connection, streams } = await manager(t, server);
  const { config } = await streams.info(STREAM);
  assert.deepEqual(config.subjects, [SUBJECT]);
  assert.ok(config.duplicate_window > 0 && config.max_bytes > 0);
  assert.deepEqual(await inStream(connection, STREAM), upTo(2000));
  assert.equal(rig.read(PUBLISHER_CELLS.natsRetries), 0);
});

test("a message that the stream has already is a duplicate, and counts as sent", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const rigs = [0, 1].map(() => new NatsRig(t, [server.url], { jetStream: STREAM }));
  for (const rig of rigs) {
    rig.offerMany(50);
    assert.equal((await rig.settled()).sent, 50);
  }
  assert.equal(rigs[1]?.read(PUBLISHER_CELLS.natsDuplicateAcks), 50);
  const { connection } = await manager(t, server);
  assert.deepEqual(await inStream(connection, STREAM), upTo(50));
});

const UNFIT: readonly (readonly [string, Partial<StreamConfig>, RegExp])[] = [
  ["other subjects", { subjects: ["other.>"] }, /does not hold the subject/u],
  ["no acknowledgements", { subjects: [SUBJECT], no_ack: true }, /acknowledges nothing/u],
];

for (const [what, config, detail] of UNFIT) {
  test(`a stream with ${what} does not fit: that is told, and it is used once it has been put right`, async (t) => {
    const server = await NatsServer.start(t, "jetstream");
    if (server === null) return;
    const { connection, streams } = await manager(t, server);
    await streams.add({ name: STREAM, ...config });
    const rig = new NatsRig(t, [server.url], { jetStream: STREAM });
    rig.offerMany(10);
    const refused = await rig.report("nats-refused");
    assert.equal(refused.reason, "no_stream");
    assert.match(refused.detail, detail);
    assert.equal(rig.books().pending, 10);
    await streams.update(STREAM, { subjects: [SUBJECT], no_ack: false });
    assert.deepEqual(await rig.settled(), { dequeued: 10, sent: 10, dropped: 0, pending: 0 });
    assert.deepEqual(await inStream(connection, STREAM), upTo(10));
  });
}

test("a server without JetStream: told once, the queue fills, nothing is sent", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM, queueBytes: 10_000 });
  const refused = await rig.report("nats-refused");
  assert.match(refused.detail, /no JetStream/u);
  rig.offerMany(100);
  const { sent, dropped, pending } = rig.books();
  assert.ok(sent === 0 && dropped > 0 && pending > 0);
  assert.equal(dropped, rig.dropped("buffer_full"));
});

test("a full stream: what it refuses waits, at most what it took is sent, and order holds when there is room", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const { connection, streams } = await manager(t, server);
  await streams.add({ name: STREAM, subjects: [SUBJECT], max_bytes: 100_000, discard: DiscardPolicy.New });
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM, queueBytes: MIB });
  // Some of them find no room in the queue, some no place in flight. Of very different sizes: where a large one has no room, a small one behind it may have.
  for (let i = 0; i < 600; i++) rig.offer(i % 7 === 0 ? 8000 : 50);
  const refused = await rig.report("nats-refused");
  assert.match(refused.detail, /maximum bytes exceeded/u);
  await until("nothing is in flight", 10_000, () => rig.read(PUBLISHER_CELLS.natsInflightBatches) === 0);
  assert.ok(rig.sink.pendingBytes <= MIB);
  const full = rig.books();
  assert.ok(full.pending > 0 && full.sent > 0);
  // What was taken; some servers remove the first few of it again, to be below the limit.
  assert.equal((await streams.info(STREAM)).state.last_seq, full.sent);
  assert.ok(rig.dropped("rejected") > 0, "some were overtaken");
  await streams.update(STREAM, { max_bytes: 100_000_000 });
  const books = await rig.settled(20_000);
  const numbers = await inStream(connection, STREAM);
  assert.equal((await streams.info(STREAM)).state.last_seq, books.sent);
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  assert.equal(books.dropped, rig.dropped("buffer_full") + rig.dropped("rejected"));
  assert.equal(new Set(numbers).size, numbers.length);
  assert.equal(rig.reports.filter(({ type }) => type === "nats-refused").length, 1);
});

test("a stream that is full of messages: not one is lost, and order holds, when it is emptied again and again", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const { connection, streams } = await manager(t, server);
  await streams.add({ name: STREAM, subjects: [SUBJECT], max_msgs: 100, discard: DiscardPolicy.New });
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM });
  rig.offerMany(250);
  const read: number[] = [];
  for (const full of [100, 200]) {
    await until("the stream is full", 20_000, () => rig.books().sent === full);
    read.push(...(await inStream(connection, STREAM)));
    await streams.purge(STREAM);
  }
  assert.deepEqual(await rig.settled(20_000), { dequeued: 250, sent: 250, dropped: 0, pending: 0 });
  read.push(...(await inStream(connection, STREAM)));
  assert.deepEqual(read, upTo(250));
});

test("a stream that is deleted under load is made anew; what it had is its own, what comes later arrives in order", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const { connection, streams } = await manager(t, server);
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM });
  rig.offerMany(200);
  await rig.settled();
  await streams.delete(STREAM);
  rig.offerMany(300);
  assert.equal((await rig.report("nats-refused")).reason, "no_stream");
  const books = await rig.settled(20_000);
  assert.deepEqual(books, { dequeued: 500, sent: 500, dropped: 0, pending: 0 });
  assert.deepEqual(
    await inStream(connection, STREAM),
    upTo(500).filter((n) => n >= 200),
  );
});

test("a message that is too large for the stream costs itself", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const { connection, streams } = await manager(t, server);
  await streams.add({ name: STREAM, subjects: [SUBJECT], max_msg_size: 1000 });
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM });
  for (const bytes of [10, 5000, 10, 5000, 10]) rig.offer(bytes);
  assert.deepEqual(await rig.settled(), { dequeued: 5, sent: 3, dropped: 2, pending: 0 });
  assert.equal(rig.errors("max_payload"), 2);
  assert.deepEqual(await inStream(connection, STREAM), [0, 2, 4]);
});

test("a user who may only publish: the stream is not looked at, and acknowledgements tell", async (t) => {
  const config = `jetstream\nauthorization { users: [
    { user: w, password: p, permissions: { publish: ["${SUBJECT}"], subscribe: ["_INBOX.>"] } }, { user: r, password: p } ] }`;
  const server = await NatsServer.start(t, config);
  if (server === null) return;
  const connection = await client(t, { servers: server.url, user: "r", pass: "p" });
  await (await connection.jetstreamManager()).streams.add({ name: STREAM, subjects: [SUBJECT] });
  const auth = { user: "w", password: "p", token: null, nkeySeed: null, creds: null };
  const rig = new NatsRig(t, [], {
    connection: { servers: [server.url], name: "w", auth, tls: null },
    jetStream: STREAM,
  });
  rig.offerMany(300);
  assert.deepEqual(await rig.settled(), { dequeued: 300, sent: 300, dropped: 0, pending: 0 });
  assert.deepEqual(await inStream(connection, STREAM), upTo(300));
});

test("a user who may not subscribe to acknowledgements: told, nothing is handed over", async (t) => {
  const config = `jetstream\nauthorization { users: [
    { user: w, password: p, permissions: { publish: [">"], subscribe: { deny: [">"] } } } ] }`;
  const server = await NatsServer.start(t, config);
  if (server === null) return;
  const auth = { user: "w", password: "p", token: null, nkeySeed: null, creds: null };
  const rig = new NatsRig(t, [], {
    connection: { servers: [server.url], name: "w", auth, tls: null },
    jetStream: STREAM,
  });
  rig.offerMany(300);
  assert.equal((await rig.report("nats-refused")).reason, "permission");
  assert.deepEqual(rig.books(), { dequeued: 300, sent: 0, dropped: 0, pending: 300 });
});
