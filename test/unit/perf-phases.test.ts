/** Where a request's time went, from the moments that the engine tells. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { PerfHistograms, reuseOf } from "../../src/main/perf/perf-histograms.ts";
import { PHASES, phasesOf } from "../../src/main/perf/perf-phases.ts";
import { type Fields, perfRecord } from "../support/perf-rows.ts";

const speculative_decoding = { acceptance_rate: 0.5, total_accepted_draft_tokens: 100, total_draft_tokens: 200 };

test("the parts of a plain request", () => {
  assert.deepEqual(phasesOf(perfRecord()), {
    queue: 0.5,
    transfer: null,
    prefill: 0.75,
    decode: 2,
    ttft: 1.25,
    e2e: 3.25,
    itl: 0.02,
    longest: "decode",
    isOutOfOrder: false,
  });
});

test("tokens between the first and the last: an iteration each, and what speculation won", () => {
  assert.equal(phasesOf(perfRecord({ metrics: { speculative_decoding } })).itl, 0.01);
  assert.equal(phasesOf(perfRecord({ metrics: { last_iter: 100 } })).itl, null);
  assert.equal(phasesOf(perfRecord({ metrics: { first_iter: null } })).itl, null);
});

test("a transfer is taken out of the wait that it is a part of", () => {
  const cases: readonly (readonly [string, Fields, readonly number[]])[] = [
    ["in the prefill", { kv_cache_transfer_start: 1000.75, kv_cache_transfer_end: 1001 }, [0.5, 0.25, 0.5]],
    ["in the queue", { kv_cache_transfer_start: 1000.25, kv_cache_transfer_end: 1000.5 }, [0.25, 0.25, 0.75]],
    ["in both", { kv_cache_transfer_start: 1000.25, kv_cache_transfer_end: 1001 }, [0.25, 0.75, 0.25]],
  ];
  for (const [what, times, parts] of cases) {
    const phases = phasesOf(perfRecord({ times: { kv_cache_size: 1, ...times } }));
    assert.deepEqual([phases.queue, phases.transfer, phases.prefill], parts, what);
  }
});

test("moments in the wrong order give no time, and say so; the last digits may differ", () => {
  const late = phasesOf(perfRecord({ times: { first_scheduled_time: 1002 } }));
  assert.deepEqual([late.prefill, late.queue, late.isOutOfOrder, late.e2e], [null, 2, true, 3.25]);
  const digits = phasesOf(perfRecord({ times: { first_scheduled_time: 1000 - 5e-7 } }));
  assert.deepEqual([digits.queue, digits.isOutOfOrder], [0, false]);
});

test("what is missing is null, never 0", () => {
  const phases = phasesOf(perfRecord({ times: { first_scheduled_time: 0, first_token_time: null } }));
  assert.deepEqual(
    [phases.queue, phases.prefill, phases.decode, phases.ttft, phases.itl],
    [null, null, null, null, null],
  );
  assert.deepEqual([phases.e2e, phases.longest], [3.25, null]);
});

test("whatever moments come, no time is negative, and with a transfer inside the parts add up to the whole", () => {
  const moment = fc.integer({ min: 1, max: 1000 });
  fc.assert(
    fc.property(fc.array(moment, { minLength: 6, maxLength: 6 }), fc.boolean(), (moments, ordered) => {
      const at = ordered ? moments.toSorted((a, b) => a - b) : moments;
      const phases = phasesOf(
        perfRecord({
          times: {
            arrival_time: at[0],
            kv_cache_size: 1,
            kv_cache_transfer_start: at[1],
            first_scheduled_time: at[2],
            kv_cache_transfer_end: at[3],
            first_token_time: at[4],
            last_token_time: at[5],
          },
        }),
      );
      for (const phase of [...PHASES, "ttft", "e2e", "itl"] as const) assert.ok((phases[phase] ?? 0) >= 0, phase);
      if (!ordered) return;
      const sum = PHASES.reduce((total, phase) => total + (phases[phase] ?? 0), 0);
      assert.equal(sum, phases.e2e);
      assert.equal(phases.isOutOfOrder, false);
    }),
    { numRuns: 300 },
  );
});

test("histograms take what is known and nothing else", () => {
  const histograms = new PerfHistograms();
  const plain = perfRecord();
  const partial = perfRecord({
    times: { first_token_time: 0 },
    metrics: { speculative_decoding, kv_cache_metrics: { num_reused_blocks: 0, num_missed_blocks: 0 } },
  });
  histograms.observe(plain, phasesOf(plain));
  histograms.observe(partial, phasesOf(partial));
  const counts = Object.entries(histograms).map(([name, { counts: cells }]) => [
    name,
    (cells as Float64Array).reduce((sum, count) => sum + count, 0),
  ]);
  assert.deepEqual(Object.fromEntries(counts), {
    queue: 2,
    prefill: 1,
    ttft: 1,
    transfer: 0,
    itl: 1,
    decode: 1,
    e2e: 2,
    reuse: 1,
    acceptance: 1,
  });
  assert.equal(histograms.e2e.sum, 6.5);
  assert.deepEqual([reuseOf(plain), reuseOf(partial)], [0.75, null]);
});
