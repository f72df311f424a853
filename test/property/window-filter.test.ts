/** A filter that is restored from another's state goes on as that one would have, wherever in the stream it was cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { WindowFilter } from "../../src/main/normalise/window-filter.ts";

interface Step {
  readonly isCreated: boolean;
  readonly window: number;
  readonly group: number;
}

const step = fc.record<Step>({
  isCreated: fc.boolean(),
  window: fc.constantFrom(-1, 64, 128, 4096),
  group: fc.constantFrom(-1, 0, 1, 2),
});
const steps = fc.array(step, { minLength: 1, maxLength: 12 });

function run(filter: WindowFilter, list: readonly Step[]): (boolean | null)[] {
  return list.map(({ isCreated, window, group }) => {
    if (!isCreated) return filter.admits(window, group);
    filter.learn(window, group);
    return null;
  });
}

test("a restored window filter judges as the one whose state it has", () => {
  let differences = 0;
  const property = fc.property(steps, steps, (before, after) => {
    const first = new WindowFilter();
    run(first, before);
    const second = new WindowFilter();
    // Whatever it knew itself is gone.
    second.learn(1 << 20, 7);
    second.restore(structuredClone(first.state()));
    assert.deepEqual(second.state(), first.state());
    const expected = run(first, after);
    assert.deepEqual(run(second, after), expected);
    if (run(new WindowFilter(), after).join() !== expected.join()) differences++;
  });
  fc.assert(property, { numRuns: 2000 });
  assert.ok(differences > 100, "what was known before makes a difference");
});
