/** Clears of a rank that others share: they go in steps, and whatever comes meanwhile is right. */
import assert from "node:assert/strict";
import test from "node:test";
import { TIER } from "../../src/shared/tier.ts";
import { blockStore, ConsolidatorRig, type StoreSpec } from "../support/consolidator-rig.ts";

const HOST = 2;
const AT_ONCE = 10;

/** Source 0 holds blocks 0 … count - 1, and the host tier block 9999. */
function sharedRank(count: number, more: Partial<StoreSpec> = {}, maxBlocks: number = 100_000): ConsolidatorRig {
  const rig = new ConsolidatorRig({ clearedAtOnce: AT_ONCE, maxBlocks });
  for (let i = 0; i < count; i++) rig.store({ hash: i, tokens: [i], ...more });
  rig.store({ hash: 9999, tokens: [9999], source: HOST, tier: TIER.hostPinned });
  rig.drain();
  return rig;
}

const wordsOf = (rig: ConsolidatorRig): string[] => rig.short().split(" ").filter(Boolean);

test("no step takes out more than it is told, and the newest go first", () => {
  const { consolidator } = sharedRank(100);
  const sizes: number[] = [];
  const hashes: number[] = [];
  const drain = (): void => {
    sizes.push(consolidator.drain((event) => hashes.push(event.hashLo[0] as number) > 0));
  };
  consolidator.clear(0, 0);
  drain();
  while (consolidator.isSweeping) {
    consolidator.sweep(25);
    drain();
  }
  assert.deepEqual(sizes, [10, 25, 25, 25, 15]);
  assert.deepEqual(
    hashes,
    Array.from({ length: 100 }, (_, i) => 99 - i),
  );
  assert.deepEqual([consolidator.counters.blocks, consolidator.counters.mappings], [1, 1]);
});

test("the source has nothing from the clear on: what it removes is unknown, what it stores it holds anew", () => {
  const rig = sharedRank(100);
  rig.consolidator.clear(0, 0);
  assert.equal(wordsOf(rig).length, AT_ONCE);
  assert.equal(rig.remove(5), "unknown");
  assert.equal(rig.store({ hash: 6, tokens: [6] }), "known", "it is still live downstream, and stays so");
  assert.equal(rig.store({ hash: 95, tokens: [95] }), "published", "this one was taken out already");
  while (rig.consolidator.sweep(7)) continue;
  const words = wordsOf(rig);
  assert.ok(!words.includes("-6") && words.includes("-5") && words.includes("-7"));
  assert.equal(words[0], "+95");
  assert.deepEqual([rig.remove(6), rig.remove(95)], ["published", "published"]);
  assert.equal(rig.short(), "-6 -95");
});

test("a parent from before the clear is none: the child goes out as that of a block that is not known", () => {
  const rig = sharedRank(100);
  rig.consolidator.clear(0, 0);
  rig.drain();
  rig.store({ hash: 200, tokens: [200], parent: 3 });
  assert.equal(rig.consolidator.counters.orphans, 1);
  assert.equal(rig.short(), "+200<3");
});

test("a hash that names something else after the clear goes at once to what it names now", () => {
  const rig = sharedRank(100);
  rig.consolidator.clear(0, 0);
  rig.drain();
  assert.equal(rig.store({ hash: 4, tokens: [777] }), "published");
  assert.equal(rig.short(), "-4 +4");
  while (rig.consolidator.sweep(7)) continue;
  assert.ok(!wordsOf(rig).includes("-4"), "once");
  assert.equal(rig.remove(4), "published");
});

test("a block that another one holds stays, however the clear ends", () => {
  const rig = sharedRank(100);
  for (let i = 0; i < 100; i += 2) {
    rig.store({ hash: 1000 + i, tokens: [i], source: 1 });
  }
  rig.consolidator.clear(0, 0);
  while (rig.consolidator.sweep(7)) continue;
  assert.equal(wordsOf(rig).length, 50);
  assert.equal(rig.consolidator.counters.blocks, 51);
  assert.equal(rig.remove(1000, 1), "published");
  assert.equal(rig.short(), "-0", "by the hash under which it went out");
});

test("the last one to clear clears the rank, though the clear before is not through", () => {
  const rig = sharedRank(100);
  rig.consolidator.clear(0, 0);
  rig.consolidator.clear(HOST, 0);
  assert.equal(wordsOf(rig).at(-1), "clear");
  assert.equal(rig.consolidator.counters.blocks, 0);
  rig.store({ hash: 1, tokens: [1] });
  assert.equal(rig.consolidator.sweep(1000), false);
  assert.equal(rig.short(), "+1");
});

test("clears on top of each other, in two ranks, end with what was stored since", () => {
  const rig = sharedRank(100);
  for (const rank of [0, 1]) rig.store({ hash: 9998, tokens: [9998], source: 1, rank });
  for (let round = 0; round < 5; round++) {
    for (const rank of [0, 1]) {
      for (let i = 0; i < 40; i++) rig.store({ hash: 40 * round + i, tokens: [40 * round + i], rank });
      rig.consolidator.clear(0, rank);
    }
  }
  rig.store({ hash: 3, tokens: [3], rank: 1 });
  while (rig.consolidator.sweep(1)) continue;
  rig.drain();
  assert.deepEqual([rig.consolidator.counters.blocks, rig.consolidator.counters.mappings], [4, 4]);
});

test("what was cleared takes no room from what is stored", () => {
  const rig = sharedRank(99, {}, 100);
  assert.equal(rig.store({ hash: 500, tokens: [500] }), "refused");
  rig.consolidator.clear(0, 0);
  for (let i = 0; i < 99; i++) assert.equal(rig.store({ hash: 600 + i, tokens: [600 + i] }), "published");
  assert.equal(rig.store({ hash: 500, tokens: [500] }), "refused");
});

test("with lineage too, a tier that stores no tokens among them", () => {
  const rig = new ConsolidatorRig({ identity: "lineage", clearedAtOnce: 0 });
  rig.store({ hash: 1, tokens: [1, 2] });
  rig.store({ hash: 2, parent: 1, tokens: [3, 4] });
  const place = { position: 0, sequenceLo: 7, sequenceHi: 7, parentLo: 0, parentHi: 0 };
  const bare = blockStore({ hash: 0, tokens: [], source: HOST, tier: TIER.hostPinned });
  rig.consolidator.createLineage(place, bare);
  rig.drain();
  rig.consolidator.clear(HOST, 0);
  assert.equal(rig.consolidator.removeLineage(HOST, TIER.hostPinned, 0, place), "unknown");
  rig.consolidator.createLineage(place, bare);
  rig.consolidator.clear(0, 0);
  assert.equal(rig.store({ hash: 2, parent: 1, tokens: [3, 4] }), "withheld", "its parent is gone");
  assert.equal(rig.store({ hash: 1, tokens: [1, 2] }), "known");
  while (rig.consolidator.sweep(1)) continue;
  assert.deepEqual([rig.drain().length, rig.consolidator.counters.blocks], [1, 2]);
});
