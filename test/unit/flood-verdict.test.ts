/** Whether a flood notices what it is there to notice, and what it then says and exits with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { booksFault, lossesOf, lossesSince } from "../../src/main/flood/books.ts";
import { type FloodFigures, type LossFigures, rateFigures } from "../../src/main/flood/figures.ts";
import { parseMetrics } from "../../src/main/flood/metrics-text.ts";
import type { SubscriberReport } from "../../src/main/flood/subscriber-process.ts";
import { contradictionsOf, exitCodeOf, faultsOf, shortfallOf } from "../../src/main/flood/verdict.ts";
import { GOOD_AGES, GOOD_FIGURES, NO_LOSS } from "../support/flood-figures.ts";

const LIMITS = { minDeliveredShare: 0.95, maxAgeMicros: 100_000 };

function losing(loss: Partial<LossFigures>): FloodFigures {
  return { ...GOOD_FIGURES, loss: { ...NO_LOSS, ...loss } };
}

function rated(mean: number): FloodFigures {
  return { ...GOOD_FIGURES, rate: { ...GOOD_FIGURES.rate, mean } };
}

function aged(p99Micros: number): FloodFigures {
  return { ...GOOD_FIGURES, warmAges: { ...GOOD_AGES, p99Micros } };
}

test("nothing lost is no fault, also where nobody could be asked", () => {
  assert.deepEqual(faultsOf(GOOD_FIGURES), []);
  assert.deepEqual(faultsOf(losing({ service: null, missingEvents: null })), []);
});

test("each loss is said with its number and its place", () => {
  const service = { beforeService: 0, invalid: 0, notEncoded: 0, dropped: 0, queueFull: 0, restarts: 0 };
  const cases: readonly (readonly [Partial<LossFigures>, RegExp])[] = [
    [{ missingMessages: 3, firstMissing: 17 }, /^3 of 703 messages .* the first of them is number 17$/],
    [
      { missingMessages: 3, firstMissing: 17, service: { ...service, queueFull: 2 } },
      /queue was full \(2 times\).*--zmq-queue-bytes/,
    ],
    [{ repeatedMessages: 2 }, /^2 messages came twice, late, or/],
    [{ missingEvents: 5 }, /^5 events that the service sent did not come, the last message that came is 699$/],
    [{ missingEvents: -5 }, /^5 events more came than the service sent$/],
    [{ undelivered: 6 }, /^6 events could not be sent before the end/],
    [{ booksFault: "1 is not 2" }, /^the books of the service do not balance: 1 is not 2$/],
    [{ service: { ...service, beforeService: 4 } }, /^4 events were lost before the service/],
    [{ service: { ...service, invalid: 1 } }, /^1 events of the engine were not valid/],
    [{ service: { ...service, notEncoded: 1 } }, /^1 events could not be encoded/],
    [{ service: { ...service, dropped: 1 } }, /^1 events were dropped in the service/],
    [{ service: { ...service, restarts: 1 } }, /^threads of the service died 1 times/],
  ];
  for (const [loss, message] of cases) {
    const faults = faultsOf(losing(loss));
    assert.equal(faults.length, 1, String(message));
    assert.match(faults[0] ?? "", message);
  }
});

test("a ramp forgives what is lost above the knee, and not accounts that are wrong", () => {
  assert.deepEqual(contradictionsOf(losing({ missingMessages: 3, missingEvents: 3 })), []);
  for (const loss of [{ booksFault: "x" }, { repeatedMessages: 1 }, { missingEvents: -1 }]) {
    assert.equal(contradictionsOf(losing(loss)).length, 1);
  }
});

test("keeping up: nearly all of what is offered, young, and nothing lost", () => {
  assert.equal(shortfallOf(GOOD_FIGURES, LIMITS), null);
  assert.equal(shortfallOf(rated(950), LIMITS), null);
  assert.match(shortfallOf(rated(949), LIMITS) ?? "", /^94\.9 % of the events offered/);
  assert.equal(shortfallOf(aged(100_000), LIMITS), null);
  assert.match(shortfallOf(aged(100_100), LIMITS) ?? "", /^p99 of the age was 100\.1 ms/);
  assert.match(shortfallOf(losing({ missingEvents: 1 }), LIMITS) ?? "", /did not come/);
});

test("exit codes: lost before cut short before too slow", () => {
  const good = { faults: [], reachedPerSecond: 1000, minPerSecond: null, signal: null };
  assert.equal(exitCodeOf(good), 0);
  assert.equal(exitCodeOf({ ...good, minPerSecond: 1000 }), 0);
  assert.equal(exitCodeOf({ ...good, minPerSecond: 1001 }), 3);
  assert.equal(exitCodeOf({ ...good, minPerSecond: 1001, signal: "SIGINT" }), 130);
  assert.equal(exitCodeOf({ ...good, signal: "SIGTERM" }), 143);
  assert.equal(exitCodeOf({ ...good, minPerSecond: 1001, signal: "SIGINT", faults: ["x"] }), 1);
});

function report(windowMs: number, timedEvents: number, eventsBySecond: readonly number[]): SubscriberReport {
  const tally = { messages: 1, events: 1, bytes: 1, lastSequence: 0, missing: 0, repeated: 0, firstMissing: null };
  const times = { timedMs: 0, totalMs: 0, lastReceivedMs: 0, coldAges: null, warmAges: null };
  return { ...tally, ...times, windowMs, timedEvents, eventsBySecond };
}

test("the rate is that of whole seconds, silent ones too; the mean is of all the time", () => {
  const rate = rateFigures(report(5200, 620, [100, 300, 0, 200]));
  assert.deepEqual(rate, { median: 100, min: 0, max: 300, mean: (620 * 1000) / 5200 });
  assert.deepEqual(rateFigures(report(2900, 90, [30, 40, 20])), { median: 35, min: 30, max: 40, mean: 90_000 / 2900 });
  assert.deepEqual(rateFigures(report(500, 70, [70])), { median: 140, min: 140, max: 140, mean: 140 });
  assert.deepEqual(rateFigures(report(0, 0, [])), { median: 0, min: 0, max: 0, mean: 0 });
});

const PAGE: Readonly<Record<string, number>> = {
  'kvcast_source_received_events_total{engine="e",event_type="stored"}': 90,
  'kvcast_source_received_events_total{engine="e",event_type="removed"}': 10,
  'kvcast_injected_events_total{engine="e",reason="start"}': 1,
  'kvcast_source_duplicate_events_total{engine="e"}': 1,
  'kvcast_filtered_events_total{engine="e",reason="created"}': 2,
  'kvcast_invalid_events_total{engine="e",reason="bad_type"}': 3,
  'kvcast_ring_dropped_events_total{reason="shutdown"}': 4,
  kvcast_ring_enqueued_events_total: 91,
  kvcast_encode_dropped_events_total: 5,
  kvcast_ring_dequeued_events_total: 80,
  'kvcast_sink_sent_events_total{sink="zmq",event_type="stored"}': 73,
  'kvcast_sink_dropped_events_total{sink="zmq",reason="rejected"}': 7,
  'kvcast_source_sequence_gaps_total{engine="e",dp_rank="0"}': 6,
  'kvcast_zmq_subscriber_queue_full_total{endpoint="tcp://h:1"}': 8,
  'kvcast_worker_restarts_total{worker="encoder",reason="error"}': 9,
};

function page(changes: Readonly<Record<string, number>> = {}): ReturnType<typeof parseMetrics> {
  const lines = Object.entries({ ...PAGE, ...changes }).map(([series, value]) => `${series} ${value}`);
  return parseMetrics(`${lines.join("\n")}\n`);
}

test("books that balance are no fault, whatever is in the ring; one event more or less in any place is", () => {
  assert.equal(booksFault(page()), null);
  const places = Object.keys(PAGE).filter((series) => !/gaps|queue_full|restarts|encode_dropped/.test(series));
  for (const series of places) {
    for (const by of [1, -1]) assert.notEqual(booksFault(page({ [series]: (PAGE[series] ?? 0) + by })), null, series);
  }
  assert.match(booksFault(page({ kvcast_encode_dropped_events_total: 12 })) ?? "", /1 events more left the ring/);
});

test("the losses of a service are read from its page, and from two where it ran before", () => {
  const losses = lossesOf(page());
  assert.deepEqual(losses, { beforeService: 6, invalid: 3, notEncoded: 5, dropped: 11, queueFull: 8, restarts: 9 });
  const later = lossesOf(page({ 'kvcast_source_sequence_gaps_total{engine="e",dp_rank="0"}': 16 }));
  assert.deepEqual(lossesSince(later, losses), {
    beforeService: 10,
    invalid: 0,
    notEncoded: 0,
    dropped: 0,
    queueFull: 0,
    restarts: 0,
  });
});
