/** Whatever an engine answers as its records of requests: no throw, no hang, and what comes out is what it should be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { phasesOf } from "../../src/main/perf/perf-phases.ts";
import { perfEntry, scanPerf } from "../support/perf-rows.ts";

const RUNS = 500;
const nonsense = fc.oneof(
  fc.constantFrom(null, true, "", -1, 0, 1e308, [], {}, "1000", [{}], 0.5, 2 ** 53, -0),
  fc.jsonValue({ maxDepth: 3 }),
);
const FIELDS = ["arrival_time", "first_scheduled_time", "last_token_time", "kv_cache_size", "kv_cache_transfer_end"];

test("a field that holds anything makes a record or a fault, never both, never neither", () => {
  fc.assert(
    fc.property(fc.constantFrom(...FIELDS), nonsense, nonsense, nonsense, (field, time, metric, top) => {
      const entry = perfEntry({
        times: { [field]: time },
        metrics: { first_iter: metric, speculative_decoding: top },
        entry: { ctx_request_id: top },
      });
      const { records, faults, error } = scanPerf(JSON.stringify([entry]));
      assert.equal(error, null);
      assert.equal(records.length + faults.length, 1);
      for (const record of records) {
        const phases = phasesOf(record);
        for (const seconds of [phases.queue, phases.transfer, phases.prefill, phases.decode, phases.e2e, phases.itl]) {
          assert.ok(seconds === null || (seconds >= 0 && Number.isFinite(seconds)));
        }
      }
    }),
    { numRuns: RUNS },
  );
});

test("any value as an entry, in chunks of any size, reads the same", () => {
  fc.assert(
    fc.property(fc.array(nonsense, { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (entries, chunkBytes) => {
      const body = JSON.stringify([
        ...entries,
        perfEntry(),
        { gen_perf_metrics: perfEntry(), ctx_perf_metrics: entries[0] },
      ]);
      const whole = scanPerf(body);
      assert.equal(whole.error, null);
      assert.ok(whole.records.length >= 2);
      assert.deepEqual(scanPerf(body, chunkBytes), whole);
    }),
    { numRuns: RUNS },
  );
});

test("bytes that were changed or cut cost what stands behind them, and nothing throws", () => {
  const good = Buffer.from(JSON.stringify([perfEntry(), perfEntry(), perfEntry()]));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 5 }),
      fc.nat(good.length),
      (changes, length) => {
        const body = Buffer.from(good);
        for (const [at, byte] of changes) body[at] = byte;
        const { records, faults } = scanPerf(body.subarray(0, length));
        assert.ok(records.length + faults.length <= 3 + changes.length);
      },
    ),
    { numRuns: RUNS },
  );
});
