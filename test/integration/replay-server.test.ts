/** The replay socket as its protocol has it, with real clients: both framings, every kind of start, and malformed requests. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { Request } from "zeromq";
import { BindError } from "../../src/shared/errors.ts";
import {
  END_NUMBER,
  END_V1,
  END_V2,
  hex,
  numbersOf,
  range,
  readAnswer,
  ReplayHarness,
  requestFor,
  TOPIC,
} from "../support/replay-harness.ts";

test("v2 frames, byte by byte", async (t) => {
  const replay = await ReplayHarness.start(t);
  replay.keep(256, 259);
  const answer = await replay.ask(replay.client(), 257);
  assert.deepEqual(answer.map(hex), [
    ["", Buffer.from(TOPIC).toString("hex"), "0000000000000101", "00000101"],
    ["", Buffer.from(TOPIC).toString("hex"), "0000000000000102", "00000102"],
    END_V2,
  ]);
  assert.deepEqual(replay.outcomes(), { complete: 1 });
  assert.equal(replay.cell("replaySentBatches"), 2);
  assert.equal(replay.cell("replaySessions"), 0);
});

test("v1 frames, byte by byte", async (t) => {
  const replay = await ReplayHarness.start(t, { framing: "v1" });
  replay.keep(0, 2);
  const answer = await replay.ask(replay.client(), 0);
  assert.deepEqual(answer.map(hex), [
    ["", "0000000000000000", "00000000"],
    ["", "0000000000000001", "00000001"],
    END_V1,
  ]);
});

test("a REQ socket gets the first message of each answer", async (t) => {
  const replay = await ReplayHarness.start(t);
  const client = new Request({ linger: 0 });
  t.after(() => client.close());
  client.connect(replay.server.endpoint);
  await client.send(Buffer.alloc(8));
  assert.deepEqual(hex(await replay.during(client.receive())), ["", END_NUMBER, ""]);
  replay.keep(0, 1);
  await client.send(Buffer.alloc(8));
  const topic = Buffer.from(TOPIC).toString("hex");
  assert.deepEqual(hex(await replay.during(client.receive())), [topic, "0000000000000000", "00000000"]);
});

test("numbers above 32 bits and large payloads", async (t) => {
  const first = 1_764_000_000_000_000;
  const replay = await ReplayHarness.start(t, { maxBytes: 1 << 24 });
  replay.keep(first, first + 40, 100_000);
  assert.deepEqual(numbersOf(await replay.ask(replay.client(), first + 3), 100_000), range(first + 3, first + 40));
  // Who asks for 0 asks for everything there ever was.
  assert.deepEqual(numbersOf(await replay.ask(replay.client(), 0), 100_000), range(first, first + 40));
  assert.deepEqual(replay.outcomes(), { complete: 2 });
});

test("a start above the newest, and an empty window, are answered by the end marker", async (t) => {
  const replay = await ReplayHarness.start(t);
  const client = replay.client();
  assert.deepEqual(numbersOf(await replay.ask(client, 0)), []);
  replay.keep(0, 3);
  assert.deepEqual(numbersOf(await replay.ask(client, 3)), []);
  assert.deepEqual(numbersOf(await replay.ask(client, 2 ** 53 - 1)), []);
  await client.send([Buffer.alloc(0), Buffer.alloc(8, 0xff)]);
  assert.deepEqual(numbersOf(await replay.during(readAnswer(client))), []);
  assert.deepEqual(replay.outcomes(), { complete: 4 });
});

test("a start that is kept no more: what is left, or nothing", async (t) => {
  const suffix = await ReplayHarness.start(t, { maxBatches: 5 });
  suffix.keep(0, 12);
  assert.deepEqual(numbersOf(await suffix.ask(suffix.client(), 3)), range(7, 12));
  assert.deepEqual(numbersOf(await suffix.ask(suffix.client(), 7)), range(7, 12));
  assert.deepEqual(suffix.outcomes(), { complete: 1, partial: 1 });
  assert.equal(suffix.cell("replayOldestSequence"), 7);
  assert.equal(suffix.cell("replayBatches"), 5);
  assert.equal(suffix.cell("replayBytes"), 20);

  const empty = await ReplayHarness.start(t, { maxBatches: 5, evicted: "empty" });
  empty.keep(0, 12);
  assert.deepEqual(numbersOf(await empty.ask(empty.client(), 6)), []);
  assert.deepEqual(numbersOf(await empty.ask(empty.client(), 7)), range(7, 12));
  assert.deepEqual(empty.outcomes(), { complete: 1, too_old: 1 });
});

test("a message too large to be kept is not pretended to be there", async (t) => {
  const replay = await ReplayHarness.start(t, { maxBytes: 100 });
  replay.keep(0, 3);
  replay.keep(3, 4, 101);
  const client = replay.client();
  assert.deepEqual(numbersOf(await replay.ask(client, 2)), []);
  assert.deepEqual(numbersOf(await replay.ask(client, 4)), []);
  replay.keep(4, 6);
  assert.deepEqual(numbersOf(await replay.ask(client, 2)), [4, 5]);
  assert.deepEqual(replay.outcomes(), { complete: 1, partial: 1, too_old: 1 });
});

test("what leaves the window during a replay is left out, and the end still comes", async (t) => {
  const replay = await ReplayHarness.start(t, { maxBatches: 100 });
  replay.keep(0, 100);
  const client = replay.client();
  await client.send(requestFor(0));
  await replay.until(() => replay.cell("replaySentBatches") > 0);
  const sent = replay.cell("replaySentBatches");
  assert.ok(sent < 50, "a poll sends a little");
  replay.keep(100, 150);
  // Those that were published after the request are not part of the answer.
  assert.deepEqual(numbersOf(await replay.during(readAnswer(client))), [...range(0, sent), ...range(50, 100)]);
  assert.deepEqual(replay.outcomes(), { partial: 1 });
});

test("malformed requests are counted and get no reply", async (t) => {
  const replay = await ReplayHarness.start(t);
  replay.keep(0, 2);
  const client = replay.client();
  const start = Buffer.alloc(8);
  const malformed = [
    [start],
    ["x", start],
    ["", Buffer.alloc(7)],
    ["", Buffer.alloc(9)],
    ["", ""],
    ["", start, start],
    ["", start, start, start],
    ["", "snapshot", "x"],
    ["", "snapshots", ""],
    ["x", "snapshot", ""],
  ];
  for (const frames of malformed) await client.send(frames);
  // The first reply is the one to the request that follows.
  assert.deepEqual(numbersOf(await replay.ask(client, 1)), [1]);
  assert.deepEqual(replay.outcomes(), { complete: 1, bad_request: malformed.length });
});

test("requests of one client are answered one after the other", async (t) => {
  const replay = await ReplayHarness.start(t);
  replay.keep(0, 30);
  const client = replay.client();
  for (const start of [0, 28, 30]) await client.send(requestFor(start));
  const answers = await replay.during(
    (async () => [await readAnswer(client), await readAnswer(client), await readAnswer(client)])(),
  );
  assert.deepEqual(
    answers.map((answer) => numbersOf(answer)),
    [range(0, 30), [28, 29], []],
  );
});

test("an address in use is refused", async (t) => {
  const replay = await ReplayHarness.start(t);
  const { endpoint } = replay.server;
  await assert.rejects(ReplayHarness.start(t, { endpoint }), (error) => {
    return error instanceof BindError && error.endpoint === endpoint;
  });
  const folder = mkdtempSync(path.join(tmpdir(), "kvcast-ipc-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const ipc = `ipc://${folder}/replay`;
  const first = await ReplayHarness.start(t, { endpoint: ipc });
  await assert.rejects(ReplayHarness.start(t, { endpoint: ipc }), BindError);
  first.keep(0, 1);
  assert.deepEqual(numbersOf(await first.ask(first.client(), 0)), [0]);
});
