/** Percentiles of ages: never better than the truth, and at most one part in 64 worse. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AgeHistogram } from "../../src/main/flood/age-histogram.ts";

test("percentiles are those of a sorted list, to one part in 64", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 2 ** 36, noNaN: true }), { minLength: 1, maxLength: 300 }),
      (ages) => {
        const histogram = new AgeHistogram();
        for (const age of ages) histogram.add(age, 1);
        const sorted = ages.map(Math.floor).toSorted((a, b) => a - b);
        const figures = histogram.figures();
        assert.ok(figures);
        for (const [share, shown] of [
          [0.5, figures.p50Micros],
          [0.99, figures.p99Micros],
        ] as const) {
          const truth = sorted[Math.ceil(share * sorted.length) - 1] ?? NaN;
          assert.ok(shown >= truth && shown <= truth * (1 + 1 / 64), `${share}: ${shown} for ${truth}`);
        }
        assert.equal(figures.maxMicros, sorted.at(-1));
      },
    ),
  );
});

test("events of one message count together; an age below zero counts as none; nothing seen is no figure", () => {
  const histogram = new AgeHistogram();
  assert.equal(histogram.figures(), null);
  histogram.add(10, 99);
  histogram.add(-5, 1);
  const figures = histogram.figures();
  assert.equal(figures?.events, 100);
  assert.equal(figures?.p50Micros, 10);
});
