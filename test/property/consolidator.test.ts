/**
 * The consolidator against a plain model, with anything from anybody; and what every stream of it keeps, with sources that do
 * not contradict themselves: no live block is stored, none that is not live is removed, a parent goes out before its children.
 */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import type { ConsolidateMode, Identity, SourceKind } from "../../src/main/consolidate/consolidator.ts";
import { TIER, type Tier } from "../../src/shared/tier.ts";
import { CompatModel, DefaultModel, type ConsolidatorModel } from "../support/consolidator-model.ts";
import { blockStore, ConsolidatorRig, type StoreSpec } from "../support/consolidator-rig.ts";

const KINDS: readonly SourceKind[] = ["trtllm", "vllm", "kvbm", "trtllm"];
const source = fc.nat({ max: KINDS.length - 1 });
const tier = fc.constantFrom<Tier>(TIER.device, TIER.disk);
const rank = fc.nat({ max: 1 });
const hash = fc.nat({ max: 4 });
const rarely = <T>(value: T): (T | null)[] => [null, null, null, null, null, null, value];

type Op =
  | { readonly op: "store"; readonly spec: StoreSpec }
  | {
      readonly op: "remove";
      readonly hash: number;
      readonly source: number;
      readonly tier: Tier;
      readonly rank: number;
    }
  | { readonly op: "clear"; readonly source: number; readonly rank: number };

const store = fc.record({
  hash,
  source,
  tier,
  rank,
  tokens: fc.constantFrom([0], [1], [0, 1]),
  parent: fc.constantFrom(...rarely(1), 0, 2, 3, 4),
  lora: fc.constantFrom(...rarely("a")),
  salt: fc.constantFrom(...rarely("a"), ""),
  mm: fc.constantFrom(...rarely([1n, 1n << 40n]), [1n << 40n, 1n]),
});
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: store.map((spec): Op => ({ op: "store", spec })) },
  { weight: 8, arbitrary: fc.record({ op: fc.constant("remove" as const), hash, source, tier, rank }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("clear" as const), source, rank }) },
);

function againstModel(compat: boolean, makeModel: () => ConsolidatorModel): void {
  const seen = { published: 0, known: 0, unknown: 0, withheld: 0, refused: 0 } as Record<string, number>;
  const property = fc.property(fc.array(op, { maxLength: 80, size: "max" }), (ops) => {
    const rig = new ConsolidatorRig({ compat, sources: KINDS, maxBlocks: 1000 });
    const model = makeModel();
    for (const one of ops) {
      if (one.op === "clear") {
        rig.consolidator.clear(one.source, one.rank);
        model.clear(one.source, one.rank);
      } else if (one.op === "store") {
        const outcome = rig.store(one.spec);
        assert.equal(outcome, model.store(one.spec));
        seen[outcome] = (seen[outcome] ?? 0) + 1;
      } else {
        const outcome = rig.remove(one.hash, one.source, one.tier, one.rank);
        assert.equal(outcome, model.remove(one.hash, one.source, one.tier, one.rank));
        seen[outcome] = (seen[outcome] ?? 0) + 1;
      }
      assert.equal(rig.consolidator.counters.blocks, model.blocks);
    }
    assert.equal(rig.short(), model.events.join(" "));
    assert.equal(
      rig.consolidator.drain(() => assert.fail("a second drain finds nothing")),
      0,
    );
  });
  fc.assert(property, { numRuns: 1500 });
  assert.ok(["published", "known", "unknown"].every((outcome) => (seen[outcome] ?? 0) > 1000));
  assert.equal((seen["withheld"] ?? 0) > 1000, !compat);
}

test("compatible, by engines' hashes: outcomes and events are those of the model", () =>
  againstModel(true, () => new CompatModel(KINDS)));
test("by default, by engines' hashes: outcomes and events are those of the model", () =>
  againstModel(false, () => new DefaultModel()));

/** A chain of up to eight blocks of one token, from its root to `block`; or one of these blocks. */
type ChainOp = readonly [
  "store" | "remove" | "clear" | "drain",
  block: number,
  source: number,
  tier: Tier,
  rank: number,
];
const chainOp: fc.Arbitrary<ChainOp> = fc.tuple(
  fc.constantFrom("store", "store", "remove", "remove", "remove", "remove", "remove", "clear", "drain"),
  fc.nat({ max: 7 }),
  source,
  tier,
  rank,
);

/** What a reader of the stream believes, who fails when it contradicts itself. */
class Downstream {
  readonly live: Set<string> = new Set();
  stores: number = 0;
  removes: number = 0;
  readonly #rig: ConsolidatorRig;
  readonly #emitted: Set<string> = new Set();

  constructor(rig: ConsolidatorRig) {
    this.#rig = rig;
  }

  drain(): void {
    const { live } = this;
    for (const event of this.#rig.drain()) {
      const name = `${event.rank}/${event.hash}`;
      if (event.kind === "cleared") {
        for (const one of live) if (one.startsWith(`${event.rank}/`)) live.delete(one);
      } else if (event.kind === "removed") {
        assert.ok(live.delete(name), `${name} is removed but is not live`);
        this.removes++;
      } else {
        assert.ok(!live.has(name), `${name} is stored but is live`);
        if (event.parent !== null)
          assert.ok(this.#emitted.has(`${event.rank}/${event.parent}`), "the parent went out before");
        live.add(name);
        this.#emitted.add(name);
        this.stores++;
      }
    }
    assert.deepEqual(this.#rig.drain(), []);
  }
}

function apply(rig: ConsolidatorRig, [what, last, from, where, r]: ChainOp): void {
  if (what === "clear") rig.consolidator.clear(from, r);
  else if (what === "remove") rig.remove(last + 1, from, where, r);
  else if (what === "store") {
    // As an engine does: no child without its parent.
    for (let i = 0; i <= last; i++) {
      rig.store({ hash: i + 1, parent: i === 0 ? null : i, tokens: [i], source: from, tier: where, rank: r });
    }
  }
}

/** `clearedAtOnce`: the rest of a clear waits for the next drain, and then goes hold by hold. */
function keepsPromises(identity: Identity, compat: boolean, clearedAtOnce: number): void {
  let stores = 0;
  let removes = 0;
  const property = fc.property(fc.array(chainOp, { maxLength: 60, size: "max" }), (ops) => {
    const rig = new ConsolidatorRig({ identity, compat, sources: KINDS, clearedAtOnce });
    const atOnce = new ConsolidatorRig({ identity, compat, sources: KINDS });
    const reader = new Downstream(rig);
    const other = new Downstream(atOnce);
    for (const one of ops) {
      apply(rig, one);
      apply(atOnce, one);
      if (one[0] !== "drain") continue;
      rig.consolidator.sweep(1);
      reader.drain();
    }
    while (rig.consolidator.sweep(1)) continue;
    reader.drain();
    other.drain();
    assert.ok(!rig.consolidator.isSweeping && !atOnce.consolidator.isSweeping);
    assert.equal(reader.live.size, rig.consolidator.counters.blocks, "what is live downstream is what is live here");
    assert.deepEqual(reader.live, other.live, "and it does not matter how fast a clear goes");
    assert.equal(rig.consolidator.counters.mappings, atOnce.consolidator.counters.mappings);
    stores += reader.stores;
    removes += reader.removes;
  });
  fc.assert(property, { numRuns: 600 });
  assert.ok(stores > 1000 && removes > 200, `${stores} stores and ${removes} removes are enough to mean something`);
}

for (const identity of ["legacy", "lineage"] as const) {
  for (const compat of [false, true]) {
    test(`${identity}${compat ? ", compatible" : ""}: a stream never contradicts itself`, () =>
      keepsPromises(identity, compat, 1000));
  }
  test(`${identity}: nor while clears go step by step`, () => keepsPromises(identity, false, 0));
}

test("passing through: what goes out is what came in, and a second drain finds nothing", () => {
  const mode: ConsolidateMode = "passthrough";
  const property = fc.property(fc.array(op, { maxLength: 60, size: "max" }), (ops) => {
    const rig = new ConsolidatorRig({ mode, sources: KINDS });
    for (const one of ops) {
      if (one.op === "store") rig.consolidator.store(blockStore(one.spec));
      else if (one.op === "remove") rig.remove(one.hash, one.source, one.tier, one.rank);
      else rig.consolidator.clear(one.source, one.rank);
    }
    const events = rig.drain();
    assert.equal(events.length, ops.length);
    for (const [i, one] of ops.entries()) {
      const event = events[i];
      assert.equal(event?.kind, { store: "stored", remove: "removed", clear: "cleared" }[one.op]);
      if (one.op === "store") {
        const { parent, tokens, salt, mm, tier: where, rank: r } = one.spec;
        assert.deepEqual(
          [event?.tokens, event?.salt, event?.mm, event?.tier, event?.rank],
          [tokens, salt, mm, where, r],
        );
        assert.equal(event?.parent, parent === null || parent === undefined ? null : BigInt(parent));
      }
    }
    assert.equal(rig.consolidator.queued, 0);
  });
  fc.assert(property, { numRuns: 200 });
});
