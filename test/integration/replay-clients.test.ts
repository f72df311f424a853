/** The replay socket and clients that misbehave: they leave, stand still, come in crowds, or ask for too much. */
import assert from "node:assert/strict";
import test from "node:test";
import { numbersOf, range, readAnswer, ReplayHarness, requestFor, turn } from "../support/replay-harness.ts";
import { askAndNeverRead } from "../support/zmtp-peer.ts";

/** More than the buffers of both kernels and both sockets hold. */
const LARGE = { batches: 300, bytes: 64 * 1024 };
const LARGE_WINDOW = { maxBytes: LARGE.batches * LARGE.bytes, maxBatches: LARGE.batches };
const EXPIRY_MS = 10_000;

test("a client that leaves in the middle is forgotten", async (t) => {
  const replay = await ReplayHarness.start(t, LARGE_WINDOW);
  replay.keep(0, LARGE.batches, LARGE.bytes);
  const client = replay.client();
  await client.send(requestFor(0));
  await replay.during(client.receive());
  assert.equal(replay.cell("replaySessions"), 1);
  client.close();
  await replay.until(() => replay.cell("replaySessions") === 0);
  assert.deepEqual(replay.outcomes(), { gone: 1 });
  assert.ok(replay.cell("replaySentBatches") < LARGE.batches);
});

test("a client that stands still delays no other, expires, and gets its end marker when it reads again", async (t) => {
  const replay = await ReplayHarness.start(t, LARGE_WINDOW);
  replay.keep(0, LARGE.batches, LARGE.bytes);
  const stuck = replay.client({ receiveHighWaterMark: 1 });
  await stuck.send(requestFor(0));
  await replay.until(() => replay.cell("replaySessions") === 1 && !replay.server.active);
  const sent = replay.cell("replaySentBatches");
  assert.ok(sent < LARGE.batches, "its queue is full before it has all");

  const other = replay.client();
  assert.deepEqual(numbersOf(await replay.ask(other, 200), LARGE.bytes), range(200, LARGE.batches));
  assert.deepEqual(replay.outcomes(), { complete: 1 });
  assert.equal(replay.cell("replaySessions"), 1);

  replay.aheadMs += EXPIRY_MS;
  await replay.until(() => replay.cell("replaySessions") === 0);
  assert.equal(replay.server.active, false);
  const asked = range(0, 5).map(() => stuck.send(requestFor(0)));
  await Promise.all(asked);
  // What it had in its queues, then the end, without the rest; and the end for what it asked since.
  const numbers = numbersOf(await replay.during(readAnswer(stuck)), LARGE.bytes);
  assert.deepEqual(numbers, range(0, numbers.length));
  assert.ok(numbers.length < LARGE.batches);
  assert.equal(replay.outcomes()["expired"], 1);
  for (let i = 0; i < asked.length; i++) await replay.during(readAnswer(stuck));
  // It is a client like any other again.
  assert.deepEqual(numbersOf(await replay.ask(stuck, 290), LARGE.bytes), range(290, LARGE.batches));
});

test("a peer that never reads is cut off by the transport", async (t) => {
  const replay = await ReplayHarness.start(t, { ...LARGE_WINDOW, limits: { expiryMs: 600_000, tcpTimeoutMs: 500 } });
  replay.keep(0, LARGE.batches, LARGE.bytes);
  const peer = await replay.during(askAndNeverRead(replay.server.endpoint));
  t.after(() => peer.destroy());
  await replay.until(() => replay.cell("replaySessions") === 1);
  await replay.until(() => replay.cell("replaySessions") === 0);
  assert.deepEqual(replay.outcomes(), { gone: 1 });
  peer.on("error", () => {});
  const closed = new Promise((resolve) => peer.on("close", resolve));
  peer.resume();
  await replay.during(closed);
});

test("fifty clients at once, each gets all and its end", async (t) => {
  const replay = await ReplayHarness.start(t);
  const count = 400;
  replay.keep(0, count);
  const clients = range(0, 50).map(() => replay.client());
  const answers = await replay.during(
    Promise.all(
      clients.map(async (client, i) => {
        await client.send(requestFor(i));
        return readAnswer(client);
      }),
    ),
  );
  answers.forEach((answer, i) => assert.deepEqual(numbersOf(answer), range(i, count)));
  assert.deepEqual(replay.outcomes(), { complete: 50 });
});

test("a client too many gets its end marker at once, and an answer when another is gone", async (t) => {
  const replay = await ReplayHarness.start(t, { ...LARGE_WINDOW, limits: { maxClients: 2 } });
  replay.keep(0, LARGE.batches, LARGE.bytes);
  const stuck = [replay.client({ receiveHighWaterMark: 1 }), replay.client({ receiveHighWaterMark: 1 })] as const;
  for (const [i, client] of stuck.entries()) {
    await client.send(requestFor(0));
    await replay.until(() => replay.cell("replaySessions") === i + 1);
  }
  const third = replay.client();
  assert.deepEqual(numbersOf(await replay.ask(third, 299), LARGE.bytes), []);
  assert.deepEqual(replay.outcomes(), { limited: 1 });
  await replay.until(() => !replay.server.active);
  replay.aheadMs += EXPIRY_MS;
  await replay.until(() => replay.cell("replaySessions") === 0);
  // Both have expired, but the socket still holds what they do not take.
  assert.deepEqual(numbersOf(await replay.ask(third, 299), LARGE.bytes), []);
  stuck[0].close();
  await replay.until(() => (replay.outcomes()["expired"] ?? 0) >= 1);
  assert.deepEqual(numbersOf(await replay.ask(third, 299), LARGE.bytes), [299]);
  // The other one ends too, as soon as buffers of the system have taken so much that its end marker finds room: that may be
  // now or never.
  const { expired, ...others } = replay.outcomes();
  assert.deepEqual(others, { complete: 1, limited: 2 });
  assert.ok(expired === 1 || expired === 2);
});

test("more requests of one client than can wait: the rest get end markers, in order", async (t) => {
  const replay = await ReplayHarness.start(t, LARGE_WINDOW);
  replay.keep(0, LARGE.batches, LARGE.bytes);
  const client = replay.client({ receiveHighWaterMark: 1 });
  const count = 40;
  for (let i = 0; i < count; i++) await client.send(requestFor(i === 0 ? 0 : 299));
  await replay.until(() => replay.outcomes()["limited"] === 23);
  const answers: number[] = [];
  for (let i = 0; i < count; i++) {
    answers.push(numbersOf(await replay.during(readAnswer(client)), LARGE.bytes).length);
  }
  const expected = range(0, count).map((i) => (i === 0 ? LARGE.batches : i <= 16 ? 1 : 0));
  assert.deepEqual(answers, expected);
  await replay.until(() => replay.cell("replaySessions") === 0);
  assert.deepEqual(replay.outcomes(), { complete: 17, limited: 23 });
});

test("a poll does a little, and nothing is left pending", async (t) => {
  const replay = await ReplayHarness.start(t);
  assert.equal(await replay.server.poll(0), false);
  replay.keep(0, 200);
  const client = replay.client();
  await client.send(requestFor(0));
  let before = 0;
  let polls = 0;
  while (replay.outcomes()["complete"] === undefined) {
    await replay.server.poll(performance.now());
    const sent = replay.cell("replaySentBatches");
    assert.ok(sent - before <= 16);
    if (sent > before) polls++;
    before = sent;
    await turn();
  }
  assert.ok(polls >= 200 / 16);
  assert.deepEqual(numbersOf(await readAnswer(client)), range(0, 200));
});
