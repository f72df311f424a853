/** Snapshots over the replay socket, with an index thread that the test plays. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { decode } from "@msgpack/msgpack";
import type { Dealer } from "zeromq";
import type { SnapshotReply, SnapshotRequest } from "../../src/shared/messages.ts";
import {
  END_V2,
  hex,
  type HarnessOptions,
  numbersOf,
  readAnswer,
  ReplayHarness,
  requestFor,
  TOPIC,
} from "../support/replay-harness.ts";

const HEADER = Buffer.from("a header");

/** The other end of the port: answers as the test says, and notes what it was asked. */
class FakeIndex {
  readonly port: MessagePort;
  readonly asked: SnapshotRequest[] = [];
  /** Null: pulls are noted, not answered. */
  chunks: Buffer[] | null = null;

  constructor(port: MessagePort) {
    this.port = port;
    port.on("message", (request: SnapshotRequest) => this.#hear(request));
  }

  reply(reply: SnapshotReply): void {
    this.port.postMessage(reply);
  }

  count(type: SnapshotRequest["type"]): number {
    return this.asked.filter((request) => request.type === type).length;
  }

  #hear(request: SnapshotRequest): void {
    this.asked.push(request);
    const { id } = request;
    if (request.type === "open" && this.chunks !== null) this.reply({ type: "header", id, payload: HEADER });
    if (request.type !== "pull" || this.chunks === null) return;
    const payload = this.chunks.shift();
    this.reply(payload === undefined ? { type: "end", id } : { type: "chunk", id, payload });
  }
}

async function start(
  t: TestContext,
  options: HarnessOptions = {},
): Promise<{ readonly replay: ReplayHarness; readonly index: FakeIndex }> {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const replay = await ReplayHarness.start(t, { ...options, snapshotPort: port2 });
  return { replay, index: new FakeIndex(port1) };
}

async function askSnapshot(dealer: Dealer): Promise<void> {
  await dealer.send(["", "snapshot", ""]);
}

function errorOf(message: readonly Buffer[] | undefined): unknown {
  assert.deepEqual(
    message?.slice(0, 3).map((frame) => frame.toString()),
    ["", "snapshot", ""],
  );
  return decode(message?.[3] ?? Buffer.alloc(0));
}

for (const framing of ["v1", "v2"] as const) {
  test(`header, batches without numbers, and the end, whatever the framing (${framing})`, async (t) => {
    const { replay, index } = await start(t, { framing });
    index.chunks = [Buffer.from("one"), Buffer.from("two")];
    const client = replay.client();
    await askSnapshot(client);
    const answer = await replay.during(readAnswer(client));
    const text = answer.slice(0, -1).map((message) => message.map((frame) => frame.toString()));
    assert.deepEqual(text, [
      ["", "snapshot", "", HEADER.toString()],
      ["", TOPIC, "", "one"],
      ["", TOPIC, "", "two"],
    ]);
    assert.deepEqual(hex(answer.at(-1) ?? []), END_V2);
    assert.deepEqual(replay.outcomes(), { snapshot: 1 });
    assert.equal(replay.cell("replaySentBatches"), 0);
  });
}

test("without an index the answer says off", async (t) => {
  const replay = await ReplayHarness.start(t);
  const client = replay.client();
  await askSnapshot(client);
  const answer = await replay.during(readAnswer(client));
  assert.equal(answer.length, 2);
  assert.deepEqual(errorOf(answer[0]), { version: 1, error: "off" });
});

for (const reason of ["busy", "overflow", "stopping"] as const) {
  test(`a refusal is handed on: ${reason}`, async (t) => {
    const { replay, index } = await start(t);
    const client = replay.client();
    await askSnapshot(client);
    await replay.until(() => index.count("open") === 1);
    index.reply({ type: "refused", id: index.asked[0]?.id ?? -1, reason });
    const answer = await replay.during(readAnswer(client));
    assert.equal(answer.length, 2);
    assert.deepEqual(errorOf(answer[0]), { version: 1, error: reason });
  });
}

test("a snapshot that breaks off says so before its end", async (t) => {
  const { replay, index } = await start(t);
  const client = replay.client();
  await askSnapshot(client);
  await replay.until(() => index.count("open") === 1);
  const id = index.asked[0]?.id ?? -1;
  index.reply({ type: "header", id, payload: HEADER });
  index.reply({ type: "chunk", id, payload: Buffer.from("one") });
  await replay.during(client.receive());
  await replay.during(client.receive());
  // As when its thread dies.
  index.port.close();
  const answer = await replay.during(readAnswer(client));
  assert.equal(answer.length, 2);
  assert.deepEqual(errorOf(answer[0]), { version: 1, error: "stopping" });
  await askSnapshot(client);
  assert.deepEqual(errorOf((await replay.during(readAnswer(client)))[0]), { version: 1, error: "off" });

  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const next = new FakeIndex(port1);
  next.chunks = [Buffer.from("two")];
  replay.server.useSnapshotPort(port2);
  await askSnapshot(client);
  assert.equal((await replay.during(readAnswer(client))).length, 3);
});

test("a client that does not read holds back the index, and other clients are served", async (t) => {
  const { replay, index } = await start(t, { maxBytes: 1 << 20 });
  const bytes = 96 * 1024;
  const count = 400;
  index.chunks = Array.from({ length: count }, () => Buffer.alloc(bytes, 1));
  const client = replay.client({ receiveHighWaterMark: 1 });
  await askSnapshot(client);
  await replay.until(() => index.count("pull") > 8 && !replay.server.active);
  const left = index.chunks.length;
  assert.ok(left > 0, "not all has been asked for");
  replay.keep(0, 3);
  assert.deepEqual(numbersOf(await replay.ask(replay.client(), 0)), [0, 1, 2]);
  assert.equal(index.chunks.length, left);
  const answer = await replay.during(readAnswer(client));
  assert.equal(answer.length, count + 2);
  assert.deepEqual(replay.outcomes(), { complete: 1, snapshot: 1 });
});

test("a client that expires or leaves cancels its snapshot", async (t) => {
  const { replay, index } = await start(t);
  const expiring = replay.client();
  await askSnapshot(expiring);
  await replay.until(() => index.count("open") === 1);
  // The index thread has not answered for as long.
  replay.aheadMs += 10_000;
  const answer = await replay.during(readAnswer(expiring));
  assert.deepEqual(errorOf(answer[0]), { version: 1, error: "expired" });
  await replay.until(() => index.count("cancel") === 1);

  index.chunks = Array.from({ length: 400 }, () => Buffer.alloc(96 * 1024));
  const leaving = replay.client({ receiveHighWaterMark: 1 });
  await askSnapshot(leaving);
  await replay.until(() => index.count("pull") > 8 && !replay.server.active);
  leaving.close();
  await replay.until(() => index.count("cancel") === 2);
  assert.deepEqual(replay.outcomes(), { expired: 1, gone: 1 });
});

test("a replay asked for behind a snapshot comes after it", async (t) => {
  const { replay, index } = await start(t);
  index.chunks = [Buffer.from("one")];
  replay.keep(0, 2);
  const client = replay.client();
  await askSnapshot(client);
  await client.send(requestFor(0));
  const answers = await replay.during((async () => [await readAnswer(client), await readAnswer(client)])());
  assert.equal(answers[0]?.length, 3);
  assert.deepEqual(numbersOf(answers[1] ?? []), [0, 1]);
});

test("a client has one snapshot open at a time, however many it asks for", async (t) => {
  const { replay, index } = await start(t);
  const client = replay.client();
  for (let i = 0; i < 4; i++) await askSnapshot(client);
  // Behind the four, so that all have been read when the other is answered.
  await replay.until(() => index.count("open") > 0);
  await replay.ask(replay.client(), 0);
  for (let i = 0; i < 4; i++) {
    await replay.until(() => index.count("open") > i);
    assert.equal(index.count("open"), i + 1);
    index.reply({ type: "refused", id: index.asked.at(-1)?.id ?? -1, reason: "overflow" });
    assert.equal((await replay.during(readAnswer(client))).length, 2);
  }
});

test("two snapshots are open at once; who waits gets its turn, or is told busy before long", async (t) => {
  const { replay, index } = await start(t);
  const clients = [replay.client(), replay.client(), replay.client(), replay.client()] as const;
  for (const client of clients) {
    await askSnapshot(client);
    // It is read before the next one is sent.
    await replay.until(() => replay.cell("replaySessions") > clients.indexOf(client));
  }
  await replay.until(() => index.count("open") === 2);
  await replay.ask(replay.client(), 0);
  assert.equal(index.count("open"), 2);
  const [first, second] = index.asked;
  index.reply({ type: "header", id: first?.id ?? -1, payload: HEADER });
  index.reply({ type: "end", id: first?.id ?? -1 });
  assert.equal((await replay.during(readAnswer(clients[0]))).length, 2);
  await replay.until(() => index.count("open") === 3);

  replay.aheadMs += 2000;
  const busy = await replay.during(readAnswer(clients[3]));
  assert.equal(busy.length, 2);
  assert.deepEqual(errorOf(busy[0]), { version: 1, error: "busy" });
  // One that leaves makes room as well.
  clients[1].close();
  index.reply({ type: "header", id: second?.id ?? -1, payload: HEADER });
  await replay.until(() => {
    index.reply({ type: "chunk", id: second?.id ?? -1, payload: Buffer.from("one") });
    return index.count("cancel") === 1;
  });
  await askSnapshot(clients[3]);
  await replay.until(() => index.count("open") === 4);
  assert.deepEqual(replay.outcomes(), { complete: 1, gone: 1, limited: 1, snapshot: 1 });
});
