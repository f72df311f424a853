import assert from "node:assert/strict";
import { test } from "node:test";
import { loadServeConfig } from "../../src/main/config/load.ts";
import { indexBoundBytes, memoryBoundBytes } from "../../src/main/memory-bound.ts";
import { BlockIndex } from "../../src/workers/block-index.ts";
import { publishedEvent } from "../support/published.ts";
import { type EventSize, measure, writeRecord } from "../../src/main/pipeline/batch.ts";

const BLOCKS_AN_EVENT = 64;

/** Fills an index beyond its limit, with salts that are all different, and opens all scans in between. */
function fill(maxBlocks: number, kvBlockSizeTokens: number, keepTokens: boolean): BlockIndex {
  const index = new BlockIndex({ maxBlocks, kvBlockSizeTokens, keepTokens });
  for (let first = 0, scans = 0; first < maxBlocks * 1.5; first += BLOCKS_AN_EVENT) {
    if (first > (maxBlocks * (scans + 1)) / 4 && scans < 4) {
      index.beginScan("vllm");
      scans++;
    }
    const event = publishedEvent({
      type: "stored",
      hashes: Array.from({ length: BLOCKS_AN_EVENT }, (_, i) => BigInt(first + i)),
      tokens: Array.from({ length: BLOCKS_AN_EVENT * kvBlockSizeTokens }, (_, i) => i),
      parent: null,
      loraName: null,
      loraId: 0,
      salt: `a salt of some length, number ${first}`,
      mm: undefined,
    });
    const size: EventSize = { words: 0, frameBytes: 0 };
    measure(event, size);
    const records = new Uint32Array(size.words);
    writeRecord(event, size, records, 0, 0);
    index.apply(records, 0);
  }
  return index;
}

for (const [maxBlocks, blockSize, tokens] of [
  [1, 4, true],
  [1000, 32, true],
  [33_000, 32, true],
  [33_000, 32, false],
  [65_536, 1, true],
] as const) {
  void test(`an index of ${maxBlocks} blocks of ${blockSize} tokens${tokens ? "" : " without tokens"} keeps to its bound`, () => {
    const index = fill(maxBlocks, blockSize, tokens);
    const bound = indexBoundBytes(maxBlocks, blockSize, tokens);
    assert.ok(index.memoryBytes <= bound, `${index.memoryBytes} bytes, bound ${bound}`);
    assert.ok(
      index.memoryBytes * 4 + (20 << 20) > bound,
      `the bound of ${bound} is far from ${index.memoryBytes} bytes`,
    );
    assert.ok(index.refusedBlocks > 0, "the limit was reached");
  });
}

/** The bound of `serve` without its pipeline, for one engine. */
const mibWith = async (size: string, more: Readonly<Record<string, string>> = {}): Promise<number> => {
  const given = {
    engine: "http://127.0.0.1:8000",
    "kv-block-size": "32",
    "engine-max-response-bytes": size,
    ...more,
  };
  const flags = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return memoryBoundBytes((await loadServeConfig(flags, {})).config, 0) / 2 ** 20;
};

void test("an engine that is read over HTTP counts with what its answers may have", async () => {
  const [one, four, large] = [await mibWith("1MiB"), await mibWith("4MiB"), await mibWith("256MiB")];
  // Twice of events, statistics and records of requests, as far as each may have so much.
  assert.equal(four - one, 3 * (2 + 2 + 2));
  assert.equal(large - four, 2 * (256 - 4) + 2 * 2 * (16 - 4));
  assert.equal(four - (await mibWith("4MiB", { "iteration-stats": "off" })), 2 * 4);
});
