/** The checks of the soak run: silent on a healthy service, loud on each fault that they are there for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SoakChecks } from "../../bench/long/soak-checks.ts";
import { type MetricsPage, parseMetrics } from "../../src/main/flood/metrics-text.ts";

interface Figures {
  readonly received: number;
  readonly missing: number;
  readonly sent: number;
  readonly restarts: number;
  readonly rssBytes: number;
  readonly fds: number;
}

const MIB = 2 ** 20;
const HEALTHY: Figures = { received: 0, missing: 0, sent: 0, restarts: 0, rssBytes: 100 * MIB, fds: 30 };

/** A page with two ranks that has all that the checks and the books look at. */
function page(figures: Figures): MetricsPage {
  const { received, missing, sent, restarts, rssBytes, fds } = figures;
  const firstIds = Math.floor((received + missing) / 2);
  const counters: readonly (readonly [series: string, value: number])[] = [
    ['kvcast_source_received_events_total{event_type="stored"}', received],
    ['kvcast_source_sequence_gaps_total{dp_rank="0"}', missing],
    ["kvcast_ring_enqueued_events_total", received],
    ["kvcast_ring_dequeued_events_total", received],
    ['kvcast_sink_sent_events_total{sink="zmq"}', sent],
    ['kvcast_worker_restarts_total{worker="encoder0"}', restarts],
  ];
  const gauges: readonly (readonly [series: string, value: number])[] = [
    ['kvcast_source_last_event_id{dp_rank="0"}', firstIds - 1],
    ['kvcast_source_last_event_id{dp_rank="1"}', received + missing - firstIds - 1],
    ["process_resident_memory_bytes", rssBytes],
    ["process_open_fds", fds],
  ];
  const lines = [
    ...counters.map(([series]) => `# TYPE ${series.replace(/\{.*/, "")} counter\n`),
    ...[...counters, ...gauges].map(([series, value]) => `${series} ${value}\n`),
  ];
  return parseMetrics(lines.join(""));
}

const SECONDS_APART = 5;

/** Thirty pages of a service that takes 1,000 events a page, with changes to some; the first five are warm-up. */
function run(change: (i: number) => Partial<Figures>): SoakChecks {
  const checks = new SoakChecks({ warmUpSeconds: 5 * SECONDS_APART, allIds: true });
  for (let i = 0; i < 30; i++) {
    const received = 1000 * (i + 1);
    checks.add(i * SECONDS_APART, page({ ...HEALTHY, received, sent: received, ...change(i) }));
  }
  return checks;
}

test("a healthy service has no failures, be its memory unsteady and its first minute a steep one", () => {
  const checks = run((i) => ({
    rssBytes: (i < 5 ? 40 + 10 * i : 100 + (i % 3) * 5) * MIB,
    fds: 30 + (i % 2),
    missing: i,
  }));
  const growth = checks.finish();
  assert.deepEqual([...checks.failures], []);
  assert.equal(checks.pages, 30);
  assert.ok(growth !== null && Math.abs(growth.rss) < 0.05);
});

test("each fault is found, and told once", () => {
  const cases: readonly (readonly [failure: RegExp, change: (i: number) => Partial<Figures>])[] = [
    [/^the books balance: /, (i) => (i > 10 ? { sent: 10 } : {})],
    [/^no counter falls: kvcast_\S+ went from 20000 to 5$/, (i) => (i === 20 ? { received: 5, sent: 5 } : {})],
    [/^no thread dies: 1 restarts$/, (i) => ({ restarts: i > 3 ? 1 : 0 })],
    [/^memory grows: /, (i) => ({ rssBytes: (100 + i) * MIB })],
    [/^open files grow: from 38.5 to 55.5$/, (i) => ({ fds: 30 + i })],
    [/^events keep coming: none for 30 s after 5000$/, (i) => (i > 3 ? { received: 5000, sent: 5000 } : {})],
  ];
  for (const [failure, change] of cases) {
    const checks = run(change);
    checks.finish();
    assert.equal([...checks.failures].filter((each) => failure.test(each)).length, 1, String(failure));
  }
});

test("an id that was neither received nor counted as missing is found", () => {
  const checks = new SoakChecks({ warmUpSeconds: 0, allIds: true });
  const text = page({ ...HEALTHY, received: 10, sent: 10 });
  checks.add(0, text);
  assert.deepEqual([...checks.failures], []);
  const samples = new Map(text.samples).set('kvcast_source_last_event_id{dp_rank="1"}', 7);
  checks.add(1, { ...text, samples });
  assert.match(
    [...checks.failures].join("\n"),
    /^every event id is accounted for: 13 ids, but 10 received and 0 missing$/,
  );
});

test("a slow leak shows as a slope, and few samples say nothing about growth", () => {
  const growth = run((i) => ({ rssBytes: 100 * MIB + i * SECONDS_APART * 1000 })).finish();
  assert.ok(growth !== null && Math.abs(growth.rssBytesPerHour - 3_600_000) < 1);
  const checks = new SoakChecks({ warmUpSeconds: 0, allIds: true });
  for (let i = 0; i < 8; i++) checks.add(i, page({ ...HEALTHY, received: i + 1, sent: i + 1, rssBytes: 2 ** i * MIB }));
  assert.equal(checks.finish(), null);
  assert.deepEqual([...checks.failures], []);
});
