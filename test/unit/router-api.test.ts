/** The parts of the index's HTTP surface that need no server: JSON with 64-bit numbers, and the choice of a worker. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { bigJson, parseBigJson, u64Of } from "../../src/main/router-feed/big-json.ts";
import { type Candidate, choose, type ChoiceOptions } from "../../src/main/router-api/route-choice.ts";

test("64-bit numbers come through, wherever they stand, and texts stay what they are", () => {
  const text =
    '{"a":[18446744073709551615,-9223372036854775808, 12],"b":"1234567890123456789","c":{"d":9007199254740993}}';
  assert.deepEqual(parseBigJson(text), {
    a: ["18446744073709551615", "-9223372036854775808", 12],
    b: "1234567890123456789",
    c: { d: "9007199254740993" },
  });
  assert.deepEqual(parseBigJson('["a\\"1234567890123456789", 0.1234567890123456789, 1e5]'), [
    'a"1234567890123456789',
    0.123_456_789_012_345_68,
    100_000,
  ]);
  assert.throws(() => parseBigJson("{"), SyntaxError);
});

test("u64Of takes signed and unsigned numbers, and nothing else", () => {
  assert.equal(u64Of("18446744073709551615"), 2n ** 64n - 1n);
  assert.equal(u64Of("-1"), 2n ** 64n - 1n);
  assert.equal(u64Of(-1), 2n ** 64n - 1n);
  assert.equal(u64Of(7), 7n);
  for (const wrong of [1.5, 2 ** 60, "18446744073709551616", "-9223372036854775809", "1e3", "", " 1", null, {}, true]) {
    assert.equal(u64Of(wrong), null, JSON.stringify(wrong));
  }
});

test("what is written is read again", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.string(), fc.integer(), (wide, text, number) => {
      const read = parseBigJson(bigJson({ wide, text, list: [number, null, true, wide] })) as Record<string, unknown>;
      assert.equal(u64Of(read["wide"]), wide);
      assert.equal(read["text"], text);
      assert.deepEqual((read["list"] as unknown[]).slice(0, 3), [number, null, true]);
    }),
  );
});

test("a body that is made to be slow is not", () => {
  const hostile = `"${'\\"'.repeat(2_000_000)}`;
  const start = performance.now();
  assert.throws(() => parseBigJson(hostile), SyntaxError);
  assert.throws(() => parseBigJson(`{"a":1234567890123456,${hostile}`), SyntaxError);
  assert.ok(performance.now() - start < 2000);
});

const OPTIONS: ChoiceOptions = {
  requestBlocks: 10,
  overlapWeight: 1,
  temperature: 0,
  maxActiveBlocks: null,
  random: () => 0,
};

function candidate(
  worker: number,
  overlapBlocks: number,
  activeBlocks: number,
  activeRequests: number | null = null,
): Candidate {
  return { worker: BigInt(worker), rank: 0, overlapBlocks, activeBlocks, activeRequests };
}

test("the lowest cost wins: what must be computed, and what is under way", () => {
  const candidates = [candidate(1, 8, 7), candidate(2, 2, 0), candidate(3, 5, 1)];
  const { chosen, weighed } = choose(candidates, OPTIONS);
  assert.deepEqual(
    weighed.map(({ cost }) => cost),
    [9, 8, 6],
  );
  assert.equal(chosen?.worker, 3n);
  assert.equal(choose(candidates, { ...OPTIONS, overlapWeight: 10 }).chosen?.worker, 1n);
  assert.equal(choose(candidates, { ...OPTIONS, overlapWeight: 0 }).chosen?.worker, 2n);
});

test("of equal costs the one with fewer requests, then any", () => {
  const tied = [candidate(1, 5, 0, 3), candidate(2, 5, 0, 1), candidate(3, 5, 0, 1), candidate(4, 4, 0, 0)];
  const { weighed } = choose(tied, OPTIONS);
  assert.deepEqual(
    weighed.map(({ probability }) => probability),
    [0, 0.5, 0.5, 0],
  );
  assert.equal(choose(tied, { ...OPTIONS, random: () => 0.49 }).chosen?.worker, 2n);
  assert.equal(choose(tied, { ...OPTIONS, random: () => 0.51 }).chosen?.worker, 3n);
});

test("who is over the limit gets nothing; when all are, there is no choice", () => {
  const candidates = [candidate(1, 10, 50), candidate(2, 0, 20)];
  const { chosen, weighed } = choose(candidates, { ...OPTIONS, maxActiveBlocks: 30 });
  assert.equal(chosen?.worker, 2n);
  assert.deepEqual(
    weighed.map(({ isOverLimit }) => isOverLimit),
    [true, false],
  );
  assert.equal(choose(candidates, { ...OPTIONS, maxActiveBlocks: 10 }).chosen, null);
  assert.equal(choose([], OPTIONS).chosen, null);
});

test("a temperature draws: chances fall with the cost, add up to 1, and are those that are drawn", () => {
  const candidates = [candidate(1, 10, 0), candidate(2, 5, 0), candidate(3, 0, 0)];
  const { weighed } = choose(candidates, { ...OPTIONS, temperature: 0.5 });
  const chances = weighed.map(({ probability }) => probability);
  const weights = [1, Math.exp(-1), Math.exp(-2)];
  const sum = weights.reduce((a, b) => a + b);
  for (const [i, weight] of weights.entries()) assert.ok(Math.abs((chances[i] ?? 0) - weight / sum) < 1e-12);
  const drawn = [0, 0, 0];
  for (let i = 0; i < 1000; i++) {
    const { chosen } = choose(candidates, { ...OPTIONS, temperature: 0.5, random: () => (i + 0.5) / 1000 });
    const at = Number(chosen?.worker ?? 0n) - 1;
    drawn[at] = (drawn[at] ?? 0) + 1;
  }
  for (const [i, count] of drawn.entries()) assert.ok(Math.abs(count / 1000 - (chances[i] ?? 0)) < 0.01);
  const even = choose([candidate(1, 5, 0), candidate(2, 5, 0)], { ...OPTIONS, temperature: 1 });
  assert.deepEqual(
    even.weighed.map(({ probability }) => probability),
    [0.5, 0.5],
  );
});
