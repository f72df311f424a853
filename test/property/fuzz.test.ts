/**
 * The readers of what comes from outside, each under mutated inputs for a few seconds, another run each time; and every input
 * that was found to be worth keeping. `npm run fuzz` does the same for as long as one likes.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { corpusFolders, keptInputs } from "../fuzz/corpus.ts";
import { failureOf, fuzz } from "../fuzz/fuzzer.ts";
import { TARGETS } from "../fuzz/targets.ts";

const LIMIT = { timeout: 120_000 };
/** Over all targets. */
const TOTAL_MS = 45_000;
/** What the slowest target reads in a tenth of its time on a busy machine. */
const LEAST_INPUTS = 100;
const SEED = Number(process.env["KVCAST_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test("what was kept is read as it must be", LIMIT, async (t) => {
  for (const target of TARGETS) {
    for (const { name, bytes } of keptInputs(target.name)) {
      const failure = await failureOf(target, bytes);
      assert.equal(
        failure,
        null,
        `${target.name}/${name}: ${failure instanceof Error ? failure.stack : String(failure)}`,
      );
    }
    t.diagnostic(`${target.name}: ${keptInputs(target.name).length} inputs`);
  }
});

test("each folder of the corpus is that of a target, and each target has one", () => {
  assert.deepEqual(corpusFolders(), TARGETS.map(({ name }) => name).toSorted());
});

for (const target of TARGETS) {
  test(`${target.name}: no unknown error, no stall, the books balance`, LIMIT, async (t) => {
    t.diagnostic(`seed ${SEED}; again: npm run fuzz -- --target ${target.name} --seed ${SEED}`);
    const maxMs = TOTAL_MS / TARGETS.length;
    const { inputs, finding } = await fuzz(target, { seed: SEED, maxInputs: Infinity, maxMs });
    t.diagnostic(`${inputs} inputs`);
    assert.equal(
      finding,
      null,
      `seed ${SEED}: ${finding?.message}\n${finding?.input.length} bytes, kept in ${finding?.file}`,
    );
    assert.ok(inputs > LEAST_INPUTS, `only ${inputs} inputs were read`);
  });
}
