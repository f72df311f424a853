/** The saved index: what comes back, and that nothing else than what was saved ever does. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { RECORD_WORD } from "../../src/shared/record.ts";
import { BlockIndex, type BlockIndexOptions } from "../../src/workers/block-index.ts";
import { encodeChunk, encodeHeader, type IndexFileHeader, type IndexFileInfo } from "../../src/workers/index-file.ts";
import { IndexFileError, SnapshotRefusedError } from "../../src/workers/index-errors.ts";
import { IndexSave, saveIndex } from "../../src/workers/index-save.ts";
import { type IndexOwner, loadIndex } from "../../src/workers/index-store.ts";
import { assertSnapshot, drain, IndexModel, recordOf, storedSpecOf } from "../support/index-model.ts";
import type { EventSpec } from "../support/published.ts";
import { followed, NO_WINDOW } from "../support/saved-ranks.ts";

const BLOCK_SIZE = 2;
const OPTIONS: BlockIndexOptions = { maxBlocks: 1000, kvBlockSizeTokens: BLOCK_SIZE, keepTokens: true };
const INFO: IndexFileInfo = {
  epoch: "0f8fad5b-d9cb-469f-a165-70867728950e",
  startedSeconds: 1_700_000_000.25,
  nextSequence: 1_700_000_000_000_123,
  clean: true,
  engine: "engine-a",
  wireFormat: "dynamo",
  followed: new Map([
    [0, followed(41)],
    [7, followed(2 ** 40, { windowSize: 4096, layerGroup: 0, adopted: true, learning: false, replaceNext: true })],
  ]),
};
const OWNER: IndexOwner = { engine: "engine-a", wireFormat: "dynamo" };
const EVENTS: readonly (readonly [rank: number, spec: EventSpec])[] = [
  [0, storedSpecOf([1n, 2n, 2n ** 63n], null, { blockSize: BLOCK_SIZE, mm: [null, [9n, 2n ** 64n - 1n], null] })],
  [3, storedSpecOf([1n, 5n], 77n, { blockSize: BLOCK_SIZE, salt: "tenant-7", loraName: "sql", loraId: 4 })],
  [0, storedSpecOf([10n], 2n, { blockSize: BLOCK_SIZE, mm: [null] })],
  [0, storedSpecOf([11n], 10n, { blockSize: BLOCK_SIZE, salt: "" })],
  [3, { type: "removed", hashes: [5n] }],
  [5, { type: "cleared" }],
];

const root = mkdtempSync(join(tmpdir(), "kvcast-index-"));
after(() => rmSync(root, { recursive: true }));
const end = (number: number, blocks: number): Uint8Array => encodeChunk(number, new Uint32Array(0), blocks);
let directories = 0;
const newDirectory = (): string => join(root, `${directories++}`, "state");
const fileIn = (directory: string): string => join(directory, readdirSync(directory)[0] ?? "none");

function filled(): { index: BlockIndex; model: IndexModel } {
  const index = new BlockIndex(OPTIONS);
  const model = new IndexModel(OPTIONS.maxBlocks);
  for (const [rank, spec] of EVENTS) {
    index.apply(recordOf(spec, rank), 0);
    model.apply(spec, rank);
  }
  return { index, model };
}

function assertRefused(directory: string, ...reasons: IndexFileError["reason"][]): void {
  assert.throws(
    () => loadIndex(directory, OWNER, OPTIONS),
    (error) => error instanceof IndexFileError && (reasons.length === 0 || reasons.includes(error.reason)),
  );
}

test("what was saved is loaded: blocks, ranks, and what goes with them", async () => {
  const directory = newDirectory();
  const { index, model } = filled();
  index.markIncomplete(3);
  await saveIndex(directory, index, INFO);
  const { index: loaded, header } = loadIndex(directory, OWNER, OPTIONS);
  assertSnapshot(drain(loaded.beginScan("dynamo"), 98_304), model.state(), "dynamo", BLOCK_SIZE, true);
  assertSnapshot(drain(loaded.beginScan("vllm"), 98_304), model.state(), "vllm", BLOCK_SIZE, true);
  const { followed: ranks, ...rest } = INFO;
  assert.deepEqual(header, {
    ...rest,
    kvBlockSizeTokens: BLOCK_SIZE,
    tokens: true,
    salts: true,
    blocks: 6,
    ranks: [
      { rank: 0, blocks: 5, complete: true, followed: ranks.get(0) ?? null },
      { rank: 3, blocks: 1, complete: false, followed: null },
      { rank: 5, blocks: 0, complete: true, followed: null },
      { rank: 7, blocks: 0, complete: true, followed: ranks.get(7) ?? null },
    ],
    unheardComplete: true,
  });
  assert.deepEqual(
    [0, 3, 5, 900].map((rank) => loaded.complete(rank)),
    [true, false, true, true],
  );
  assert.deepEqual(readdirSync(directory), ["blocks.kvcast"]);
});

test("an index that began too late still knows it after loading", async () => {
  const directory = newDirectory();
  const { index } = filled();
  index.markIncomplete();
  index.apply(recordOf({ type: "cleared" }, 3), 0);
  await saveIndex(directory, index, INFO);
  const { index: loaded } = loadIndex(directory, OWNER, OPTIONS);
  assert.deepEqual(
    [0, 3, 5, 900].map((rank) => loaded.complete(rank)),
    [false, true, false, false],
  );
});

test("only the owner may read it, whatever lay there before", async () => {
  const directory = newDirectory();
  await saveIndex(directory, filled().index, INFO);
  writeFileSync(join(directory, "blocks.kvcast.new"), "left behind", { mode: 0o644 });
  await saveIndex(directory, filled().index, INFO);
  assert.deepEqual([statSync(directory).mode & 0o777, statSync(fileIn(directory)).mode & 0o777], [0o700, 0o600]);
});

test("a save in steps holds the state at which it began; one that is given up leaves the file before", async () => {
  const directory = newDirectory();
  const { index, model } = filled();
  const state = model.state();
  const save = new IndexSave(directory, index, INFO);
  index.apply(recordOf({ type: "cleared" }, 0), 0);
  index.apply(recordOf(storedSpecOf([99n], null, { blockSize: BLOCK_SIZE }), 8), 0);
  while (!save.step()) await save.idle();
  const later = new IndexSave(directory, index, INFO);
  later.step();
  later.abort();
  await later.idle();
  const { index: loaded } = loadIndex(directory, OWNER, OPTIONS);
  assertSnapshot(drain(loaded.beginScan("vllm"), 98_304), state, "vllm", BLOCK_SIZE, true);
  assert.deepEqual([readdirSync(directory), index.deferredBlocks], [["blocks.kvcast"], 0]);
});

test("no step waits for the disk, and the file is in its place only when the disk has it", async () => {
  const directory = newDirectory();
  await saveIndex(directory, filled().index, INFO);
  let idle = 0;
  const { index } = filled();
  index.apply(recordOf({ type: "cleared" }, 0), 0);
  const save = new IndexSave(directory, index, INFO, () => idle++);
  let steps = 0;
  for (; !save.step(); steps++) {
    assert.equal(loadIndex(directory, OWNER, OPTIONS).index.blocks, 6);
    // A step that finds the disk at work does nothing.
    if (save.isWaiting) assert.equal(save.step(), false);
    await save.idle();
  }
  assert.equal(loadIndex(directory, OWNER, OPTIONS).index.blocks, 1);
  assert.ok(idle >= 3, "the header, the blocks, and the end");
  assert.deepEqual(readdirSync(directory), ["blocks.kvcast"]);
});

test("a save that is given up while the disk is at work touches nothing of the next one", async () => {
  const directory = newDirectory();
  const { index, model } = filled();
  const first = new IndexSave(directory, index, INFO);
  first.abort();
  assert.equal(first.isWaiting, true);
  await first.idle();
  assert.deepEqual([readdirSync(directory), index.deferredBlocks], [[], 0]);
  await saveIndex(directory, index, INFO);
  const { index: loaded } = loadIndex(directory, OWNER, OPTIONS);
  assertSnapshot(drain(loaded.beginScan("vllm"), 98_304), model.state(), "vllm", BLOCK_SIZE, true);
});

test("a save that cannot begin leaves nothing behind", () => {
  const directory = newDirectory();
  const { index } = filled();
  const scans = [1, 2, 3, 4, 5].map(() => index.beginScan("vllm"));
  assert.throws(() => new IndexSave(directory, index, INFO), SnapshotRefusedError);
  assert.deepEqual(readdirSync(directory), []);
  for (const scan of scans) scan.close();
});

test("an index of another engine, block size or kind is refused, and where there is none that is said", async () => {
  const directory = newDirectory();
  assertRefused(directory, "absent");
  const tokenless = new BlockIndex({ ...OPTIONS, keepTokens: false });
  tokenless.apply(recordOf(storedSpecOf([1n], null, { blockSize: BLOCK_SIZE }), 0), 0);
  await saveIndex(directory, tokenless, INFO);
  assertRefused(directory, "tokens");
  assert.equal(loadIndex(directory, OWNER, { ...OPTIONS, keepTokens: false }).index.blocks, 1);
  await saveIndex(directory, filled().index, { ...INFO, engine: "engine-b" });
  assertRefused(directory, "engine");
  await saveIndex(directory, filled().index, INFO);
  assert.throws(
    () => loadIndex(directory, OWNER, { ...OPTIONS, kvBlockSizeTokens: 4 }),
    (error) => error instanceof IndexFileError && error.reason === "block_size",
  );
  assert.equal(loadIndex(directory, OWNER, { ...OPTIONS, keepTokens: false }).index.blocks, 6);
  // Its numbers went out in messages that a reader of this format could not have read.
  await saveIndex(directory, filled().index, { ...INFO, wireFormat: "vllm" });
  assertRefused(directory, "wire_format");
});

test("a smaller index takes what it may, and says that it is incomplete", async () => {
  const directory = newDirectory();
  await saveIndex(directory, filled().index, INFO);
  const { index } = loadIndex(directory, OWNER, { ...OPTIONS, maxBlocks: 2 });
  assert.deepEqual([index.blocks, index.refusedBlocks, index.complete(0)], [2, 4, false]);
});

test("a file that was cut off or changed anywhere is refused", async () => {
  const directory = newDirectory();
  await saveIndex(directory, filled().index, INFO);
  const path = fileIn(directory);
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    assertRefused(directory, "truncated");
  }
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at] = (whole[at] ?? 0) ^ (1 << (at & 7));
    writeFileSync(path, changed);
    assertRefused(directory);
  }
  writeFileSync(path, Buffer.concat([whole, Buffer.alloc(1)]));
  assertRefused(directory, "counts");
  writeFileSync(path, whole);
  assert.equal(loadIndex(directory, OWNER, OPTIONS).index.blocks, 6);
});

test("a file with right checksums and wrong contents is refused too", async () => {
  const directory = newDirectory();
  await saveIndex(directory, filled().index, INFO);
  const path = fileIn(directory);
  const header: IndexFileHeader = {
    epoch: INFO.epoch,
    startedSeconds: 0,
    nextSequence: 0,
    clean: false,
    engine: "engine-a",
    wireFormat: "dynamo",
    kvBlockSizeTokens: BLOCK_SIZE,
    tokens: true,
    blocks: 2,
    ranks: [{ rank: 0, blocks: 2, complete: true, followed: null }],
    unheardComplete: true,
  };
  const record = recordOf(storedSpecOf([1n, 2n], null, { blockSize: BLOCK_SIZE, mm: [[3n], null] }), 0);
  const write = (...parts: readonly Uint8Array[]): void => writeFileSync(path, Buffer.concat(parts));

  write(encodeHeader(header), encodeChunk(0, record, 2), end(1, 2));
  assert.equal(loadIndex(directory, OWNER, OPTIONS).index.blocks, 2);

  const words = [RECORD_WORD.length, RECORD_WORD.kind, RECORD_WORD.blocks, RECORD_WORD.tokens, RECORD_WORD.rank];
  const more = [RECORD_WORD.loraNameBytes, RECORD_WORD.cacheSaltBytes, RECORD_WORD.mmWords, record.length - 4];
  for (const word of [...words, ...more]) {
    for (const value of [0xffffffff, 0x80000000, 1024, 7]) {
      const bad = record.slice();
      bad[word] = value;
      write(encodeHeader(header), encodeChunk(0, bad, 2), end(1, 2));
      assertRefused(directory, word === RECORD_WORD.rank && value === 7 ? "counts" : "malformed");
    }
  }
  write(encodeHeader(header), encodeChunk(1, record, 2), end(2, 2));
  assertRefused(directory, "malformed");
  write(encodeHeader(header), encodeChunk(0, record, 1), end(1, 2));
  assertRefused(directory, "counts");
  write(encodeHeader(header), encodeChunk(0, record, 2), encodeChunk(1, record, 2), end(2, 4));
  assertRefused(directory, "counts");
  write(encodeHeader({ ...header, blocks: 2 ** 50 }), encodeChunk(0, record, 2), end(1, 2));
  assertRefused(directory, "counts");
  const [rank] = header.ranks;
  for (const wrong of [
    { ranks: [rank, rank], blocks: 4 },
    { ranks: [{ ...rank, rank: 1024 }] },
    { epoch: "none" },
    { nextSequence: 0.5 },
    { wireFormat: "morse" },
    { ranks: {} },
    { clean: 1 },
    { ranks: [{ ...rank, followed: undefined }] },
    { ranks: [{ ...rank, followed: { lastEventId: -1, window: NO_WINDOW } }] },
    { ranks: [{ ...rank, followed: { lastEventId: 1 } }] },
    { ranks: [{ ...rank, followed: followed(1, { windowSize: -2 }) }] },
    { ranks: [{ ...rank, followed: followed(1, { layerGroup: 0.5 }) }] },
    { ranks: [{ ...rank, followed: { lastEventId: 1, window: { ...NO_WINDOW, adopted: 1 } } }] },
  ]) {
    write(encodeHeader({ ...header, ...wrong } as IndexFileHeader), encodeChunk(0, record, 2), end(1, 2));
    assertRefused(directory, "malformed");
  }
});

test("a directory where the file should be is refused", async () => {
  const directory = newDirectory();
  await saveIndex(join(directory, "blocks.kvcast"), filled().index, INFO);
  assertRefused(directory, "malformed");
});

test("a state that was redacted is none for an index that keeps salts, and the other way round it leaves them behind", async () => {
  const redacted = { ...OPTIONS, keepTokens: false, keepSalts: false };
  const whole = { ...OPTIONS, keepTokens: false };
  const directory = newDirectory();
  const index = new BlockIndex(redacted);
  for (const [rank, spec] of EVENTS) index.apply(recordOf(spec, rank), 0);
  await saveIndex(directory, index, INFO);
  assert.ok(!readFileSync(fileIn(directory)).includes("tenant-7"));
  assert.equal(loadIndex(directory, OWNER, redacted).index.blocks, index.blocks);
  assert.throws(
    () => loadIndex(directory, OWNER, whole),
    (error) => error instanceof IndexFileError && error.reason === "salts",
  );

  const salted = newDirectory();
  await saveIndex(salted, filled().index, INFO);
  assert.ok(readFileSync(fileIn(salted)).includes("tenant-7"));
  const { index: loaded } = loadIndex(salted, OWNER, redacted);
  await saveIndex(salted, loaded, INFO);
  assert.ok(!readFileSync(fileIn(salted)).includes("tenant-7"));
});
