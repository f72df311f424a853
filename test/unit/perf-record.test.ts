/** What is read of an entry of `/perf_metrics`, and which entries give no record. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { MAX_METRICS_BYTES } from "../../src/main/perf/perf-entry.ts";
import type { PerfFault } from "../../src/main/perf/perf-record.ts";
import { type Fields, perfEntry, perfRecord, scanPerf } from "../support/perf-rows.ts";

function fixture(name: string): string {
  return readFileSync(path.join(process.cwd(), "test/fixtures/trtllm", name), "utf8");
}

function faultsOf(entry: unknown): PerfFault[] {
  const { records, faults, error } = scanPerf(JSON.stringify([entry]));
  assert.deepEqual([records, error], [[], null]);
  return faults;
}

test("every figure comes from its own field", () => {
  const over = {
    entry: { ctx_request_id: 8 },
    metrics: {
      speculative_decoding: { acceptance_rate: 0.25, total_accepted_draft_tokens: 50, total_draft_tokens: 200 },
    },
    times: { kv_cache_size: 4096, kv_cache_transfer_start: 1000.1, kv_cache_transfer_end: 1000.2 },
  };
  assert.deepEqual(perfRecord(over), {
    requestId: "7",
    contextRequestId: "8",
    part: "whole",
    firstIteration: 100,
    lastIteration: 200,
    times: {
      serverArrival: 999.999,
      arrival: 1000,
      firstScheduled: 1000.5,
      firstToken: 1001.25,
      serverFirstToken: 1001.251,
      lastToken: 1003.25,
    },
    transfer: { bytes: 4096, start: 1000.1, end: 1000.2 },
    blocks: { allocated: 40, allocatedNew: 10, reused: 30, missed: 10 },
    speculation: { acceptance: 0.25, acceptedTokens: 50, draftTokens: 200 },
  });
});

test("the engine's own list: three requests, one beyond 2^53, in chunks of any size", () => {
  const body = fixture("trtllm_perf_metrics.json");
  const whole = scanPerf(body);
  assert.deepEqual([whole.faults, whole.error], [[], null]);
  assert.deepEqual(
    whole.records.map(({ requestId, contextRequestId }) => [requestId, contextRequestId]),
    [
      ["3", null],
      ["4", null],
      ["5", "9007199254740995"],
    ],
  );
  assert.deepEqual(whole.records[1]?.speculation, {
    acceptance: 165 / 378,
    acceptedTokens: 165,
    draftTokens: 378,
  });
  assert.equal(whole.records[2]?.transfer?.bytes, 52_428_800);
  for (const chunkBytes of [1, 7, 1000]) assert.deepEqual(scanPerf(body, chunkBytes), whole);
});

test("an orchestrator tells both halves of a request; a half that never was is no fault", () => {
  const body = fixture("trtllm_perf_metrics_disagg.json");
  const { records, faults } = scanPerf(body);
  assert.deepEqual(
    records.map(({ part, requestId, contextRequestId }) => [part, requestId, contextRequestId]),
    [
      ["context", "11", "11"],
      ["generation", "12", "11"],
    ],
  );
  assert.deepEqual(faults, []);
  const half = scanPerf(JSON.stringify([{ ctx_perf_metrics: null, gen_perf_metrics: perfEntry() }]));
  assert.deepEqual([half.records.map(({ part }) => part), half.faults], [["generation"], []]);
  assert.deepEqual(faultsOf({ ctx_perf_metrics: null, gen_perf_metrics: null }), ["no_metrics"]);
});

test("0, null and nothing are all: not measured", () => {
  for (const absent of [0, null, undefined]) {
    const { times, blocks, transfer } = perfRecord({
      times: { first_scheduled_time: absent, kv_cache_size: absent },
      metrics: { kv_cache_metrics: null, speculative_decoding: absent === 0 ? { total_draft_tokens: 0 } : absent },
    });
    assert.deepEqual([times.firstScheduled, blocks, transfer], [null, null, null]);
  }
});

test("ids are u64 or short plain texts", () => {
  for (const id of ["0", "18446744073709551615", '"chatcmpl-3f.a:1_b"']) {
    const body = `[{"request_id":${id},"perf_metrics":${JSON.stringify(perfEntry()["perf_metrics"])}}]`;
    assert.equal(scanPerf(body).records[0]?.requestId, id.replaceAll('"', ""), id);
  }
  for (const id of [
    "-1",
    "1.5",
    "1e3",
    "18446744073709551616",
    '""',
    '"a b"',
    '"\\u0000"',
    `"${"x".repeat(65)}"`,
    "null",
    "{}",
    "[1]",
    "true",
  ]) {
    const body = `[{"request_id":${id},"perf_metrics":${JSON.stringify(perfEntry()["perf_metrics"])}}]`;
    assert.deepEqual(scanPerf(body).faults, ["request_id"], id);
  }
});

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

const REFUSED: readonly (readonly [string, unknown, PerfFault])[] = [
  ["null", null, "not_object"],
  ["a list", [perfEntry()], "not_object"],
  ["a text", "x", "not_object"],
  ["an empty object", {}, "request_id"],
  ["no metrics", { request_id: 1 }, "no_metrics"],
  ["metrics that are null", { request_id: 1, perf_metrics: null }, "no_metrics"],
  ["metrics that are a list", { request_id: 1, perf_metrics: [] }, "no_metrics"],
  ["times that are a list", perfEntry({ metrics: { timing_metrics: [] } }), "no_metrics"],
  ["no times at all", perfEntry({ metrics: { timing_metrics: {} } }), "time"],
  ["a negative time", perfEntry({ times: { arrival_time: -1 } }), "time"],
  ["a time that is a text", perfEntry({ times: { arrival_time: "1000" } }), "time"],
  ["a time in nanoseconds", perfEntry({ times: { last_token_time: 1e18 } }), "time"],
  ["half a block", perfEntry({ blocks: { num_reused_blocks: 0.5 } }), "count"],
  ["a negative count", perfEntry({ blocks: { num_missed_blocks: -1 } }), "count"],
  ["a count beyond what is exact", perfEntry({ blocks: { num_missed_blocks: 2 ** 53 } }), "count"],
  ["a size that is a text", perfEntry({ times: { kv_cache_size: "1" } }), "count"],
  ["an iteration that is a list", perfEntry({ metrics: { first_iter: [] } }), "count"],
  ["a rate above 1", perfEntry({ metrics: { speculative_decoding: { acceptance_rate: 1.5 } } }), "rate"],
  [
    "more accepted than drafted",
    perfEntry({ metrics: { speculative_decoding: { total_accepted_draft_tokens: 2, total_draft_tokens: 1 } } }),
    "count",
  ],
  ["metrics of some kilobytes too many", perfEntry({ metrics: { x: "y".repeat(MAX_METRICS_BYTES) } }), "too_large"],
  ["metrics nested without need", perfEntry({ metrics: { x: deep(9) } }), "too_deep"],
  ["something unknown nested without end", perfEntry({ entry: { x: deep(65) } }), "too_deep"],
];

test("an entry that lies gives no record, and costs itself only", () => {
  for (const [what, entry, fault] of REFUSED) {
    assert.deepEqual(faultsOf(entry), [fault], what);
    const { records, faults } = scanPerf(JSON.stringify([perfEntry(), entry, perfEntry()]));
    assert.deepEqual([records.length, faults], [2, [fault]], what);
  }
});

test("1e400, of which JSON makes infinity, is no time", () => {
  const body = JSON.stringify([perfEntry()]).replace("1003.25", "1e400");
  assert.deepEqual(scanPerf(body).faults, ["time"]);
});

test("what nobody needs may be as long as it likes; of a key that comes twice the first counts", () => {
  const steps: Fields[] = Array.from({ length: 5000 }, (_, i) => ({ forward_start_time: i, forward_end_time: i + 1 }));
  const entry = perfEntry({ entry: { time_breakdown_metrics: { step_metrics: steps } } });
  assert.equal(scanPerf(JSON.stringify([entry])).records.length, 1);
  const twice = JSON.stringify([perfEntry()]).replace('{"request_id":7', '{"request_id":7,"request_id":8');
  assert.equal(scanPerf(twice).records[0]?.requestId, "7");
  const escaped = JSON.stringify([perfEntry()]).replace('"request_id"', '"request\\u005fid"');
  assert.equal(scanPerf(escaped).records[0]?.requestId, "7");
});

test("a body that breaks keeps the entries in front of the break", () => {
  const good = JSON.stringify(perfEntry());
  for (const [rest, code] of [
    ["", "truncated"],
    [`,${good.slice(0, 100)}`, "truncated"],
    [`,{"request_id":1,}]`, "bad_key"],
    [`,{"request_id":01}]`, "bad_number"],
    [`,${"[".repeat(5000)}`, "too_deep"],
  ]) {
    const { records, error } = scanPerf(`[${good}${rest}`);
    assert.deepEqual([records.length, error], [1, code], rest?.slice(0, 20));
  }
  assert.equal(scanPerf("{}").error, "not_array");
});

test("a key of the object's own prototype is a key like others", () => {
  const body = JSON.stringify([perfEntry()]).replace(
    '"first_iter":100',
    '"__proto__":{"first_iter":1},"first_iter":100',
  );
  assert.equal(scanPerf(body).records[0]?.firstIteration, 100);
});
