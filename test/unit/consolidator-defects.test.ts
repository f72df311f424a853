/** What Dynamo's consolidator gets wrong, one test each: how the compatible mode copies it, and what the default does. */
import assert from "node:assert/strict";
import test from "node:test";
import { TIER } from "../../src/shared/tier.ts";
import { ConsolidatorRig, type StoreSpec } from "../support/consolidator-rig.ts";

const ENGINE = 0;
const KVBM = 2;

/** Runs the same in both modes; `expected`: what goes out, compatible and by default. */
function both(run: (rig: ConsolidatorRig) => string, expected: readonly [compat: string, fixed: string]): void {
  const outOf = (compat: boolean): string => {
    const rig = new ConsolidatorRig({ compat });
    return run(rig);
  };
  assert.deepEqual([outOf(true), outOf(false)], expected);
}

const other = (more: Partial<StoreSpec>): StoreSpec => ({ hash: 12, tokens: [1, 2, 3, 4], ...more });

for (const [what, more] of [
  ["LoRA names", { lora: "b" }],
  ["salts", { salt: "b" }],
  ["multimodal hashes", { mm: [5n] }],
] as const) {
  test(`1: blocks that differ in their ${what} are not one`, () => {
    both(
      (rig) => {
        rig.store({ hash: 11, tokens: [1, 2, 3, 4] });
        rig.store(other(more));
        rig.remove(12);
        return rig.short();
      },
      ["+11 -11", "+11 +12 -12"],
    );
  });
}

test("2: the child of an unknown parent is no root, and does not meet one", () => {
  both(
    (rig) => {
      rig.store({ hash: 12, tokens: [5, 6] });
      rig.store({ hash: 13, tokens: [5, 6], parent: 11 });
      rig.store({ hash: 14, tokens: [7, 8], parent: 13 });
      return rig.short();
    },
    ["+12 +14<12", "+12 +13<11 +14<13"],
  );
});

test("2: by lineage such a child cannot be named, so it is withheld with all that follows it", () => {
  for (const [compat, out] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const rig = new ConsolidatorRig({ identity: "lineage", compat });
    rig.store({ hash: 13, tokens: [5, 6], parent: 11 });
    assert.equal(rig.drain().length, out);
  }
  const rig = new ConsolidatorRig({ identity: "lineage" });
  assert.equal(rig.store({ hash: 13, tokens: [5, 6], parent: 11 }), "withheld");
  assert.equal(rig.store({ hash: 14, tokens: [5, 6], parent: 13 }), "withheld");
  assert.equal(rig.remove(14), "unknown");
  const { orphans, withheld, blocks, mappings } = rig.consolidator.counters;
  assert.deepEqual([orphans, withheld, blocks, mappings], [2, 2, 0, 0]);
});

test("3: when an engine clears, others keep what they hold", () => {
  both(
    (rig) => {
      rig.store({ hash: 11, tokens: [1, 2] });
      rig.store({ hash: 12, tokens: [3, 4], parent: 11 });
      rig.store({ hash: 21, tokens: [1, 2], source: KVBM, tier: TIER.hostPinned });
      rig.consolidator.clear(ENGINE, 0);
      rig.remove(21, KVBM, TIER.hostPinned);
      return rig.short();
    },
    ["+11 +12<11 clear", "+11 +12<11 -12 -11"],
  );
});

test("4: ranks are kept apart", () => {
  both(
    (rig) => {
      rig.store({ hash: 11, tokens: [1, 2], rank: 1 });
      rig.store({ hash: 11, tokens: [1, 2], rank: 2 });
      rig.remove(11, ENGINE, TIER.device, 2);
      rig.consolidator.clear(ENGINE, 1);
      return rig.short();
    },
    ["+11 -11 clear", "+11@1 +11@2 -11@2 clear@1"],
  );
});

test("5: a block that leaves host memory is still on the disk", () => {
  both(
    (rig) => {
      rig.store({ hash: 21, tokens: [1, 2], source: KVBM, tier: TIER.hostPinned });
      rig.store({ hash: 21, tokens: [1, 2], source: KVBM, tier: TIER.disk });
      const outcomes = [TIER.hostPinned, TIER.disk].map((tier) => rig.remove(21, KVBM, tier));
      return `${outcomes.join(" ")} | ${rig.short()}`;
    },
    ["published unknown | +21 -21", "known published | +21 -21"],
  );
});

test("6: the cache salt goes out with the block", () => {
  both(
    (rig) => {
      rig.store({ hash: 11, tokens: [1, 2], salt: "s", mm: [9n] });
      const [event] = rig.drain();
      return `${event?.salt} ${event?.mm?.join()}`;
    },
    ["null undefined", "s 9"],
  );
});

test("7: a source may hold a block by two hashes", () => {
  both(
    (rig) => {
      rig.store({ hash: 11, tokens: [1, 2] });
      rig.store({ hash: 12, tokens: [1, 2] });
      const outcomes = [11, 12].map((hash) => rig.remove(hash));
      return `${outcomes.join(" ")} | ${rig.short()}`;
    },
    ["published unknown | +11 -11", "known published | +11 -11"],
  );
});

test("8: a hash that names other tokens from now on lets go of the old block", () => {
  both(
    (rig) => {
      rig.store({ hash: 11, tokens: [1, 2] });
      rig.store({ hash: 11, tokens: [3, 4] });
      rig.remove(11);
      return `${rig.short()} | ${rig.consolidator.counters.blocks}`;
    },
    ["+11 +11 -11 | 1", "+11 -11 +11 -11 | 0"],
  );
});

test("9: the last removal leaves no mapping behind, in both modes", () => {
  both(
    (rig) => {
      for (let i = 0; i < 100; i++) rig.store({ hash: 100 + i, tokens: [1, 2] });
      const { counters } = rig.consolidator;
      const before = counters.mappings;
      if (rig.remove(100) !== "published") for (let i = 1; i < 100; i++) rig.remove(100 + i);
      return `${before} ${counters.mappings} ${counters.blocks}`;
    },
    ["100 0 0", "100 0 0"],
  );
});

test("10: whoever takes the events out decides how many go at a time, and nothing is lost in between", () => {
  both(
    (rig) => {
      for (let i = 0; i < 10; i++) rig.store({ hash: i, tokens: [i] });
      const sizes: number[] = [];
      while (rig.consolidator.queued > 0) {
        let left = 4;
        sizes.push(rig.consolidator.drain(() => left-- > 0));
      }
      return sizes.join(" ");
    },
    ["4 4 2", "4 4 2"],
  );
});

test("11: what waits can be taken out at the end, all of it", () => {
  both(
    (rig) => {
      rig.store({ hash: 1, tokens: [1] });
      rig.consolidator.clear(ENGINE, 0);
      return `${rig.consolidator.queued} ${rig.short()} ${rig.consolidator.queued} ${rig.consolidator.queuedBytes}`;
    },
    ["2 +1 clear 0 0", "2 +1 clear 0 0"],
  );
});
