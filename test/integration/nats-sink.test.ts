/** The NATS sink against a real server: what is delivered, in which order, and what becomes of what is not. */
import assert from "node:assert/strict";
import test from "node:test";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { NATS_ITEM_BYTES } from "../../src/shared/nats-limits.ts";
import { eventSubject, planeSubject } from "../../src/shared/nats-subjects.ts";
import { PAGE_BYTES } from "../../src/workers/page-memory.ts";
import { NatsRig, PLACE, SUBJECT, client, inStream, numberOf, reader, until, upTo } from "../support/nats-rig.ts";
import { NatsServer } from "../support/nats-server.ts";

const STREAM = "KV";
const MIB = 1024 * 1024;

test("core: what is offered arrives, once and in order; sent means that the server has it", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const numbers = await reader(t, server.url);
  const rig = new NatsRig(t, [server.url], { maxInFlight: 64 });
  rig.offerMany(5000);
  const books = await rig.settled();
  assert.deepEqual(books, { dequeued: 5000, sent: 5000, dropped: 0, pending: 0 });
  await until("the reader has all", 5000, () => numbers.length >= 5000);
  assert.deepEqual(numbers, upTo(5000));
  assert.equal(rig.read(PUBLISHER_CELLS.natsSentBatches), 5000);
  assert.equal(rig.read(PUBLISHER_CELLS.natsSentBytes), 500_000);
  const { first, width } = PUBLISHER_CELLS.natsPipelineLatency;
  const ways = Array.from({ length: width - 1 }, (_, i) => rig.read(first + i));
  assert.equal(
    ways.reduce((sum, count) => sum + count, 0),
    5000,
  );
  assert.ok(rig.read(first + width - 1) > 0);
  assert.equal(rig.read(PUBLISHER_CELLS.natsInflightBatches), 0);
  assert.equal(rig.read(PUBLISHER_CELLS.natsPendingBytes), 0);
  assert.ok(rig.read(PUBLISHER_CELLS.natsLastSuccessSeconds) > Date.now() / 1000 - 60);
  assert.equal(rig.reports.length, 1);
});

test("what is offered but not counted as dequeued yet does not show, even when it has arrived", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const numbers = await reader(t, server.url);
  const rig = new NatsRig(t, [server.url]);
  await rig.up();
  const message = {
    subject: SUBJECT,
    sequence: 0,
    messageId: null,
    stored: 2,
    removed: 3,
    cleared: 1,
    acceptedMicros: null,
  };
  rig.sink.offer({ ...message, payload: rig.payload(new Uint8Array(8)) });
  await until("arrived and confirmed", 5000, () => numbers.length === 1 && !rig.sink.hasWork);
  assert.deepEqual(rig.books(), { dequeued: 0, sent: 0, dropped: 0, pending: 0 });
  rig.sink.satisfied(4);
  assert.equal(rig.books().sent, 0);
  rig.counters.begin();
  rig.counters.add(PUBLISHER_CELLS.dequeuedEvents, 10);
  rig.sink.countOffers();
  rig.counters.end();
  assert.deepEqual(rig.books(), { dequeued: 10, sent: 10, dropped: 0, pending: 0 });
  assert.deepEqual(
    [0, 1, 2].map((type) => rig.read(PUBLISHER_CELLS.natsSentEvents + type)),
    [2, 7, 1],
  );
});

test("a full queue refuses, counts, and takes again when there is room", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  await server.kill();
  const rig = new NatsRig(t, [server.url], { queueBytes: MIB });
  rig.offerMany(3000, 1000);
  const { pending, dropped } = rig.books();
  assert.equal(pending, Math.floor(MIB / (PAGE_BYTES + NATS_ITEM_BYTES)));
  assert.equal(dropped, rig.dropped("buffer_full"));
  assert.ok(rig.sink.pendingBytes <= MIB);
  await server.restart();
  const books = await rig.settled();
  assert.equal(books.sent, pending);
  assert.ok(rig.offer());
  assert.equal((await rig.settled()).sent, pending + 1);
});

test("a message above the server's limit costs itself, and the limit can be asked for", async (t) => {
  const server = await NatsServer.start(t, "max_payload: 2000");
  if (server === null) return;
  const numbers = await reader(t, server.url);
  const rig = new NatsRig(t, [server.url]);
  await rig.up();
  assert.equal(rig.sink.maxPayload, 2000 - 512);
  for (const bytes of [100, 2001, 5000, rig.sink.maxPayload, 100]) rig.offer(bytes);
  const books = await rig.settled();
  assert.deepEqual(books, { dequeued: 5, sent: 3, dropped: 2, pending: 0 });
  assert.equal(rig.dropped("rejected"), 2);
  assert.equal(rig.errors("max_payload"), 2);
  await until("the others arrived", 5000, () => numbers.length === 3);
  assert.deepEqual(numbers, [0, 3, 4]);
  assert.equal(rig.reports.filter(({ type }) => type === "nats-refused").length, 1);
  assert.equal(rig.reports.filter(({ type }) => type === "nats-down").length, 0);
});

for (const jetStream of [null, STREAM]) {
  test(`a denied subject, ${jetStream ?? "core"}: its messages are dropped, the others arrive, it is told once`, async (t) => {
    const [allowed, denied] = [eventSubject(PLACE, "raw", 0), eventSubject(PLACE, "raw", 1)];
    const config = `jetstream\nauthorization { users: [
      { user: w, password: p, permissions: { publish: { allow: [">"], deny: ["${denied}"] } } }, { user: r, password: p } ] }`;
    const server = await NatsServer.start(t, config);
    if (server === null) return;
    const auth = { user: "w", password: "p", token: null, nkeySeed: null, creds: null };
    const connection = { servers: [server.url], name: "w", auth, tls: null };
    const rig = new NatsRig(t, [], { connection, jetStream, encoding: "raw" });
    await rig.up();
    for (let i = 0; i < 500; i++) rig.offer(50, i % 2 === 0 ? allowed : denied);
    assert.deepEqual(await rig.settled(), { dequeued: 500, sent: 250, dropped: 250, pending: 0 });
    assert.equal(rig.dropped("rejected"), 250);
    assert.equal(rig.errors("permission"), 250);
    const refusals = rig.reports.filter(({ type }) => type === "nats-refused");
    assert.deepEqual(refusals, [
      { type: "nats-refused", reason: "permission", detail: `not allowed to publish to ${denied}` },
    ]);
    if (jetStream === null) return;
    const readerConnection = await client(t, { servers: server.url, user: "r", pass: "p" });
    assert.deepEqual(
      await inStream(readerConnection, jetStream),
      upTo(500).filter((n) => n % 2 === 0),
    );
  });
}

/** Of a user `w` who may publish to all but one subject, and `r` who may do anything. */
function rights(deny: string): string {
  const writer = `{ user: w, password: p, permissions: { publish: { deny: ["${deny}"] } } }`;
  return `authorization { users: [ ${writer}, { user: r, password: p } ] }`;
}

test("a subject that is allowed again is used again", async (t) => {
  const server = await NatsServer.start(t, rights(SUBJECT));
  if (server === null) return;
  const connection = await client(t, { servers: server.url, user: "r", pass: "p" });
  const numbers: number[] = [];
  connection.subscribe(SUBJECT, { callback: (_, message) => numbers.push(numberOf(message.data)) });
  await connection.flush();
  const auth = { user: "w", password: "p", token: null, nkeySeed: null, creds: null };
  const rig = new NatsRig(t, [], { connection: { servers: [server.url], name: "w", auth, tls: null } });
  rig.offerMany(10);
  assert.equal((await rig.settled()).dropped, 10);
  server.reload(rights("other"));
  await until("a message arrives", 15_000, () => {
    rig.offer();
    return numbers.length > 0;
  });
  const { dropped } = await rig.settled();
  rig.offerMany(50);
  assert.equal((await rig.settled()).dropped, dropped, "none of the later ones is dropped");
  await until("all arrived", 5000, () => numbers.length === rig.books().sent);
});

test("an address that is none: told, and no harm done", async (t) => {
  const rig = new NatsRig(t, ["nats://:::"]);
  rig.offer();
  assert.match((await rig.report("nats-down")).reason, /no address/u);
  assert.equal(rig.books().pending, 1);
});

test("raw: number and epoch go along as headers", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const subject = eventSubject(PLACE, "raw", 3);
  assert.equal(subject, "kvcast.dynamo.backend.7.3");
  const connection = await client(t, { servers: server.url });
  const seen: string[][] = [];
  connection.subscribe(subject, {
    callback: (_, { headers }) =>
      seen.push(["Kvcast-Sequence", "Kvcast-Epoch", "Nats-Msg-Id"].map((key) => headers?.get(key) ?? "")),
  });
  await connection.flush();
  const rig = new NatsRig(t, [server.url], { encoding: "raw", epoch: "epoch-1" });
  rig.offer(10, subject);
  rig.offer(10, subject);
  await until("both are there", 5000, () => seen.length === 2);
  assert.deepEqual(seen, [
    ["0", "epoch-1", "e:0"],
    ["1", "epoch-1", "e:1"],
  ]);
});

function loadOf(value: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, value);
  return payload;
}

test("load: of a state the latest value, again on a new connection; of records each one, once", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const [state, record] = [planeSubject(PLACE, "kv_metrics"), planeSubject(PLACE, "forward-pass-metrics")];
  await server.kill();
  const rig = new NatsRig(t, [server.url]);
  let calls = 0;
  for (let value = 0; value <= 20; value++) {
    rig.sink.setLoad("kv_metrics 0", state, "state", () => {
      calls++;
      return loadOf(value);
    });
  }
  for (let value = 0; value < 100; value++) rig.sink.setLoad("passes 0", record, "record", () => loadOf(value));
  rig.offerMany(100);
  assert.equal(calls, 0, "nothing is made before it can be sent");
  await server.restart();
  assert.equal((await rig.settled()).sent, 100, "load is no event");
  assert.equal(calls, 1, "one state was sent, past a queue that waited");
  for (const expected of [2, 3]) {
    await server.kill();
    await server.restart();
    await until("said again", 10_000, () => calls === expected);
  }
  const states = await reader(t, server.url, state);
  const records = await reader(t, server.url, record);
  rig.sink.setLoad("kv_metrics 0", state, "state", () => loadOf(21));
  for (let value = 100; value < 103; value++) rig.sink.setLoad("passes 0", record, "record", () => loadOf(value));
  await until("all are there", 10_000, () => states.length === 1 && records.length === 3);
  assert.deepEqual([states, records], [[21], [100, 101, 102]]);
});

test("the end: what is queued goes out first; what cannot is counted", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const numbers = await reader(t, server.url);
  const rig = new NatsRig(t, [server.url]);
  rig.offerMany(2000);
  await rig.sink.stop(performance.now() + 10_000);
  assert.deepEqual(rig.books(), { dequeued: 2000, sent: 2000, dropped: 0, pending: 0 });
  await until("all arrived", 5000, () => numbers.length === 2000);
  assert.equal(rig.read(PUBLISHER_CELLS.natsUp), 0);
  assert.equal(rig.offer(), false);
  assert.equal(rig.dropped("shutdown"), 1);
  await server.kill();
  const late = new NatsRig(t, [server.url]);
  late.offerMany(10);
  await late.sink.stop(performance.now() + 100);
  assert.deepEqual(late.books(), { dequeued: 10, sent: 0, dropped: 10, pending: 0 });
  assert.equal(late.dropped("shutdown"), 10);
});

test("what a thread before had in its queue is counted as lost with it", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const rig = new NatsRig(t, [server.url]);
  rig.counters.add(PUBLISHER_CELLS.dequeuedEvents, 5);
  rig.counters.add(PUBLISHER_CELLS.natsPendingEvents, 5);
  const { NatsSink } = await import("../../src/workers/nats-sink.ts");
  const data = {
    connection: {
      servers: [server.url],
      name: "successor",
      auth: { user: null, password: null, token: null, nkeySeed: null, creds: null },
      tls: null,
    },
    encoding: "dynamo",
    place: PLACE,
    jetStream: null,
    queueBytes: MIB,
    maxInFlight: 1,
    epoch: "e",
    run: "r",
    slotBytes: 98_304,
    numbers: new SharedArrayBuffer(8),
    events: true,
  } as const;
  const sink = NatsSink.start(data, rig.counters, () => {});
  t.after(() => sink.stop(0));
  assert.deepEqual(rig.books(), { dequeued: 5, sent: 0, dropped: 5, pending: 0 });
});

test("a payload comes out as it went in", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const connection = await client(t, { servers: server.url });
  const payloads: Uint8Array[] = [];
  connection.subscribe(SUBJECT, { callback: (_, message) => payloads.push(message.data) });
  await connection.flush();
  const rig = new NatsRig(t, [server.url]);
  for (const bytes of [4, 127, 65_536, 900_000]) rig.offer(bytes);
  await until("all four", 10_000, () => payloads.length === 4);
  assert.deepEqual(
    payloads.map((payload) => [numberOf(payload), payload.length]),
    [
      [0, 4],
      [1, 127],
      [2, 65_536],
      [3, 900_000],
    ],
  );
});
