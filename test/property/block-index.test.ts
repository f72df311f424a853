/** The shadow index against plain maps: random events of several ranks, and snapshots read while they go on. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { BlockIndex } from "../../src/workers/block-index.ts";
import type { SnapshotScan } from "../../src/workers/snapshot-scan.ts";
import type { WireFormat } from "../../src/shared/wire-format.ts";
import { assertSnapshot, drain, IndexModel, type ModelState, recordOf } from "../support/index-model.ts";
import type { EventSpec, StoredSpec } from "../support/published.ts";

const BLOCK_SIZE = 2;
const HASHES = 14;

type Step =
  | { readonly type: "event"; readonly rank: number; readonly spec: EventSpec }
  | { readonly type: "begin" }
  | { readonly type: "read"; readonly scan: number; readonly maxBytes: number }
  | { readonly type: "close"; readonly scan: number };

/** Few hashes, so that they meet again; 0, and halves with their highest bit set, are among them. */
const hash: fc.Arbitrary<bigint> = fc
  .nat({ max: HASHES })
  .map((n) => BigInt.asUintN(64, BigInt(n) * 0x9e37_79b9_7f4a_7c15n));
const text = fc.option(fc.constantFrom("", "a", "tenant-7", "ein längerer Text, der Wörter füllt"), { nil: null });

const stored: fc.Arbitrary<StoredSpec> = fc.array(hash, { minLength: 1, maxLength: 6 }).chain((hashes) =>
  fc.record({
    type: fc.constant("stored" as const),
    hashes: fc.constant(hashes),
    tokens: fc.array(fc.nat({ max: 0xffffffff }), {
      minLength: hashes.length * BLOCK_SIZE,
      maxLength: hashes.length * BLOCK_SIZE,
    }),
    parent: fc.option(hash, { nil: null }),
    loraName: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, text),
    loraId: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.constantFrom(1, 0xffffffff)),
    salt: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, text),
    mm: fc.option(
      fc.array(fc.option(fc.array(hash, { minLength: 1, maxLength: 3 }), { nil: null }), {
        minLength: hashes.length,
        maxLength: hashes.length,
      }),
      { nil: undefined },
    ),
  }),
);
const spec: fc.Arbitrary<EventSpec> = fc.oneof(
  { weight: 6, arbitrary: stored },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("removed" as const),
      hashes: fc.array(hash, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("cleared" as const) }) },
);
const scan = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("event" as const),
      rank: fc.constantFrom(0, 1, 1, 1023),
      spec,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("begin" as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant("read" as const), scan, maxBytes: fc.constantFrom(1, 600, 98_304) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("close" as const), scan }) },
);

interface OpenScan {
  readonly scan: SnapshotScan;
  readonly state: ModelState;
  readonly payloads: Uint8Array[];
}

function run(steps: readonly Step[], format: WireFormat, maxBlocks: number, keepTokens: boolean): void {
  const index = new BlockIndex({ maxBlocks, kvBlockSizeTokens: BLOCK_SIZE, keepTokens });
  const model = new IndexModel(maxBlocks);
  const open: OpenScan[] = [];
  const check = ({ payloads, state }: OpenScan): void => {
    assertSnapshot(payloads, state, format, BLOCK_SIZE, keepTokens);
  };
  for (const next of steps) {
    if (next.type === "event") {
      index.apply(recordOf(next.spec, next.rank), 0);
      model.apply(next.spec, next.rank);
    } else if (next.type === "begin") {
      if (open.length < 4) open.push({ scan: index.beginScan(format), state: model.state(), payloads: [] });
    } else {
      const at = next.scan % Math.max(1, open.length);
      const chosen = open[at];
      if (chosen === undefined) continue;
      const payload = next.type === "read" ? chosen.scan.next(next.maxBytes) : null;
      if (payload !== null) {
        if (payload.length > 0) chosen.payloads.push(payload);
        continue;
      }
      if (next.type === "read") check(chosen);
      chosen.scan.close();
      open.splice(at, 1);
    }
  }
  for (const rest of open) {
    rest.payloads.push(...drain(rest.scan, 600));
    check(rest);
  }
  assert.equal(index.blocks, model.blocks);
  assert.deepEqual(index.ranks(), model.ranks);
  for (const rank of model.ranks) {
    assert.equal(index.blocksOfRank(rank), model.blocksOfRank(rank));
    assert.equal(index.complete(rank), !model.incomplete.has(rank));
  }
  assert.deepEqual([index.refusedBlocks, index.unknownRemoved], [model.refused, model.unknownRemoved]);
  assertSnapshot(drain(index.beginScan(format), 98_304), model.state(), format, BLOCK_SIZE, keepTokens);
  for (const rank of model.ranks) index.apply(recordOf({ type: "cleared" }, rank), 0);
  assert.deepEqual([index.blocks, index.overflownScans], [0, 0]);
}

const RUNS = Number(process.env["RUNS"] ?? 250);

for (const format of ["vllm", "dynamo"] as const) {
  test(`${format}: whatever happens meanwhile, a snapshot is the state at which it began, parents first`, () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
        fc.constantFrom(6, 1000),
        fc.boolean(),
        (steps, maxBlocks, keepTokens) => run(steps, format, maxBlocks, keepTokens),
      ),
      { numRuns: RUNS },
    );
  });
}
