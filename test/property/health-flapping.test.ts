/** However results come, a verdict turns bad no more often than is promised. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Condition, FINE, type Finding } from "../../src/main/health/check.ts";
import { Watched } from "../../src/main/health/watched.ts";

const RESULTS = ["pass", "fail", "proof"] as const;

const patience = fc.record({
  failures: fc.integer({ min: 1, max: 5 }),
  passes: fc.integer({ min: 1, max: 5 }),
  holdMs: fc.integer({ min: 0, max: 5000 }),
});

function isBad({ ok }: Watched): boolean {
  return ok === false;
}

test("results that are so far apart turn it bad at most once in max(hold, failures × distance)", () => {
  const everyMs = fc.integer({ min: 1, max: 2000 });
  // Failures mostly, and whatever is best for flapping between them.
  const results = fc.array(fc.constantFrom("fail", "fail", "fail", ...RESULTS), { minLength: 50, maxLength: 300 });
  fc.assert(
    fc.property(patience, everyMs, results, (limits, distanceMs, sequence) => {
      let nowMs = 0;
      const one = new Watched(limits, () => nowMs);
      const turns: number[] = [];
      for (const result of sequence) {
        const wasBad = isBad(one);
        // Proof may come at any time between two probes.
        nowMs += result === "proof" ? 0 : distanceMs;
        one[result]();
        if (!wasBad && isBad(one)) turns.push(nowMs);
      }
      const shortest = Math.max(limits.holdMs, limits.failures * distanceMs);
      for (const [i, turn] of turns.entries()) {
        const before = turns[i - 1];
        if (before !== undefined) assert.ok(turn - before >= shortest, `${turn - before} ms, promised ${shortest} ms`);
      }
    }),
    { numRuns: 300 },
  );
});

test("a condition that anyone may look at, as often as they like, changes no more often than its hold", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.array(fc.record({ bad: fc.boolean(), afterMs: fc.integer({ min: 0, max: 3000 }) }), { maxLength: 300 }),
      (holdMs, looks) => {
        let nowMs = 0;
        let bad = false;
        const condition = new Condition({
          name: "events_flow",
          target: null,
          severity: "warning",
          patience: { failures: 1, passes: 1, holdMs },
          now: () => nowMs,
          examine: (): Finding => (bad ? { ok: false, reason: "r", fix: "f" } : FINE),
        });
        let turnedMs = -Infinity;
        let ok = condition.look().ok;
        for (const look of looks) {
          nowMs += look.afterMs;
          ({ bad } = look);
          const now = condition.look().ok;
          if (ok === true && now === false) {
            assert.ok(nowMs - turnedMs >= holdMs);
            turnedMs = nowMs;
          }
          // What is bad is said at once.
          if (bad) assert.equal(now, false);
          ok = now;
        }
      },
    ),
    { numRuns: 200 },
  );
});
