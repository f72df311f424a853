/** What the replay socket may hold for its clients, and what becomes of requests beyond that: places, and end markers. */
import assert from "node:assert/strict";
import test from "node:test";
import {
  END_V1,
  END_V2,
  hex,
  numbersOf,
  range,
  readAnswer,
  ReplayHarness,
  requestFor,
} from "../support/replay-harness.ts";

const BYTES = 64 * 1024;
/** As long as the transport waits for a peer that takes nothing. */
const REST_MS = 10_000;

test("a client that has got all keeps its place until nothing can be in its queue any more", async (t) => {
  const replay = await ReplayHarness.start(t, {
    messageBytes: BYTES,
    limits: { maxClients: 2, tcpTimeoutMs: REST_MS },
  });
  replay.keep(0, 12, BYTES);
  const [first, second] = [replay.client(), replay.client()];
  for (const client of [first, second]) {
    assert.deepEqual(numbersOf(await replay.ask(client, 0), BYTES), range(0, 12));
  }
  const third = replay.client();
  assert.deepEqual(numbersOf(await replay.ask(third, 0), BYTES), []);
  assert.deepEqual(replay.outcomes(), { complete: 2, limited: 1 });
  // Those who have a place use it as often as they like.
  for (const client of [first, second, first, second]) {
    assert.deepEqual(numbersOf(await replay.ask(client, 3), BYTES), range(3, 12));
  }
  replay.aheadMs += REST_MS;
  assert.deepEqual(numbersOf(await replay.ask(third, 0), BYTES), range(0, 12));
  assert.deepEqual(replay.outcomes(), { complete: 7, limited: 1 });
});

test("short answers take little room: many clients after each other get theirs", async (t) => {
  const replay = await ReplayHarness.start(t, { messageBytes: BYTES, limits: { maxClients: 2 } });
  replay.keep(0, 100);
  for (let i = 0; i < 100; i++) assert.deepEqual(numbersOf(await replay.ask(replay.client(), i)), range(i, 100));
  assert.deepEqual(replay.outcomes(), { complete: 100 });
});

test("beyond the limits a snapshot is ended as snapshots are, and a replay as the socket's framing says", async (t) => {
  const count = 300;
  const window = { maxBytes: count * BYTES, maxBatches: count };
  const replay = await ReplayHarness.start(t, { ...window, framing: "v1" });
  replay.keep(0, count, BYTES);
  const client = replay.client({ receiveHighWaterMark: 1 });
  for (let i = 0; i <= 16; i++) await client.send(requestFor(i === 0 ? 0 : count));
  for (const kind of ["snapshot", "replay", "snapshot", "snapshot", "replay"]) {
    await client.send(kind === "replay" ? requestFor(0) : ["", "snapshot", ""]);
  }
  await replay.until(() => replay.outcomes()["limited"] === 5);
  const ends: string[][] = [];
  for (let i = 0; i < 22; i++) ends.push(hex((await replay.during(readAnswer(client))).at(-1) ?? []));
  assert.deepEqual(
    ends.slice(0, 17),
    Array.from({ length: 17 }, () => END_V1),
  );
  assert.deepEqual(ends.slice(17), [END_V2, END_V1, END_V2, END_V2, END_V1]);
});
