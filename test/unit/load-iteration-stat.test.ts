/** What is read of a row of the engine's statistics, and which rows are refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { FLAT_FIELDS, INFLIGHT_FIELDS, iterationStatOf } from "../../src/main/load/iteration-stat.ts";
import { INFLIGHT, row, stat, without } from "../support/load-rows.ts";

const ZEROS = {
  scheduledPrefillRequests: 0,
  scheduledPrefillTokens: 0,
  scheduledPrefillKvTokens: 0,
  scheduledDecodeRequests: 0,
  scheduledDecodeKvTokens: 0,
  queuedPrefillRequests: 0,
  queuedPrefillTokens: 0,
  queuedDecodeRequests: 0,
  queuedDecodeKvTokens: 0,
};

test("every figure of a forward pass comes from its own field", () => {
  const { figures, ...rest } = stat();
  assert.deepEqual([figures.usedBlocks, figures.contextRequests, figures.hitRate], [10, 3, null]);
  assert.deepEqual(rest, {
    rank: 0,
    usedBlocks: 10,
    maxBlocks: 100,
    iterationSeconds: 0.025,
    forwardPass: {
      scheduledPrefillRequests: 3,
      scheduledPrefillTokens: 1024,
      scheduledPrefillKvTokens: 256,
      scheduledDecodeRequests: 5,
      scheduledDecodeKvTokens: 9000,
      queuedPrefillRequests: 2,
      queuedPrefillTokens: 512,
      queuedDecodeRequests: 2,
      queuedDecodeKvTokens: 1200,
    },
    forwardPassComplete: true,
  });
});

test("paused sequences wait for decoding, and so do queued ones", () => {
  const paused = stat(
    {},
    { numPausedRequests: 4, numPausedKvTokens: 12_000, numQueuedGenRequests: 0, numQueuedGenKvTokens: 0 },
  );
  assert.deepEqual([paused.forwardPass.queuedDecodeRequests, paused.forwardPass.queuedDecodeKvTokens], [4, 12_000]);
  const queued = stat(
    {},
    { numPausedRequests: 0, numPausedKvTokens: 0, numQueuedGenRequests: 7, numQueuedGenKvTokens: 21_000 },
  );
  assert.deepEqual([queued.forwardPass.queuedDecodeRequests, queued.forwardPass.queuedDecodeKvTokens], [7, 21_000]);
});

test("a rank that is missing or null is rank 0", () => {
  assert.equal(iterationStatOf(without(row(), "attentionDpRank"))?.rank, 0);
  assert.equal(stat({ attentionDpRank: null }).rank, 0);
});

test("milliseconds become seconds, and nonsense 0", () => {
  assert.equal(stat({ iterLatencyMS: 1234.5 }).iterationSeconds, 1.2345);
  for (const iterLatencyMS of [null, "25", -1, {}]) assert.equal(stat({ iterLatencyMS }).iterationSeconds, 0);
});

test("a row with no more than a duration has only zeros, and is incomplete", () => {
  const { figures, ...rest } = iterationStatOf({ iterLatencyMS: 10, attentionDpRank: 0 }) ?? stat();
  assert.deepEqual(
    Object.entries(figures).filter(([, value]) => value !== null),
    [["iterationMs", 10]],
  );
  assert.deepEqual(rest, {
    rank: 0,
    usedBlocks: null,
    maxBlocks: null,
    iterationSeconds: 0.01,
    forwardPass: ZEROS,
    forwardPassComplete: false,
  });
});

for (const field of INFLIGHT_FIELDS) {
  test(`a forward pass without ${field} is incomplete`, () => {
    const lacking = stat({ inflightBatchingStats: without(INFLIGHT, field) });
    assert.equal(lacking.forwardPassComplete, false);
    for (const value of [null, "3", 1.5, -1, true, 2 ** 53]) {
      assert.equal(stat({}, { [field]: value }).forwardPassComplete, false, String(value));
    }
  });
}

test("forward-pass figures that are no object are incomplete, and the rest of the row counts", () => {
  for (const inflightBatchingStats of [undefined, null, [], "x", 7]) {
    const made = stat({ inflightBatchingStats });
    assert.deepEqual([made.forwardPassComplete, made.forwardPass, made.usedBlocks], [false, ZEROS, 10]);
  }
});

test("the flat fields of some releases are as good, and all nine are needed", () => {
  const flat = Object.fromEntries(FLAT_FIELDS.map((field, i) => [field, i + 1]));
  const made = stat({ inflightBatchingStats: { numContextRequests: 77 }, ...flat });
  assert.equal(made.forwardPassComplete, true);
  assert.deepEqual(Object.values(made.forwardPass), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (const field of FLAT_FIELDS) {
    const lacking = stat({ inflightBatchingStats: null, ...flat, [field]: null });
    assert.equal(lacking.forwardPassComplete, false, field);
  }
});

test("a row whose rank or cache figures are nonsense is refused", () => {
  for (const attentionDpRank of ["0", true, -1, 0.5, 1024, {}, []]) {
    assert.equal(iterationStatOf(row({ attentionDpRank })), null, JSON.stringify(attentionDpRank));
  }
  for (const usedNumBlocks of ["10", true, -1, 0.5, 2 ** 53, []]) {
    assert.equal(iterationStatOf(row({ kvCacheStats: { usedNumBlocks, maxNumBlocks: 100 } })), null);
    assert.equal(iterationStatOf(row({ kvCacheStats: { usedNumBlocks: 1, maxNumBlocks: usedNumBlocks } })), null);
  }
  for (const kvCacheStats of ["x", 7, []]) assert.equal(iterationStatOf(row({ kvCacheStats })), null);
  for (const value of [null, undefined, 7, "row", [], true]) assert.equal(iterationStatOf(value), null);
});

test("a row without cache figures says nothing about the cache", () => {
  for (const kvCacheStats of [null, undefined, {}]) assert.equal(stat({ kvCacheStats }).usedBlocks, null);
});

test("recorded rows are read", () => {
  const text = readFileSync(path.join(process.cwd(), "test/fixtures/trtllm/trtllm_iteration_stats.json"), "utf8");
  const rows: unknown[] = JSON.parse(text);
  const made = rows.map((one) => iterationStatOf(one));
  assert.deepEqual(
    made.map((one) => [one?.rank, one?.usedBlocks, one?.maxBlocks, one?.iterationSeconds, one?.forwardPassComplete]),
    [
      [0, 3, 101_256, 0.00700688362121582, false],
      [0, 11_144, 101_256, 0.0184, true],
    ],
  );
  assert.deepEqual(Object.values(made[1]?.forwardPass ?? {}), [2, 4096, 2048, 126, 190_322, 17, 70_211, 0, 0]);
});
