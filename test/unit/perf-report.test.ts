/** The answer of `/v1/perf/requests`: filters, order, percentiles, and what the cache did beside each request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ACTIVITY_SECONDS, CacheActivity, type CacheTotals } from "../../src/main/perf/cache-activity.ts";
import { type PerfQuery, perfQueryOf } from "../../src/main/perf/perf-query.ts";
import { perfReport, type PerfView } from "../../src/main/perf/perf-report.ts";
import { type KeptRequest, PerfRing } from "../../src/main/perf/perf-ring.ts";
import { keptRequest } from "../support/perf-rows.ts";

const NONE: CacheTotals = { events: 0, stored: 0, removed: 0, missing: 0, usage: null };
const NOW = { monotonicMs: 1_010_000, unixSeconds: 5000 };

function query(text: string): PerfQuery {
  const made = perfQueryOf(new URLSearchParams(text), ["a", "b"]);
  if ("refused" in made) throw new Error(made.refused);
  return made;
}

function view(
  engine: string,
  requests: readonly KeptRequest[],
  activity: CacheActivity = new CacheActivity(),
): PerfView {
  return { engine, state: "reading", requests: () => requests, activity, clockErrorMs: () => 1.5, badRecords: 2 };
}

/** Ends 10 s before now unless told otherwise; waits so long in the queue. */
function request(id: number, queueSeconds: number, over: Partial<KeptRequest> = {}): KeptRequest {
  const kept = keptRequest({ entry: { request_id: id }, times: { arrival_time: 1000.5 - queueSeconds } });
  return { ...kept, ...over };
}

test("the longest first, or the newest; equal ones by id; no more than asked for", () => {
  const requests = [request(1, 0.5), request(2, 3), request(10, 3), request(3, 9, { readMs: 990_000 })];
  const ids = (text: string): string[] =>
    perfReport([view("a", requests)], query(text), NOW).requests.map((one) => one.request_id);
  assert.deepEqual(ids(""), ["3", "2", "10", "1"]);
  assert.deepEqual(ids("limit=2"), ["3", "2"]);
  assert.deepEqual(ids("sort=queue&min_s=3"), ["3", "2", "10"]);
  assert.deepEqual(ids("min_s=5.8"), ["3"]);
  assert.deepEqual(ids("since_s=10"), ["2", "10", "1"]);
  assert.deepEqual(ids("phase=decode"), ["1"]);
  assert.deepEqual(ids("phase=queue&sort=decode"), ["2", "3", "10"], "all decoded for 2 s");
  const old = { ...request(4, 1), span: { fromMs: 1, untilMs: 2 } };
  assert.deepEqual(
    perfReport([view("a", [old, request(5, 1)])], query("sort=finished"), NOW).requests.map((one) => one.request_id),
    ["5", "4"],
  );
});

test("a time that is not known comes last, and is not there for a filter that needs it", () => {
  const unknown = keptRequest({ entry: { request_id: 9 }, times: { arrival_time: 0 } });
  const report = perfReport([view("a", [unknown, request(1, 1)])], query("sort=queue"), NOW);
  assert.deepEqual(
    report.requests.map((one) => [one.request_id, one.seconds.queue]),
    [
      ["1", 1],
      ["9", null],
    ],
  );
  assert.equal(perfReport([view("a", [unknown])], query("sort=queue&min_s=0.1"), NOW).matching, 0);
});

test("one engine of several, with what there is to say of it", () => {
  const views = [
    view("a", [request(1, 1)]),
    { ...view("b", []), state: "not_enabled" as const, clockErrorMs: () => null },
  ];
  const both = perfReport(views, query(""), NOW);
  assert.deepEqual(Object.keys(both.engines), ["a", "b"]);
  assert.match(both.engines["b"]?.hint ?? "", /return_perf_metrics: true and perf_metrics_max_requests/);
  assert.deepEqual(both.engines["a"], {
    state: "reading",
    hint: null,
    requests: 1,
    bad_records: 2,
    clock_error_s: 0.0015,
    cache: null,
  });
  assert.deepEqual(Object.keys(perfReport(views, query("engine=b"), NOW).engines), ["b"]);
});

test("percentiles are times that were really taken, of all requests that match", () => {
  const requests = Array.from({ length: 200 }, (_, i) => request(i, (i + 1) / 100));
  const { percentiles, matching, requests: shown } = perfReport([view("a", requests)], query("limit=1"), NOW);
  assert.deepEqual([matching, shown.length], [200, 1]);
  assert.deepEqual(percentiles.queue, { count: 200, p50: 1, p90: 1.8, p99: 1.98, max: 2 });
  assert.equal(percentiles.transfer, undefined, "none of them had one");
});

test("beside a request stands what the cache did between its beginning and its end", () => {
  const activity = new CacheActivity();
  // The request runs from 1,000,000 to 1,003,250 ms.
  const totals = { ...NONE };
  for (let second = 0; second <= 10; second++) {
    const at = 995_000 + second * 1000;
    const during = at > 1_000_000 && at <= 1_004_000;
    Object.assign(totals, {
      events: totals.events + (during ? 100 : 10),
      stored: totals.stored + 5,
      removed: totals.removed + (during ? 40 : 0),
      missing: totals.missing + (at === 1_002_000 ? 3 : 0),
      usage: during ? 0.97 : 0.5,
    });
    activity.sample({ ...totals }, at);
  }
  const report = perfReport([view("a", [request(1, 0.5)], activity)], query(""), NOW);
  assert.deepEqual(report.requests[0]?.cache, {
    events_per_s: 100,
    stored_blocks_per_s: 5,
    removed_blocks_per_s: 40,
    missing_ids: 3,
    usage: 0.97,
    covered: 1,
  });
  assert.equal(report.engines["a"]?.cache?.events_per_s, 46);
  const unknown = perfReport([view("a", [request(1, 0.5, { span: null })], activity)], query(""), NOW);
  assert.deepEqual([unknown.requests[0]?.cache, unknown.requests[0]?.arrived_at], [null, null]);
});

test("times are Unix times, by the clock of the answer", () => {
  const report = perfReport([view("a", [request(1, 0.5)])], query(""), NOW);
  assert.deepEqual([report.requests[0]?.arrived_at, report.requests[0]?.read_at], [4990, 4993.25]);
});

test("the ring of seconds forgets, and says how much of a span it still has", () => {
  const activity = new CacheActivity();
  assert.deepEqual([activity.overall(), activity.between(0, 1)], [null, null]);
  for (let second = 0; second <= ACTIVITY_SECONDS + 10; second++) {
    activity.sample({ ...NONE, events: second }, second * 1000);
  }
  assert.equal(activity.between(0, 9000), null);
  assert.equal(activity.between(5000, 15_000)?.covered, 0.5);
  assert.deepEqual(activity.overall(), { events: 1, stored: 0, removed: 0, missing: 0, usage: null, covered: 1 });
  activity.sample(NONE, 0);
  assert.equal(activity.overall()?.events, 1, "time does not go back");
});

test("the ring of requests forgets the oldest", () => {
  const ring = new PerfRing(3);
  for (let id = 1; id <= 5; id++) ring.add(request(id, 1));
  assert.deepEqual(
    [
      ring.size,
      ring
        .all()
        .map(({ record }) => record.requestId)
        .toSorted(),
    ],
    [3, ["3", "4", "5"]],
  );
});

function refusal(text: string): string {
  const made = perfQueryOf(new URLSearchParams(text), ["a", "b"]);
  return "refused" in made ? made.refused : `taken: ${text}`;
}

test("a query that is not understood is refused with what is allowed, and never quoted", () => {
  for (const [text, expected] of [
    ["sort=<script>", "sort takes one of e2e, ttft, queue, transfer, prefill, decode, itl, finished"],
    ["limit=0", "limit takes a whole number from 1 to 1000"],
    ["limit=1001", "limit takes a whole number from 1 to 1000"],
    ["limit=1e1", "limit takes a whole number from 1 to 1000"],
    ["min_s=-1", "min_s takes a number of seconds"],
    ["since_s=", "since_s takes a number of seconds"],
    ["phase=ttft", "phase takes one of queue, transfer, prefill, decode"],
    ["engine=c", "engine takes the name of an engine; there are a, b"],
    ["sort=e2e&sort=itl", "sort is given more than once"],
    ["srot=e2e", "unknown parameter; there are engine, sort, limit, min_s, since_s, phase"],
    ["__proto__=1", "unknown parameter; there are engine, sort, limit, min_s, since_s, phase"],
  ] as const) {
    assert.equal(refusal(text), expected, text);
  }
});
