/** The newest events, read back from the ring: in order, bounded, whatever the publisher has done with them, and no token among them. */
import assert from "node:assert/strict";
import test from "node:test";
import { OversizeBuffer } from "../../src/main/pipeline/oversize-buffer.ts";
import { Batcher } from "../../src/main/pipeline/batcher.ts";
import { RecentRecords } from "../../src/main/pipeline/recent-records.ts";
import { RingMemory } from "../../src/shared/ring-memory.ts";
import { RingProducer } from "../../src/shared/ring.ts";
import { large, numbered } from "../support/pipeline-parts.ts";

const SLOTS = 8;

function makeRing(): { readonly batcher: Batcher; readonly recent: RecentRecords } {
  const memory = RingMemory.allocate({ slots: SLOTS, slotBytes: 4096 });
  const ring = new RingProducer(memory, 1);
  const batcher = new Batcher({ ring, oversize: new OversizeBuffer(), singleEvent: false, onCommit: () => {} });
  return { batcher, recent: new RecentRecords(memory) };
}

/** The upper half of the hash is what is shown. */
const hash = (number: number): number => number * 2 ** 32;

test("oldest first, since a position, at most so many", () => {
  const { batcher, recent } = makeRing();
  assert.deepEqual(recent.since(recent.oldest, 50), []);
  for (let i = 1; i <= 5; i++) assert.ok(batcher.add(numbered(hash(i), i % 2)));
  batcher.flush(true);
  const numbers = (position: number, max: number): (number | null)[] =>
    recent.since(position, max).map(({ hashHi }) => hashHi);
  // One batch a rank: 1, 3, 5 of rank 1, then 2 and 4 of rank 0.
  assert.deepEqual(numbers(recent.oldest, 50), [1, 3, 5, 2, 4]);
  assert.deepEqual(numbers(recent.oldest, 3), [5, 2, 4]);
  const position = recent.position;
  assert.deepEqual(numbers(position, 50), []);
  batcher.add(numbered(hash(6), 3));
  assert.deepEqual(numbers(position, 50), [], "what is not in a slot yet is not there");
  batcher.flush(true);
  assert.deepEqual(
    recent
      .since(position, 50)
      .map(({ kind, rank, blocks, tier, hashHi, sequence }) => ({ kind, rank, blocks, tier, hashHi, sequence })),
    [{ kind: "stored", rank: 3, blocks: 1, tier: 0, hashHi: 6, sequence: null }],
  );
  const [record] = recent.since(position, 50);
  assert.ok(Math.abs((record?.wallSeconds ?? 0) - Date.now() / 1000) < 60);
  assert.ok(!JSON.stringify(record).includes("token"));
});

test("an event that is larger than a slot is passed over; a ring that was full is read round", () => {
  const { batcher, recent } = makeRing();
  batcher.add(numbered(hash(1)));
  batcher.flush(true);
  assert.ok(batcher.add(large(hash(2), 400)));
  batcher.add(numbered(hash(3)));
  batcher.flush(true);
  assert.deepEqual(
    recent.since(recent.oldest, 50).map(({ hashHi }) => hashHi),
    [1, 3],
  );
  for (let i = 4; i < 4 + SLOTS; i++) {
    batcher.add(numbered(hash(i)));
    batcher.flush(true);
  }
  // Nobody takes anything out, so the ring has room for eight slots in all.
  assert.equal(recent.since(recent.oldest, 50).at(-1)?.hashHi, 8);
});
