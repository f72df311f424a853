/** Clients of the replay socket that ask too often, or for nothing: refused at once, counted, and no burden to anybody else. */
import assert from "node:assert/strict";
import test from "node:test";
import { Dealer, Subscriber } from "zeromq";
import { type MetricsPage, parseMetrics } from "../../src/main/flood/metrics-text.ts";
import { PACE_LIMITS } from "../../src/workers/replay-pace.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { serve } from "../support/processes.ts";
import { isEnd, numbersOf, range, ReplayHarness, requestFor } from "../support/replay-harness.ts";

test("the same again and again: sent three times, then the end marker alone, until it has rested", async (t) => {
  const replay = await ReplayHarness.start(t, { pace: PACE_LIMITS });
  replay.keep(0, 10);
  const client = replay.client();
  for (let i = 0; i < 3; i++) assert.deepEqual(numbersOf(await replay.ask(client, 0)), range(0, 10));
  for (let i = 0; i < 3; i++) assert.deepEqual(numbersOf(await replay.ask(client, 0)), []);
  assert.deepEqual(numbersOf(await replay.ask(client, 5)), [], "it rests from everything");
  assert.deepEqual(numbersOf(await replay.ask(replay.client(), 0)), range(0, 10), "others do not");
  assert.deepEqual(replay.outcomes(), { complete: 4, resting: 4 });
  replay.aheadMs += PACE_LIMITS.restMs;
  assert.deepEqual(numbersOf(await replay.ask(client, 0)), range(0, 10));
});

test("who asks again because there was no place repeats nothing: as soon as there is one, it is served", async (t) => {
  const bytes = 64 * 1024;
  const replay = await ReplayHarness.start(t, {
    messageBytes: bytes,
    pace: PACE_LIMITS,
    limits: { maxClients: 1, tcpTimeoutMs: 1000 },
  });
  replay.keep(0, 12, bytes);
  assert.deepEqual(numbersOf(await replay.ask(replay.client(), 0), bytes), range(0, 12));
  const client = replay.client();
  const tries = PACE_LIMITS.repeats * 2;
  for (let i = 0; i < tries; i++) assert.deepEqual(numbersOf(await replay.ask(client, 5), bytes), []);
  assert.deepEqual(replay.outcomes(), { complete: 1, limited: tries });
  replay.aheadMs += 1000;
  for (let i = 0; i < PACE_LIMITS.repeats; i++) {
    assert.deepEqual(numbersOf(await replay.ask(client, 5), bytes), range(5, 12));
  }
  assert.deepEqual(numbersOf(await replay.ask(client, 5), bytes), [], "what was sent three times is a repetition");
});

test("who is up to date may ask for what is next as often as the bucket allows, and is refused beyond", async (t) => {
  // Nothing comes back into the bucket, however long a busy machine takes.
  const replay = await ReplayHarness.start(t, { pace: { ...PACE_LIMITS, perSecond: 0 } });
  replay.keep(0, 10);
  const client = replay.client();
  for (let i = 0; i < PACE_LIMITS.burst + 5; i++) assert.deepEqual(numbersOf(await replay.ask(client, 10)), []);
  assert.deepEqual(replay.outcomes(), { complete: PACE_LIMITS.burst, throttled: 5 });
});

test("who lets its answer lie expires, and rests after that", async (t) => {
  const count = 300;
  const bytes = 64 * 1024;
  const replay = await ReplayHarness.start(t, {
    maxBytes: count * bytes,
    maxBatches: count,
    pace: PACE_LIMITS,
    limits: { expiryMs: 1000 },
  });
  replay.keep(0, count, bytes);
  const client = replay.client({ receiveHighWaterMark: 1 });
  await client.send(requestFor(0));
  await replay.until(() => replay.cell("replaySessions") === 1);
  // Until nothing more fits into its queue and the kernel's.
  let sent = -1;
  await replay.until(() => {
    const now = replay.cell("replaySentBatches");
    const isStill = now === sent && now > 0;
    sent = now;
    if (isStill) replay.aheadMs += 100;
    return replay.cell("replaySessions") === 0;
  });
  await client.send(requestFor(count - 1));
  let ends = 0;
  const read = async (): Promise<void> => {
    while (ends < 2) if (isEnd(await client.receive())) ends++;
  };
  await replay.during(read());
  const { expired, resting } = replay.outcomes();
  assert.deepEqual([expired, resting], [1, 1]);
});

/** Messages that a live subscriber gets in so many milliseconds, and whether none is missing between them. */
async function live(socket: Subscriber, forMs: number): Promise<{ readonly messages: number; readonly holes: number }> {
  const endMs = performance.now() + forMs;
  let last = -1;
  let messages = 0;
  let holes = 0;
  while (performance.now() < endMs) {
    const [, frame] = await within("a live message", 5000, socket.receive());
    const sequence = Number(frame?.readBigUInt64BE());
    if (last !== -1 && sequence !== last + 1) holes++;
    last = sequence;
    messages++;
  }
  return { messages, holes };
}

/** What came in and what went out, by one page: a machine that is busy delays both, a storm that came first only one. */
function flowOn(page: MetricsPage): { readonly received: number; readonly sent: number } {
  return {
    received: page.sum("kvcast_source_received_events_total"),
    sent: page.sum("kvcast_sink_sent_events_total"),
  };
}

test("a storm of requests: live messages go on, memory stays, each request is answered or counted as refused", async (t) => {
  const kvcast = await serve(
    t,
    "--engine synthetic:?rate=500 --replay-endpoint tcp://127.0.0.1:* --replay-batches 200",
  );
  const replay = String((await kvcast.log("kvcast is running"))["replay_endpoint"]);
  const page = async (): Promise<MetricsPage> =>
    parseMetrics(await (await fetch(`${kvcast.facts.url}/metrics`)).text());
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  t.after(() => socket.close());
  socket.connect(kvcast.facts.zmqEndpoint);
  socket.subscribe("");
  const calm = await live(socket, 1000);
  const pageBefore = await page();
  const begin = flowOn(pageBefore);
  const rssBefore = pageBefore.value("process_resident_memory_bytes");
  const storm = { isOver: false, requests: 0, ends: 0 };
  const dealers = Array.from({ length: 20 }, () => new Dealer({ linger: 0, receiveHighWaterMark: 0 }));
  t.after(() => dealers.forEach((dealer) => dealer.close()));
  const asking = dealers.map(async (dealer) => {
    dealer.connect(replay);
    while (!storm.isOver) {
      for (let i = 0; i < 10; i++) await dealer.send(requestFor(0));
      storm.requests += 10;
      for (let ends = 0; ends < 10;) if (isEnd(await within("an answer", 10_000, dealer.receive()))) ends++;
      storm.ends += 10;
    }
  });
  const stormy = await live(socket, 2000);
  const end = flowOn(await page());
  storm.isOver = true;
  await Promise.all(asking);
  assert.equal(storm.ends, storm.requests);
  assert.ok(storm.requests > 500, `${storm.requests} requests are no storm`);
  assert.equal(stormy.holes, 0);
  assert.ok(calm.messages > 0 && stormy.messages > 0);
  const [given, waiting] = [end.received - begin.received, end.received - end.sent];
  assert.ok(waiting < given / 2, `${waiting} events wait for the socket, of ${given} that came in the storm`);
  const counted = await eventually("all requests counted", 10_000, async () => {
    const now = await page();
    return now.sum("kvcast_replay_requests_total") >= storm.requests ? now : null;
  });
  assert.equal(counted.sum("kvcast_replay_requests_total"), storm.requests);
  const answered = counted.sum("kvcast_replay_requests_total", { outcome: "complete" });
  // Three for each connection, as long as it did not rest.
  assert.ok(answered <= 20 * 3, `${answered} of ${storm.requests} were answered in full`);
  assert.ok(counted.sum("kvcast_replay_requests_total", { outcome: "resting" }) > 0);
  const grownMib = (counted.value("process_resident_memory_bytes") - rssBefore) / 2 ** 20;
  assert.ok(grownMib < 64, `${grownMib} MiB more than before`);
});
