/** What `kvcast perf` prints for people. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { perfText, stateLines } from "../../src/main/cli/perf-text.ts";
import { CacheActivity } from "../../src/main/perf/cache-activity.ts";
import { perfQueryOf } from "../../src/main/perf/perf-query.ts";
import { perfReport, type PerfReport, type PerfView } from "../../src/main/perf/perf-report.ts";
import { keptRequest } from "../support/perf-rows.ts";

const NOW = { monotonicMs: 1_010_000, unixSeconds: 5000 };

function reportOf(...views: readonly PerfView[]): PerfReport {
  const query = perfQueryOf(new URLSearchParams(), []);
  if ("refused" in query) throw new Error(query.refused);
  return perfReport(views, query, NOW);
}

function view(engine: string, over: Partial<PerfView> = {}): PerfView {
  const activity = new CacheActivity();
  let removed = 0;
  // Evictions are ten times as fast while the request runs, from 1,000 to 1,003.25 s.
  for (let ms = 0; ms <= 1_004_000; ms += 4000) {
    removed += ms > 1_000_000 ? 4000 : 400;
    activity.sample({ events: 0, stored: 0, removed, missing: ms > 1_000_000 ? 2 : 0, usage: null }, ms);
  }
  return {
    engine,
    state: "reading",
    requests: () => [keptRequest()],
    activity,
    clockErrorMs: () => 1,
    badRecords: 0,
    ...over,
  };
}

test("percentiles, a line for each request with a bar of its time, and what was unusual", () => {
  const text = perfText(reportOf(view("a")), { colour: false });
  assert.match(text, /^queue +1 +500 ms +500 ms +500 ms +500 ms$/m);
  // 0.5 s, 0.75 s and 2 s of 3.25 s, in twenty letters.
  assert.match(text, /^7 +3\.25 s +500 ms +- +750 ms +2\.00 s +20\.0 ms +q{3}p{5}d{12} +75% of 40 +1000 +0\.0 +-$/m);
  assert.match(text, /^request 7: the cache evicted \d\.\d times as fast as usual; 2 events were lost meanwhile/m);
  assert.equal(text.includes("\u001B"), false);
  assert.ok(perfText(reportOf(view("a")), { colour: true }).includes("\u001B[31mrequest 7: "));
});

test("with several engines each request has its engine; what is not known is a dash", () => {
  const bare = keptRequest({ times: { first_token_time: 0 }, metrics: { kv_cache_metrics: null } });
  const text = perfText(reportOf(view("a"), view("b", { requests: () => [{ ...bare, span: null }] })), {
    colour: false,
  });
  assert.match(text, /^a +7 +3\.25 s/m);
  assert.match(text, /^b +7 +3\.25 s +500 ms +- +- +- +- +q{20} +- +- +- +-$/m);
});

test("engines without data are told apart, with what to do", () => {
  const report = reportOf(view("a"), view("b", { state: "not_enabled" }), view("c", { clockErrorMs: () => null }));
  assert.deepEqual(stateLines(report), [
    "engine b: not_enabled: the engine keeps no records of its requests: set return_perf_metrics: true and " +
      "perf_metrics_max_requests: 1000 in the engine",
    "engine c: its clock is not known, so what the cache did beside its requests is not either",
  ]);
  assert.equal(perfText(reportOf(view("a", { requests: () => [] })), { colour: false }), "no requests match\n");
});
