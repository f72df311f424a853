/** The salts of blocks: found as long as the block is held, and no memory for those that are not. */
import assert from "node:assert/strict";
import test from "node:test";
import { SaltTable } from "../../src/main/router-feed/salt-table.ts";
import { RouterIndex } from "../../src/main/router-index/router-index.ts";
import { TIER } from "../../src/shared/tier.ts";
import { columnsOf, halvesOf } from "../support/router-columns.ts";

test("what the index refused, gave up or lost in a slower tier is forgotten; what it has in any tier is not", () => {
  const index = new RouterIndex({ maxPairs: 500, onFull: "evict" });
  const salts = new SaltTable((owner, lo, hi) => index.has(owner, lo, hi));
  const owner = index.owner(1n, 0);
  const other = index.owner(2n, 0);
  for (let n = 1; n <= 20_000; n++) {
    const tier = n <= 100 ? TIER.hostPinned : TIER.device;
    index.store(owner, tier, columnsOf(null, [BigInt(n)], [BigInt(n)]));
    // The first copy is asked for all the while, so that it is not given up for blocks on the device.
    index.match(Int32Array.of(1), Int32Array.of(0), 1);
    const { lo, hi } = halvesOf([BigInt(n)]);
    salts.set(owner, lo[0] ?? 0, hi[0] ?? 0, `salt ${n}`);
    salts.set(owner, lo[0] ?? 0, hi[0] ?? 0, `salt of ${n}`);
    assert.ok(salts.entries <= 1024, `${salts.entries} entries`);
  }
  assert.equal(index.pairs, 500);
  const find = (n: number): string | null => salts.find(owner, n, 0);
  assert.equal(find(1), "salt of 1", "in host memory");
  assert.equal(find(20_000), "salt of 20000");
  assert.equal(find(101), null, "given up");
  assert.equal(find(2), null, "a copy that was given up");
  for (let n = 30_000; n < 32_000; n++) salts.set(other, n, 0, "of a block that was refused");
  assert.ok(salts.entries <= 1024 + 500, `${salts.entries} entries`);
  salts.clear(other);
  salts.set(owner, 20_000, 0, null);
  salts.set(owner, 20_000, 0, null);
  assert.equal(find(20_000), null);
  salts.clear(owner);
  assert.deepEqual([salts.entries, salts.isEmpty], [0, true]);
});

test("negative halves are the same block", () => {
  const held = new Set(["-1 -2"]);
  const salts = new SaltTable((_, lo, hi) => held.has(`${lo} ${hi}`));
  salts.set(0, -1, -2, "kept");
  for (let n = 0; n < 3000; n++) salts.set(0, n, 1, "not");
  assert.equal(salts.find(0, -1, -2), "kept");
  assert.ok(salts.entries < 1100);
});
