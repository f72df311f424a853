/**
 * The whole way with real processes and sockets: a stand-in engine over HTTP, `kvcast serve`, a subscriber; and the page
 * that Prometheus reads. What the subscriber saw must be what the engine made, event by event.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { assertBooks, scrape } from "../support/books.ts";
import { expectedStream, trafficConfig } from "../support/expected-stream.ts";
import { serve, sim, SubscriberProcess } from "../support/processes.ts";

interface SimStats {
  readonly generated: number;
  readonly buffered: number;
  readonly drained: number;
  readonly droppedByFault: number;
}

const EVENTS = 120_000;
const RANKS = 3;
const TRAFFIC = trafficConfig({ events: EVENTS, ranks: RANKS, seed: 7 });
const SAME_TRAFFIC = `--tokens 32 --ranks ${RANKS} --seed 7 --removed 0.2`;

test("sim → serve → subscriber: every event once, in order, and the books balance", { timeout: 120_000 }, async (t) => {
  const engine = await sim(t, `--events ${EVENTS} --rate 40000 --buffer-max-events 200000 ${SAME_TRAFFIC}`);
  const service = await serve(t, `--engine ${engine.url} --attention-dp-size ${RANKS} --wait-subscribers 1`);
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  // And a clear of each rank before anything else.
  const published = EVENTS + RANKS;
  const report = await subscriber.until({ untilEvents: published });

  assert.deepEqual(report.ranks, expectedStream(TRAFFIC));
  assert.equal(report.firstSequence, 0);
  assert.deepEqual([report.gaps, report.repeats], [0, 0]);
  assert.equal(report.messages, report.lastSequence + 1);
  // Enough for the run to mean something: the ring of 16 slots went round many times.
  assert.ok(report.messages > 16 * 25, `${report.messages} messages`);

  const page = await scrape(service.facts.url);
  assertBooks(page, true);
  assert.equal(page.sum("kvcast_source_received_events_total"), EVENTS + RANKS);
  assert.equal(page.sum("kvcast_filtered_events_total", { reason: "created" }), RANKS);
  assert.equal(page.sum("kvcast_injected_events_total", { reason: "start" }), RANKS);
  assert.equal(page.sum("kvcast_sink_sent_events_total"), published);
  assert.equal(page.sum("kvcast_sink_sent_batches_total"), report.messages);
  assert.equal(page.sum("kvcast_published_sequence"), report.lastSequence);
  assert.equal(page.sum("kvcast_zmq_subscribers"), 1);
  for (const zero of ["source_sequence_gaps_total", "invalid_events_total", "source_errors_total"]) {
    assert.equal(page.sum(`kvcast_${zero}`), 0, zero);
  }
});

for (const format of ["vllm", "dynamo"] as const) {
  test(`the built-in engine flat out, ${format}: nothing is lost on the way`, { timeout: 120_000 }, async (t) => {
    const events = format === "vllm" ? 200_000 : 50_000;
    const engine = `synthetic:?events=${events}&rate=max&seed=3`;
    const flags = `--wire-format ${format} --ring-slots 4 --wait-subscribers 1 --zmq-queue-bytes 1GiB`;
    const service = await serve(t, `--engine ${engine} ${flags}`);
    const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
    const clears = format === "vllm" ? 1 : 0;
    const report = await subscriber.until({ untilEvents: events + clears });
    assert.deepEqual(report.ranks, expectedStream(trafficConfig({ events, seed: 3 }), { atStart: clears > 0 }));
    assert.deepEqual([report.firstSequence, report.gaps, report.repeats], [0, 0, 0]);
    if (format === "dynamo") assert.equal(report.messages, events, "one event a message");
    assertBooks(await scrape(service.facts.url), true);
    // It stays up after the last event.
    assert.equal((await fetch(`${service.facts.url}/health`)).status, 200);
  });
}

test("faults of the engine are counted exactly, and the rest arrives", { timeout: 120_000 }, async (t) => {
  const events = 20_000;
  const faults = "--fault gap:1% --fault http500:30% --fault garbage:30%";
  const engine = await sim(t, `--events ${events} --rate 20000 --seed 5 --buffer-max-events 100000 ${faults}`);
  const service = await serve(t, `--engine ${engine.url} --wait-subscribers 1 --clear-on-start off`);
  const subscriber = await new SubscriberProcess(t, service.facts.zmqEndpoint).connected();
  // Which events the gaps hit follows from the seed, but how many are left is the engine's to say.
  const stats = async (): Promise<SimStats> => (await (await fetch(`${engine.url}/sim/stats`)).json()) as SimStats;
  await subscriber.until({ untilEvents: Math.floor(events * 0.95) });
  let truth = await stats();
  while (truth.generated < events + 1 || truth.buffered > 0) truth = await stats();
  const report = await subscriber.until({ untilEvents: truth.drained - 1 });
  // Which answers are hit follows from the seed as well, but one answer may have had nearly all events in it.
  let page = await scrape(service.facts.url);
  while (page.sum("kvcast_source_polls_total") < 30) page = await scrape(service.facts.url);
  assert.equal(report.gaps, 0);
  assert.ok(truth.droppedByFault > 50, "enough were lost for the run to mean something");
  assert.equal(page.sum("kvcast_source_received_events_total"), truth.drained);
  const lastId = page.sum("kvcast_source_last_event_id");
  assert.equal(page.sum("kvcast_source_sequence_gaps_total"), lastId + 1 - truth.drained);
  assert.ok(page.sum("kvcast_source_errors_total", { reason: "http_status" }) > 0);
  assert.ok(page.sum("kvcast_source_errors_total", { reason: "decode" }) > 0);
  assertBooks(page, true);
});
