/**
 * Engines that publish over ZMQ themselves, in one `serve`, all of them processes: what they said goes out as it was, under
 * the right ranks, and one that is frozen changes nothing for the others.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { freePort } from "../../bench/support/free-port.ts";
import type { KvEvent } from "../../src/main/tail/kv-event.ts";
import { StreamClient } from "../../src/main/tail/stream-client.ts";
import { ENGINE_WIRE_FORMATS } from "../../src/shared/wire-format.ts";
import { assertBooks, scrape } from "../support/books.ts";
import { expectedStream, trafficConfig } from "../support/expected-stream.ts";
import { eventually, within } from "../support/fault/deadline.ts";
import { type Kvcast, serve, type ServeFacts, sim, SubscriberProcess } from "../support/processes.ts";

type Service = Kvcast & { readonly facts: ServeFacts };

const PATIENCE_MS = 60_000;

/** A kvcast that plays the engine; resolves with the address under which another one reads it. */
async function publisher(
  t: TestContext,
  flags: string,
): Promise<{ readonly engine: string; readonly process: Service }> {
  const process = await serve(t, `--replay-endpoint tcp://127.0.0.1:* ${flags}`);
  const { replay_endpoint: replay } = await process.log("kvcast is running");
  return { engine: `zmq+${process.facts.zmqEndpoint}?replay=${String(replay)}&ports=one`, process };
}

/** Reads a stream until so many events have come; by rank, in order. */
async function eventsOf(t: TestContext, endpoint: string, count: number): Promise<Map<number, KvEvent[]>> {
  const client = new StreamClient({ endpoint });
  t.after(() => client.close());
  const events = new Map<number, KvEvent[]>();
  let seen = 0;
  for await (const item of client) {
    assert.equal(item.kind, "batch");
    if (item.kind !== "batch") break;
    const rank = item.batch.rank ?? -1;
    events.set(rank, [...(events.get(rank) ?? []), ...item.batch.events]);
    seen += item.batch.events.length;
    if (seen >= count) break;
  }
  return events;
}

/** Events of all engines, or of one. */
async function receivedOf(service: Service, engine?: string): Promise<number> {
  const page = await scrape(service.facts.url);
  return page.sum("kvcast_source_received_events_total", engine === undefined ? {} : { engine });
}

/** Those in the index. */
async function blocksOf(service: Service): Promise<number> {
  const response = await fetch(`${service.facts.url}/health`);
  return ((await response.json()) as { index: { blocks: number } }).index.blocks;
}

async function stopInTime(service: Kvcast): Promise<void> {
  service.child.kill("SIGTERM");
  assert.deepEqual(await within("the service ends", 6000, service.exit), { code: 0, signal: null }, service.text());
}

async function quiet(service: Service, sent: number): Promise<Awaited<ReturnType<typeof scrape>>> {
  const page = await eventually(`${sent} events are sent`, PATIENCE_MS, async () => {
    const now = await scrape(service.facts.url);
    return now.sum("kvcast_sink_sent_events_total") === sent ? now : null;
  });
  assertBooks(page, true);
  return page;
}

for (const format of ENGINE_WIRE_FORMATS) {
  test(`what another kvcast publishes as ${format} comes out event by event as it went in`, async (t) => {
    const ranks = 2;
    const events = 3000;
    const common = `--wire-format ${format} --attention-dp-size ${ranks} --clear-on-start on`;
    const { engine, process: source } = await publisher(
      t,
      `--engine synthetic:?events=${events}&rate=6000&seed=3 --wait-subscribers 2 ${common}`,
    );
    const service = await serve(t, `--engine ${engine} --wait-subscribers 1 ${common}`);
    const said = eventsOf(t, source.facts.zmqEndpoint, events + ranks);
    const told = eventsOf(t, service.facts.zmqEndpoint, events + 2 * ranks);
    const [before, after] = await within("all arrives", PATIENCE_MS, Promise.all([said, told]));
    for (let rank = 0; rank < ranks; rank++) {
      // The first one is of the service itself.
      assert.deepEqual(after.get(rank), [{ type: "cleared" }, ...(before.get(rank) ?? [])]);
      assert.ok((before.get(rank)?.length ?? 0) > events / 4);
    }
    const page = await quiet(service, events + 2 * ranks);
    const labels = { engine: "engine0" };
    assert.equal(page.sum("kvcast_source_received_events_total", labels), events + ranks);
    assert.equal(page.sum("kvcast_injected_events_total", labels), ranks);
    assert.equal(page.value("kvcast_source_up", { ...labels, kind: "zmq" }), 1);
    assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
    assert.equal(page.sum("kvcast_rank_dirty"), 0);
    const dated = { ...labels, source: "engine_timestamp" };
    const { url } = source.facts;
    // Where all was published before the service had subscribed, all of it came by replay, which has no age.
    const isAllHealed =
      page.sum("kvcast_source_healed_messages_total") > (await scrape(url)).value("kvcast_published_sequence");
    assert.ok(isAllHealed || page.value("kvcast_event_age_seconds_count", dated) > 0, "its batches are dated");
    await stopInTime(service);
  });
}

test("whoever comes late gets what was published before, by replay", async (t) => {
  const { engine, process: source } = await publisher(t, "--engine synthetic:?events=2000&rate=2000&seed=4");
  await eventually("half of it is gone", PATIENCE_MS, async () =>
    (await scrape(source.facts.url)).sum("kvcast_sink_sent_events_total") > 1000 ? true : null,
  );
  const service = await serve(t, `--engine ${engine} --wait-subscribers 1 --clear-on-start off`);
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  const expected = expectedStream(trafficConfig({ events: 2000, seed: 4 }));
  const report = await within("all arrives", PATIENCE_MS, subscriber.until({ untilEvents: 2001 }));
  assert.deepEqual(report.ranks, expected, "the clear of the start is that of the source");
  const page = await quiet(service, 2001);
  assert.ok(page.sum("kvcast_source_healed_messages_total") > 0);
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
  await stopInTime(service);
});

test("two publishers and one engine over HTTP: one publisher is frozen, the others flow; then it goes on", async (t) => {
  const events = 3000;
  const flags = `--wait-subscribers 1 --clear-on-start off`;
  const ofFrozen = 6000;
  const a = await publisher(t, `--engine synthetic:?events=${ofFrozen}&rate=800&seed=21 ${flags}`);
  const b = await publisher(t, `--engine synthetic:?events=${events}&rate=1500&seed=22 ${flags}`);
  const c = await sim(t, `--events ${events} --rate 1500 --seed 23`);
  // There before the service, so that a is not through before anybody looks.
  const endpoint = `tcp://127.0.0.1:${await freePort()}`;
  const subscriber = await new SubscriberProcess(t, endpoint).connected();
  const engines = `--engine a=${a.engine} --engine b=${b.engine} --engine c=${c.url}`;
  const service = await serve(t, `${engines} --wait-subscribers 1 --zmq-endpoint ${endpoint}`);
  const received = (engine: string): Promise<number> => receivedOf(service, engine);
  await eventually("some of a has come", PATIENCE_MS, async () => ((await received("a")) > 300 ? true : null));
  a.process.child.kill("SIGSTOP");
  await eventually("all of b and c has come", PATIENCE_MS, async () =>
    (await received("b")) === events && (await received("c")) === events + 1 ? true : null,
  );
  assert.ok((await received("a")) < ofFrozen, "a was frozen meanwhile");
  a.process.child.kill("SIGCONT");

  const expected: Record<string, unknown> = {};
  for (const [rank, seed] of [21, 22, 23].entries()) {
    expected[rank] = expectedStream(trafficConfig({ events: rank === 0 ? ofFrozen : events, seed }))["0"];
  }
  const all = ofFrozen + 2 * events + 3;
  const report = await within("all arrives", PATIENCE_MS, subscriber.until({ untilEvents: all }));
  assert.deepEqual(report.ranks, expected);
  assert.deepEqual([report.gaps, report.repeats], [0, 0]);
  const page = await quiet(service, all);
  for (const engine of ["a", "b", "c"]) {
    assert.equal(page.sum("kvcast_injected_events_total", { engine }), 1);
    assert.equal(page.sum("kvcast_source_sequence_gaps_total", { engine }), 0);
  }
  await stopInTime(service);
});

test("a kvcast that is started again goes on where it ended: what was published meanwhile comes by replay", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "kvcast-zmq-engine-"));
  t.after(() => rm(folder, { recursive: true }));
  const events = 4000;
  const source = await publisher(t, `--engine synthetic:?events=${events}&rate=500&seed=6 --wait-subscribers 1`);
  const flags = `--engine ${source.engine} --snapshot --state-dir ${folder}`;
  const first = await serve(t, flags);
  await eventually("some events have come", PATIENCE_MS, async () => ((await receivedOf(first)) > 500 ? true : null));
  await stopInTime(first);

  const second = await serve(t, flags);
  await second.log("the index of an earlier run is there again");
  await eventually("the engine has said all", PATIENCE_MS, async () =>
    (await scrape(source.process.facts.url)).sum("kvcast_sink_sent_events_total") === events + 1 ? true : null,
  );
  const said = (await scrape(source.process.facts.url)).value("kvcast_published_sequence");
  const page = await eventually("all of it is read", PATIENCE_MS, async () => {
    const now = await scrape(second.facts.url);
    return now.sum("kvcast_source_last_event_id", { engine: "engine0", dp_rank: "0" }) === said ? now : null;
  });
  assert.equal(page.sum("kvcast_injected_events_total"), 0, "nothing was missed, so nothing is cleared");
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
  assert.ok(page.sum("kvcast_source_healed_messages_total") > 0);
  assert.ok(page.sum("kvcast_source_received_events_total") < events);

  const reference = await serve(t, `--engine ${source.engine} --snapshot`);
  await eventually("the reference has read all", PATIENCE_MS, async () =>
    (await receivedOf(reference)) === events + 1 ? true : null,
  );
  const expected = await eventually("both indexes hold the same", PATIENCE_MS, async () => {
    const both = await Promise.all([blocksOf(second), blocksOf(reference)]);
    return both[0] === both[1] ? both[0] : null;
  });
  assert.ok(expected > 0);
  await stopInTime(second);
});

test("a ring of two small slots, full most of the time: a flood of a publisher arrives whole and in order", async (t) => {
  const events = 20_000;
  const source = await publisher(
    t,
    `--engine synthetic:?events=${events}&rate=max&seed=8 --replay-batches 100000 --wait-subscribers 1`,
  );
  const service = await serve(
    t,
    `--engine ${source.engine} --ring-slots 2 --slot-bytes 4KiB --wait-subscribers 1 --clear-on-start off`,
  );
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  const report = await within("all arrives", PATIENCE_MS, subscriber.until({ untilEvents: events + 1 }));
  assert.deepEqual(report.ranks, expectedStream(trafficConfig({ events, seed: 8 })));
  const page = await quiet(service, events + 1);
  assert.ok(page.sum("kvcast_ring_full_seconds_total") > 0, "the ring was full");
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), 0);
  await stopInTime(service);
});
