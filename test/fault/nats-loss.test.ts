/** The way to NATS breaks, in every way that it can: nothing is lost uncounted, order holds, memory is bounded. */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PUBLISHER_CELLS } from "../../src/shared/publisher-cells.ts";
import { lasting } from "../support/fault/deadline.ts";
import { TcpProxy } from "../support/fault/tcp-proxy.ts";
import { PAGE_BYTES } from "../../src/workers/page-memory.ts";
import { NatsRig, client, inStream, reader, until, upTo } from "../support/nats-rig.ts";
import { NatsServer } from "../support/nats-server.ts";
import { portOf } from "../support/scripted-engine.ts";

const STREAM = "KV";
const MIB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of buffers that are still held by someone. */
function payloadBytes(): number {
  // Buffers that the first one finds are freed on another thread; the second one waits for that.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** Numbers in the order in which each came first. */
function firsts(numbers: readonly number[]): number[] {
  return [...new Set(numbers)];
}

/** Offers until told to stop, a few at a time with turns of the event loop between them. */
function load(t: test.TestContext, rig: NatsRig, perTurn: number): () => void {
  const timer = setInterval(() => rig.offerMany(perTurn), 1);
  const stop = (): void => clearInterval(timer);
  t.after(stop);
  return stop;
}

test("core: the connection is cut ten times under load: a subscriber gets everything, in order, some of it twice", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const numbers = await reader(t, server.url);
  const proxy = await TcpProxy.start(t, server.port);
  const rig = new NatsRig(t, [`nats://127.0.0.1:${proxy.port}`], { maxInFlight: 64 });
  await rig.up();
  const stop = load(t, rig, 20);
  for (let cut = 1; cut <= 10; cut++) {
    const sent = rig.books().sent + 100;
    await until("messages flow", 10_000, () => rig.books().sent >= sent);
    proxy.cut();
    await until("the cut was noticed", 10_000, () => rig.errors("disconnected") >= cut);
    rig.books();
  }
  stop();
  const books = await rig.settled(20_000);
  assert.equal(books.dropped, 0);
  assert.equal(books.sent, rig.offered);
  await until("all arrived", 10_000, () => new Set(numbers).size >= rig.offered);
  assert.deepEqual(firsts(numbers), upTo(rig.offered));
  assert.equal(rig.read(PUBLISHER_CELLS.natsReconnects), 10);
  assert.ok(numbers.length - rig.offered <= rig.read(PUBLISHER_CELLS.natsRetries));
});

test("core: kill -9 and restart under load, three times: the books balance at every moment, and it goes on", async (t) => {
  const server = await NatsServer.start(t);
  if (server === null) return;
  const rig = new NatsRig(t, [server.url], { queueBytes: 2 * MIB });
  await rig.up();
  const stop = load(t, rig, 20);
  for (let kill = 1; kill <= 3; kill++) {
    const sent = rig.books().sent + 500;
    await until("messages flow", 10_000, () => rig.books().sent >= sent);
    await server.kill();
    await until("the queue is full", 20_000, () => rig.dropped("buffer_full") > kill * 50);
    assert.ok(rig.sink.pendingBytes <= 2 * MIB);
    await server.restart();
  }
  stop();
  const books = await rig.settled(20_000);
  assert.equal(books.dropped, rig.dropped("buffer_full"));
  assert.equal(books.sent + books.dropped, rig.offered);
  assert.equal(rig.reports.filter(({ type }) => type === "nats-down").length, 3);
});

test("JetStream: kill -9 and restart under load, three times: the stream holds exactly what was accepted, in order", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM });
  const accepted: number[] = [];
  const timer = setInterval(() => {
    for (let i = 0; i < 10; i++) if (rig.offer()) accepted.push(rig.offered - 1);
  }, 1);
  t.after(() => clearInterval(timer));
  for (let kill = 1; kill <= 3; kill++) {
    const sent = rig.books().sent + 500;
    await until(
      "messages flow",
      20_000,
      () => rig.books().sent >= sent && rig.read(PUBLISHER_CELLS.natsInflightBatches) > 0,
    );
    await server.kill();
    await server.restart();
  }
  clearInterval(timer);
  const books = await rig.settled(20_000);
  assert.equal(books.sent, accepted.length);
  const connection = await client(t, { servers: server.url });
  assert.deepEqual(await inStream(connection, STREAM), accepted);
});

for (const jetStream of [null, STREAM]) {
  test(`the server is stopped for 3 s, ${jetStream ?? "core"}: memory stays within its bounds, nothing is sent twice`, async (t) => {
    const server = await NatsServer.start(t, "jetstream");
    if (server === null) return;
    const numbers = await reader(t, server.url);
    const rig = new NatsRig(t, [server.url], { jetStream, queueBytes: 4 * MIB });
    await rig.up();
    rig.offerMany(100);
    await rig.settled();
    server.hang();
    const stop = load(t, rig, 20);
    await until("the queue is full", 20_000, () => rig.dropped("buffer_full") > 0);
    const before = payloadBytes();
    await lasting(2000);
    const growth = payloadBytes() - before;
    stop();
    assert.ok(growth < MIB, `${growth} bytes more`);
    assert.ok(rig.sink.pendingBytes <= 4 * MIB);
    assert.ok(rig.sink.pages.bytes <= 5 * MIB, `${rig.sink.pages.bytes} bytes of pages`);
    assert.ok(rig.read(PUBLISHER_CELLS.natsInflightBatches) <= 256);
    server.resume();
    const books = await rig.settled(20_000);
    assert.equal(rig.sink.pages.freePages * PAGE_BYTES, rig.sink.pages.bytes, "every page has come back");
    await until("all arrived", 10_000, () => numbers.length >= books.sent);
    assert.equal(new Set(numbers).size, numbers.length);
    assert.equal(numbers.length, books.sent);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
    assert.equal(rig.read(PUBLISHER_CELLS.natsReconnects), 0);
  });

  test(`the server hangs for longer than it is waited for, ${jetStream ?? "core"}: a new connection, nothing lost`, async (t) => {
    const server = await NatsServer.start(t, "jetstream");
    if (server === null) return;
    const numbers = await reader(t, server.url);
    const timing = { stallMs: 500, ackTimeoutMs: 200 };
    const rig = new NatsRig(t, [server.url], { jetStream }, timing);
    await rig.up();
    rig.offerMany(100);
    await rig.settled();
    server.hang();
    rig.offerMany(1000);
    const down = await rig.report("nats-down");
    assert.match(down.reason, /no answer/u);
    assert.equal(rig.errors("timeout") > 0, true);
    server.resume();
    const books = await rig.settled(20_000);
    assert.deepEqual(books, { dequeued: 1100, sent: 1100, dropped: 0, pending: 0 });
    await until("all arrived", 10_000, () => new Set(numbers).size >= 1100);
    assert.deepEqual(firsts(numbers), upTo(1100));
    if (jetStream === null) return;
    assert.deepEqual(await inStream(await client(t, { servers: server.url }), STREAM), upTo(1100));
  });
}

test("the server is not there at first: events wait, the oldest first, and load as well", async (t) => {
  const server = await NatsServer.start(t, "jetstream");
  if (server === null) return;
  await server.kill();
  const rig = new NatsRig(t, [server.url], { jetStream: STREAM });
  rig.offerMany(1000);
  await rig.report("nats-down");
  assert.equal(rig.books().pending, 1000);
  await server.restart();
  assert.equal((await rig.settled(20_000)).sent, 1000);
  assert.deepEqual(await inStream(await client(t, { servers: server.url }), STREAM), upTo(1000));
  assert.deepEqual(
    rig.reports.map(({ type }) => type),
    ["nats-down", "nats-up"],
  );
});

test("something else listens there: told once, tried again, and no descriptor is left behind", async (t) => {
  const answers = ["HTTP/1.1 400 Bad Request\r\n\r\n", "INFO {broken\r\n", "x".repeat(70_000), ""];
  const sockets = new Set<Socket>();
  let tries = 0;
  const stranger = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.write(answers[tries++ % answers.length] ?? "");
    // Whoever gets nothing hears the line go dead.
    if (tries % answers.length === 0) socket.end();
  });
  await new Promise<void>((resolve) => {
    stranger.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => stranger.close());
  const rig = new NatsRig(t, [`nats://127.0.0.1:${portOf(stranger)}`]);
  rig.offerMany(10);
  assert.match((await rig.report("nats-down")).reason, /no NATS server/u);
  await until("it is tried again", 20_000, () => tries >= 5);
  await rig.sink.stop(0);
  await until("no connection is open", 5000, () => sockets.size === 0);
  assert.equal(rig.reports.length, 1);
  assert.deepEqual(rig.books(), { dequeued: 10, sent: 0, dropped: 10, pending: 0 });
});
