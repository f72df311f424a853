/** The bounds of the shadow index: blocks, memory, scans, texts, keys that were chosen by somebody. */
import assert from "node:assert/strict";
import test from "node:test";
import { CounterBlock } from "../../src/shared/counter-block.ts";
import { INDEX_CELLS } from "../../src/shared/index-cells.ts";
import { RECORD_WORD } from "../../src/shared/record.ts";
import { BlockIndex, type BlockIndexOptions } from "../../src/workers/block-index.ts";
import { setEngineBlocks } from "../../src/workers/engine-blocks.ts";
import { SnapshotRefusedError } from "../../src/workers/index-errors.ts";
import { KeyMix } from "../../src/shared/key-mix.ts";
import { assertSnapshot, drain, IndexModel, recordOf, storedSpecOf } from "../support/index-model.ts";
import type { EventSpec } from "../support/published.ts";
import { decodePayload } from "../support/wire.ts";

const BLOCK_SIZE = 2;
const PAYLOAD_BYTES = 96 * 1024;
const CLEARED: EventSpec = { type: "cleared" };

const indexOf = (more: Partial<BlockIndexOptions> = {}): BlockIndex =>
  new BlockIndex({ maxBlocks: 1000, kvBlockSizeTokens: BLOCK_SIZE, keepTokens: true, ...more });
const stored = (hashes: readonly bigint[], parent: bigint | null = null, more: object = {}): EventSpec =>
  storedSpecOf(hashes, parent, { blockSize: BLOCK_SIZE, ...more });
const salted = (n: number): EventSpec => stored([BigInt(n)], null, { salt: `${n}`.padEnd(10_000, "x") });
const apply = (index: BlockIndex, spec: EventSpec, rank: number = 0): void => index.apply(recordOf(spec, rank), 0);
const numbers = (first: number, count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(first + i));
const eventsOf = (payloads: readonly Uint8Array[]): unknown[] =>
  payloads.flatMap((payload) => decodePayload(payload)[1]);
const refusedFor = (reason: string) => (error: unknown) =>
  error instanceof SnapshotRefusedError && error.reason === reason;

test("blocks beyond the limit are refused and counted; a clear makes the rank complete again", () => {
  const index = indexOf({ maxBlocks: 3 });
  apply(index, stored(numbers(1, 2)), 0);
  apply(index, stored(numbers(1, 4)), 1);
  assert.deepEqual([index.blocks, index.blocksOfRank(1), index.refusedBlocks], [3, 1, 3]);
  assert.deepEqual([index.complete(0), index.complete(1), index.complete(2)], [true, false, true]);
  const scan = index.beginScan("vllm");
  assert.deepEqual(scan.ranks, [
    { rank: 0, blocks: 2, complete: true },
    { rank: 1, blocks: 1, complete: false },
  ]);
  scan.close();
  apply(index, CLEARED, 1);
  assert.deepEqual([index.complete(1), index.ranks(), index.blocks], [true, [0, 1], 2]);
});

test("the blocks of each engine are those of its ranks; one that is alone has all", () => {
  const index = indexOf();
  for (const [rank, count] of [3, 0, 1, 2, 4].entries()) if (count > 0) apply(index, stored(numbers(1, count)), rank);
  const counters = CounterBlock.allocate(INDEX_CELLS.size);
  const perEngine = (engines: number, ranksEach: number): number[] => {
    counters.begin();
    setEngineBlocks(counters, index, engines, ranksEach);
    counters.end();
    return Array.from({ length: 3 }, (_, i) => counters.read(INDEX_CELLS.engineBlocks + i));
  };
  assert.deepEqual(perEngine(3, 2), [3, 3, 4]);
  assert.deepEqual(perEngine(3, 1), [3, 0, 1]);
  assert.deepEqual(perEngine(1, 1), [10, 0, 1], "ranks beyond the size are its own too");
});

test("an index that began too late knows that it is incomplete, rank by rank", () => {
  const index = indexOf();
  index.markIncomplete();
  apply(index, stored([1n]), 2);
  assert.deepEqual([index.complete(0), index.complete(2)], [false, false]);
  apply(index, CLEARED, 2);
  assert.deepEqual([index.complete(0), index.complete(2)], [false, true]);
  index.markIncomplete(2);
  assert.equal(index.complete(2), false);
});

test("events that are not as they must be cost their rank its completeness and nothing else", () => {
  const index = indexOf();
  apply(index, stored([1n, 2n], null, { tokens: [7] }));
  assert.deepEqual([index.blocks, index.refusedBlocks, index.complete(0)], [0, 2, false]);
  apply(index, stored([3n]), 1024);
  assert.deepEqual([index.refusedBlocks, index.ranks()], [3, [0]]);
  apply(index, stored([3n], null, { salt: "s".repeat(300_000) }));
  assert.deepEqual([index.refusedBlocks, index.blocks], [4, 0]);
});

test("texts and multimodal lists are bounded together, and their room comes back", () => {
  const index = indexOf();
  for (let n = 1; n <= 200; n++) apply(index, salted(n));
  assert.ok(index.refusedBlocks > 0 && index.blocks > 10, `${index.blocks} blocks`);
  assert.ok(index.memoryBytes < 5 * 1024 * 1024, `${index.memoryBytes} bytes`);
  const room = index.blocks;
  apply(index, CLEARED);
  for (let n = 1001; n <= 1200; n++) apply(index, salted(n));
  assert.equal(index.blocks, room);
  for (let n = 1; n <= 200; n++) apply(index, stored([BigInt(n)], null, { salt: "the same".repeat(1000) }));
  assert.equal(index.blocks, room + 200);
});

test("an index that may keep neither tokens nor salts hands out hashes, names and images", () => {
  const index = indexOf({ keepTokens: false, keepSalts: false });
  const more = { salt: "of a tenant", loraName: "sql", mm: [[9n]] };
  apply(index, stored([1n], null, more));
  apply(index, stored([2n], null, { salt: "of a tenant" }));
  const payloads = drain(index.beginScan("vllm"), PAYLOAD_BYTES);
  assert.ok(!Buffer.concat(payloads).includes("of a tenant"));
  const named = eventsOf(payloads).map((event) => {
    const fields = event as Readonly<Record<string, unknown>>;
    return [fields["block_hashes"], fields["token_ids"], fields["lora_name"], "block_mm_infos" in fields];
  });
  assert.deepEqual(named, [
    [[1n], [], "sql", true],
    [[2n], [], null, false],
  ]);
  const open = indexOf({ keepTokens: false });
  apply(open, stored([1n], null, more));
  assert.ok(Buffer.concat(drain(open.beginScan("vllm"), PAYLOAD_BYTES)).includes("of a tenant"));
});

test("a chain becomes one event again, and payloads keep to their limit", () => {
  const index = indexOf({ maxBlocks: 10_000 });
  for (let n = 1; n <= 3000; n++) apply(index, stored([BigInt(n)], n === 1 ? null : BigInt(n - 1)));
  const model = new IndexModel(10_000);
  for (let n = 1; n <= 3000; n++) model.apply(stored([BigInt(n)], n === 1 ? null : BigInt(n - 1)), 0);
  for (const [limit, least, most] of [
    [PAYLOAD_BYTES, 1, 20],
    [2048, 20, 400],
  ] as const) {
    const payloads = drain(index.beginScan("vllm"), limit);
    for (const payload of payloads) assert.ok(payload.length <= limit, `${payload.length} bytes`);
    const events = eventsOf(payloads).length;
    // Each call ends its event when its time is over, so that there may be some more of them on a busy machine.
    assert.ok(events >= least && events <= 10 * most, `${events} events`);
    assertSnapshot(payloads, model.state(), "vllm", BLOCK_SIZE, true);
  }
});

test("a block larger than a payload may be has one for itself", () => {
  const index = indexOf();
  apply(index, stored([1n], null, { salt: "s".repeat(5000) }));
  apply(index, stored([2n]));
  const payloads = drain(index.beginScan("vllm"), 1000);
  assert.deepEqual(
    payloads.map((payload) => payload.length > 5000),
    [true, false],
  );
});

test("a long chain that came from its end is handed out from its root", () => {
  const count = 30_000;
  const index = indexOf({ maxBlocks: count });
  for (let n = count; n >= 1; n--) apply(index, stored([BigInt(n)], n === 1 ? null : BigInt(n - 1)));
  const hashes = eventsOf(drain(index.beginScan("vllm"), PAYLOAD_BYTES)).flatMap((event) =>
    (event as { block_hashes: bigint[] }).block_hashes.map(Number),
  );
  assert.deepEqual(
    hashes,
    numbers(1, count).map((n) => Number(n)),
  );
});

test("blocks that are their own ancestors are handed out, once each", () => {
  const index = indexOf();
  apply(index, stored([1n], 1n));
  apply(index, stored([2n], 4n));
  apply(index, stored([3n, 4n], 2n));
  apply(index, stored([5n], 4n));
  const scan = index.beginScan("vllm");
  const hashes = eventsOf(drain(scan, PAYLOAD_BYTES)).flatMap((event) =>
    (event as { block_hashes: bigint[] }).block_hashes.map(Number),
  );
  assert.deepEqual(
    hashes.toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5],
  );
  assert.equal(scan.next(1), null);
});

test("five scans may be open; one that is closed makes room", () => {
  const index = indexOf();
  const scans = [1, 2, 3, 4, 5].map(() => index.beginScan("vllm"));
  assert.throws(() => index.beginScan("vllm"), refusedFor("busy"));
  scans[1]?.close();
  scans[1]?.close();
  assert.equal(scans[1]?.next(1), null);
  index.beginScan("vllm").close();
});

test("the oldest scan is given up when too much changes, and memory stays where it was", () => {
  const count = 20_000;
  const index = indexOf({ maxBlocks: count });
  const fill = (first: number): void => {
    for (let n = 0; n < count; n += 100) apply(index, stored(numbers(first + n, 100)));
  };
  fill(1);
  const first = index.beginScan("vllm");
  for (let n = 0; n < 4000; n += 100) apply(index, { type: "removed", hashes: numbers(1 + n, 100) });
  assert.equal(index.deferredBlocks, 4000);
  const second = index.beginScan("vllm");
  for (let n = 4000; n < count; n += 100) apply(index, { type: "removed", hashes: numbers(1 + n, 100) });
  assert.throws(() => first.next(PAYLOAD_BYTES), refusedFor("overflow"));
  assert.throws(() => second.next(PAYLOAD_BYTES), refusedFor("overflow"));
  assert.deepEqual([index.overflownScans, index.blocks], [2, 0]);
  fill(100_001);
  const { memoryBytes } = index;
  for (let round = 2; round < 6; round++) {
    apply(index, CLEARED);
    fill(round * 100_001);
  }
  assert.deepEqual([index.deferredBlocks, index.memoryBytes, index.blocks], [0, memoryBytes, count]);
  first.close();
});

test("a scan that is closed lets go of what it kept", () => {
  const index = indexOf();
  apply(index, stored(numbers(1, 500)));
  const scan = index.beginScan("vllm");
  apply(index, CLEARED);
  assert.equal(index.deferredBlocks, 500);
  scan.close();
  assert.equal(index.deferredBlocks, 0);
});

test("a block takes less than 80 bytes, and 4 for each token", () => {
  const count = 100_000;
  for (const [keepTokens, limit] of [
    [false, 80],
    [true, 80 + 4 * 32],
  ] as const) {
    // One record, whose hashes change, so that hardly anything but the index is made meanwhile.
    const record = recordOf(storedSpecOf(numbers(0, 100), null, { blockSize: 32 }), 0);
    const before = process.memoryUsage().arrayBuffers;
    const index = new BlockIndex({ maxBlocks: count, kvBlockSizeTokens: 32, keepTokens });
    for (let n = 0; n < count; n += 100) {
      for (let i = 0; i < 100; i++) record[RECORD_WORD.header + 2 * i] = n + i;
      index.apply(record, 0);
    }
    assert.equal(index.blocks, count);
    const said = index.memoryBytes / count;
    const measured = (process.memoryUsage().arrayBuffers - before) / count;
    assert.ok(said > 48 && said <= limit, `${said} bytes a block`);
    assert.ok(measured <= limit, `${measured} bytes a block`);
  }
});

test("keys that were chosen to meet spread like any others", () => {
  const places = 8192;
  const half = 0x100;
  const sets: [string, (i: number) => [number, number, number]][] = [
    ["one after the other", (i) => [0, i, 0]],
    ["top bits of both halves", (i) => [0, (i & 63) << 26, (i >>> 6) << 26]],
    ["multiples of the table's size", (i) => [0, Math.imul(i, places), i >>> 19]],
    ["ranks", (i) => [i & 1023, 7, i >>> 10]],
    ["bytes that swap", (i) => [0, (i & (half - 1)) | ((i >>> 8) << 24), (i & (half - 1)) << 8]],
  ];
  const mix = new KeyMix();
  for (const [name, key] of sets) {
    const counts = new Uint8Array(places);
    for (let i = 0; i < 4096; i++) {
      const [rank, lo, hi] = key(i);
      const place = mix.place(rank, lo, hi, places - 1);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    const most = Math.max(...counts);
    assert.ok(most <= 24, `${name}: ${most} keys in one place`);
  }
});
