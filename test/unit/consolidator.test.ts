/** The consolidator's bounds, its order and what it hands out; rules that recorded cases do not touch. */
import assert from "node:assert/strict";
import test from "node:test";
import { Consolidator, ConsolidatorOptionsError } from "../../src/main/consolidate/consolidator.ts";
import { MAX_RANK } from "../../src/shared/record.ts";
import { TIER } from "../../src/shared/tier.ts";
import { blockStore, ConsolidatorRig } from "../support/consolidator-rig.ts";

test("a block too many is refused and counted, and fits when another is gone", () => {
  for (const identity of ["legacy", "lineage"] as const) {
    const rig = new ConsolidatorRig({ maxBlocks: 2, identity });
    const outcomes = [1, 2, 3].map((n) => rig.store({ hash: n, tokens: [n] }));
    assert.deepEqual(outcomes, ["published", "published", "refused"]);
    assert.equal(rig.remove(3), "unknown");
    rig.remove(1);
    assert.equal(rig.store({ hash: 3, tokens: [3] }), "published");
    assert.deepEqual([rig.consolidator.counters.refused, rig.consolidator.counters.blocks], [1, 2]);
  }
});

test("hashes for one and the same block are bounded too", () => {
  for (const compat of [true, false]) {
    const rig = new ConsolidatorRig({ maxBlocks: 2, compat });
    const outcomes = Array.from({ length: 9 }, (_, i) => rig.store({ hash: i, tokens: [1] }));
    assert.deepEqual(outcomes, ["published", ...Array.from({ length: 7 }, () => "known"), "refused"]);
    assert.equal(rig.consolidator.counters.mappings, 8);
  }
});

test("numbers out of range are refused and leave nothing behind", () => {
  const rig = new ConsolidatorRig();
  for (const more of [{ source: 3 }, { source: -1 }, { rank: MAX_RANK + 1 }, { rank: -1 }, { rank: Number.NaN }]) {
    assert.equal(rig.store({ hash: 1, tokens: [1], ...more }), "refused");
  }
  rig.consolidator.clear(3, 0);
  rig.consolidator.clear(0, MAX_RANK + 1);
  assert.equal(rig.remove(1, 3), "refused");
  assert.deepEqual([rig.consolidator.queued, rig.consolidator.counters.refused], [0, 8]);
  const sources = Array.from({ length: 33 }, () => "vllm" as const);
  const make = (): Consolidator =>
    new Consolidator({ mode: "dedup", identity: "legacy", compat: false, sources, maxBlocks: 1 });
  assert.throws(make, ConsolidatorOptionsError);
});

test("passing through keeps tier, parent, salt, multimodal hashes and rank", () => {
  const rig = new ConsolidatorRig({ mode: "passthrough" });
  const spec = { hash: 2n ** 64n - 1n, parent: 2n ** 63n, tokens: [1, 2, 3], blockSize: 4, lora: "l", salt: "s" };
  for (let i = 0; i < 2; i++) rig.store({ ...spec, mm: [7n, 2n ** 64n - 1n], tier: TIER.disk, rank: 3 });
  rig.remove(5, 1, TIER.external, 4);
  rig.consolidator.clear(1, null);
  const stored = { kind: "stored", rank: 3, tier: TIER.disk, mm: [7n, 2n ** 64n - 1n], ...spec };
  const none = { parent: null, tokens: [], blockSize: 0, lora: null, salt: null, mm: null, rank: 4 };
  const events = rig.drain();
  assert.deepEqual(events, [
    stored,
    stored,
    { ...none, kind: "removed", tier: TIER.external, hash: 5n },
    { ...none, kind: "cleared", tier: TIER.device, hash: null },
  ]);
});

test("an event that is not taken stays, is the same the next time, and comes before what was added since", () => {
  for (const identity of ["legacy", "lineage"] as const) {
    const rig = new ConsolidatorRig({ identity });
    for (let i = 0; i < 50; i++) rig.store({ hash: i + 1, tokens: Array.from({ length: 100 }, () => i) });
    const tokens: (number | undefined)[] = [];
    let added = 50;
    while (rig.consolidator.queued > 0) {
      let left = 7;
      rig.consolidator.drain((event) => {
        if (left-- === 0) return false;
        tokens.push(event.tokens[0]);
        return true;
      });
      for (let i = 0; i < 6 && added < 300; i++, added++) {
        rig.store({ hash: added + 1, tokens: Array.from({ length: 100 }, () => added) });
      }
    }
    assert.deepEqual(
      tokens,
      Array.from({ length: 300 }, (_, i) => i),
    );
    assert.equal(rig.consolidator.queuedBytes, 0);
    assert.ok(rig.consolidator.memoryBytes > 0);
  }
});

test("by lineage, parents are stored first and removed last; runs stay in order and nothing passes a clear", () => {
  const rig = new ConsolidatorRig({ identity: "lineage" });
  const chain = (first: number, source: number): void => {
    for (let i = 0; i < 3; i++)
      rig.store({ hash: first + i, parent: i === 0 ? null : first + i - 1, tokens: [first, i], source });
  };
  chain(10, 0);
  chain(20, 0);
  const positions = (): string => {
    const names = new Map<bigint | null, number>([[null, -1]]);
    return rig
      .drain()
      .map(({ kind, hash, parent }) => {
        if (kind === "stored") names.set(hash, (names.get(parent) ?? 0) + 1);
        return kind === "stored" ? `+${names.get(hash)}` : kind;
      })
      .join(" ");
  };
  assert.equal(positions(), "+0 +0 +1 +1 +2 +2");
  for (const hash of [10, 11, 12]) rig.remove(hash);
  const removed = rig.drain().map(({ hash }) => hash);
  chain(10, 0);
  assert.deepEqual(
    rig
      .drain()
      .map(({ hash }) => hash)
      .toReversed(),
    removed,
  );
  chain(30, 0);
  rig.consolidator.clear(0, 0);
  chain(30, 0);
  assert.equal(positions(), "+0 +1 +2 cleared +0 +1 +2");
});

test("a hash that another live block goes by downstream is not given to a second one", () => {
  const rig = new ConsolidatorRig();
  rig.store({ hash: 11, tokens: [1, 2] });
  assert.equal(rig.store({ hash: 11, tokens: [3, 4], source: 1 }), "withheld");
  assert.equal(rig.remove(11, 1), "unknown");
  assert.equal(rig.short(), "+11");
});

test("a block whose parent one source does not know is still the one that another source has under the same hash", () => {
  const rig = new ConsolidatorRig();
  rig.store({ hash: 12, parent: 11, tokens: [3, 4], source: 2, tier: TIER.hostPinned });
  rig.store({ hash: 11, tokens: [1, 2] });
  assert.equal(rig.store({ hash: 12, parent: 11, tokens: [3, 4] }), "known");
  assert.equal(rig.store({ hash: 12, parent: 11, tokens: [3, 4] }), "known");
  rig.remove(12, 2, TIER.hostPinned);
  rig.remove(12);
  assert.equal(rig.short(), "+12<11 +11 -12");
});

test("a clear of all ranks concerns those that the source ever named", () => {
  const rig = new ConsolidatorRig();
  rig.store({ hash: 1, tokens: [1], rank: 5 });
  rig.store({ hash: 1, tokens: [1], rank: 2, source: 1 });
  rig.remove(9, 0, TIER.device, 2);
  rig.consolidator.clear(0, null);
  assert.equal(rig.short(), "+1@5 +1@2 clear@5", "rank 2 is another's");
  rig.consolidator.clear(1, null);
  assert.equal(rig.short(), "clear@2");
});

test("by lineage, a tier that stores no tokens holds what an engine stored with them", () => {
  const rig = new ConsolidatorRig({ identity: "lineage" });
  rig.store({ hash: 1, tokens: [1, 2] });
  const [event] = rig.drain();
  assert.equal(event?.hash, 464_801_256_895_578n);
  const sequence = { position: 0, sequenceLo: 0, sequenceHi: 0, parentLo: 0, parentHi: 0 };
  const bare = blockStore({ hash: 0, tokens: [], source: 2, tier: TIER.hostPinned });
  assert.equal(rig.consolidator.createLineage(sequence, bare), "known");
  assert.equal(rig.consolidator.removeLineage(2, TIER.disk, 0, sequence), "unknown");
  assert.equal(rig.consolidator.removeLineage(2, TIER.hostPinned, 0, sequence), "known");
  assert.equal(rig.consolidator.counters.blocks, 1);
  assert.equal(new ConsolidatorRig().consolidator.createLineage(sequence, bare), "refused");
});

test("memory is used again: however many blocks come and go, room for those that are live is enough", () => {
  const rig = new ConsolidatorRig();
  const block = blockStore({ hash: 0, tokens: [0] });
  const churn = (count: number): number => {
    for (let i = 0; i < count; i++) {
      block.hashLo = i;
      block.tokens[1] = i;
      rig.consolidator.store(block);
      if (i >= 500) rig.consolidator.remove(0, TIER.device, 0, i - 500, 0);
      if (i % 1000 === 0) rig.consolidator.drain(() => true);
    }
    rig.consolidator.clear(0, 0);
    rig.consolidator.drain(() => true);
    return rig.consolidator.memoryBytes;
  };
  const before = churn(20_000);
  assert.ok(churn(100_000) < 1.2 * before);
  assert.equal(rig.consolidator.counters.blocks, 0);
});

test("a clear of everything, however much, is one event, and what comes then is stored anew", () => {
  for (const identity of ["legacy", "lineage"] as const) {
    const rig = new ConsolidatorRig({ identity, maxBlocks: 10_000 });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 5000; i++) assert.equal(rig.store({ hash: i, tokens: [i], salt: "s" }), "published");
      rig.consolidator.clear(0, 0);
      assert.deepEqual([rig.consolidator.counters.blocks, rig.consolidator.counters.mappings], [0, 0]);
      const events = rig.drain();
      assert.deepEqual([events.length, events.at(-1)?.kind], [5001, "cleared"]);
    }
    for (let i = 0; i < 5000; i++) rig.store({ hash: i, tokens: [i] });
    rig.store({ hash: 1, tokens: [1], rank: 1 });
    rig.drain();
    rig.consolidator.clear(0, 0);
    assert.equal(rig.consolidator.counters.blocks, 1, "another rank keeps what it has");
  }
});
