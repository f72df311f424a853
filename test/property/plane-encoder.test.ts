/** Messages for the event plane against a model of plain objects, for random slots; and gate and table against maps. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { PlaneEncoder } from "../../src/workers/plane-encoder.ts";
import { PlaneGate } from "../../src/workers/plane-gate.ts";
import { RefCounts } from "../../src/workers/ref-counts.ts";
import { encodePlane, type Encoded, plain, type RankedEvent, readEntries, slotOf } from "../support/plane.ts";
import { ModelGate, modelMessages, routerEvent, WORKER_ID } from "../support/plane-model.ts";
import { eventSpec, type EventSpec, storedSpec } from "../support/published.ts";

const BLOCK_SIZE = 3;
const RUNS = Number(process.env["RUNS"] ?? 300);

/** Few hashes, so that chains, repetitions and removals of what is there come about. */
const near = fc.bigInt({ min: 1n, max: 12n });
const nearStored = fc
  .tuple(storedSpec, fc.array(near, { minLength: 1, maxLength: 4 }), fc.option(near))
  .map(([spec, hashes, parent]): EventSpec => ({
    ...spec,
    hashes,
    parent,
    mm: undefined,
    tokens: Array.from({ length: BLOCK_SIZE * hashes.length }, (_, i) => i * 1000 + spec.tokens.length),
  }));
const nearRemoved = fc
  .array(near, { minLength: 1, maxLength: 4 })
  .map((hashes): EventSpec => ({ type: "removed", hashes }));
const spec = fc.oneof(
  { weight: 4, arbitrary: nearStored },
  { weight: 4, arbitrary: nearRemoved },
  { weight: 2, arbitrary: eventSpec },
);
const rank = fc.oneof(fc.constant(0), fc.nat({ max: 2 }), fc.constant(1023));
const slotEvents = fc.array(fc.record({ spec, rank }), { maxLength: 40 });

/** What must come out, ranks in the order in which they first appear. */
function expected(events: readonly RankedEvent[]): unknown[] {
  const ranks = [...new Set(events.map((event) => event.rank))];
  return ranks.flatMap((each) => {
    const specs = events.filter((event) => event.rank === each).map((event) => event.spec);
    return modelMessages(specs, BLOCK_SIZE).map((message) => ({
      rank: each,
      events: message.map((event, i) => plain(routerEvent(event, BigInt(i + 1), each))),
      of: ["stored", "removed", "cleared"].map(
        (type) => message.flatMap((event) => event.of).filter((of) => of === type).length,
      ),
    }));
  });
}

function found({ entries }: Pick<Encoded, "entries">): unknown[] {
  return entries.map((entry) => ({
    rank: entry.rank,
    events: entry.events.map(plain),
    of: [entry.stored, entry.removed, entry.cleared],
  }));
}

test("a random slot decodes to what the model says, within its bound", () => {
  const encoder = new PlaneEncoder(WORKER_ID, BLOCK_SIZE);
  fc.assert(
    fc.property(slotEvents, (events) => {
      const slot = slotOf(events);
      const encoded = encodePlane(encoder, slot);
      assert.deepEqual(found(encoded), expected(events));
      assert.ok(encoded.planeBytes <= slot.bound, `${encoded.planeBytes} bytes, bounded by ${slot.bound}`);
    }),
    { numRuns: RUNS },
  );
});

function removedHashes(specs: readonly (EventSpec | null)[]): number {
  return specs.reduce((sum, each) => sum + (each?.type === "removed" ? each.hashes.length : 0), 0);
}

test("what the gate holds back is in no message; without it nothing changes", () => {
  const encoder = new PlaneEncoder(WORKER_ID, BLOCK_SIZE);
  fc.assert(
    fc.property(fc.array(slotEvents, { maxLength: 4 }), (slots) => {
      const gate = new PlaneGate(BLOCK_SIZE);
      const model = new ModelGate();
      for (const events of slots) {
        const { slot } = slotOf(events);
        const admitted = events.map((event) => model.admit(event.spec, event.rank, BLOCK_SIZE));
        const left = events.flatMap((event, i) => {
          const admittedSpec = admitted[i] ?? null;
          return admittedSpec === null ? [] : [{ spec: admittedSpec, rank: event.rank }];
        });
        const withheld = gate.admit(slot);
        const offered = events.map((event) => event.spec);
        assert.equal(withheld?.size ?? 0, removedHashes(offered) - removedHashes(admitted));
        if (withheld === null) continue;
        const { space, result } = encoder.encodeApart(slot, withheld);
        assert.deepEqual(found({ entries: readEntries(space, result.entries) }), expected(left));
        assert.equal(result.withheldEvents, events.length - left.length);
      }
    }),
    { numRuns: RUNS },
  );
});

test("reference counts are those of a map, through growth, erasure, clears and worn-out generations", () => {
  const step = fc.record({
    op: fc.constantFrom("add", "add", "add", "remove", "remove"),
    rank: fc.nat({ max: 2 }),
    from: fc.nat({ max: 3000 }),
    count: fc.nat({ max: 3000 }),
  });
  const clear = fc.record({
    op: fc.constant("clear"),
    rank: fc.nat({ max: 2 }),
    times: fc.constantFrom(1, 4095, 4096),
  });
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 8, arbitrary: step }, { weight: 1, arbitrary: clear }), { maxLength: 20 }),
      (steps) => {
        const counts = new RefCounts(1 << 20);
        const model = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()];
        for (const each of steps) {
          const known = model[each.rank] ?? new Map<number, number>();
          if ("times" in each) {
            for (let i = 0; i < each.times; i++) {
              // A rank without hashes wears out nothing.
              counts.add(each.rank, 1, 1);
              counts.clear(each.rank);
            }
            known.clear();
            continue;
          }
          for (let key = each.from; key < each.from + each.count; key++) {
            const lo = Math.imul(key, 0x9e3779b1) >>> 0;
            if (each.op === "add") {
              counts.add(each.rank, lo, key);
              known.set(key, (known.get(key) ?? 0) + 1);
            } else {
              const left = (known.get(key) ?? 0) - 1;
              assert.equal(counts.remove(each.rank, lo, key), left);
              if (left > 0) known.set(key, left);
              else known.delete(key);
            }
          }
        }
        assert.equal(
          counts.hashes,
          model.reduce((sum, known) => sum + known.size, 0),
        );
      },
    ),
    { numRuns: Math.ceil(RUNS / 10) },
  );
});
