/** The library's index: recorded hashes of prompts, and what a program does with it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { KvIndexer } from "../../src/main/lib.ts";

interface Vector {
  readonly name: string;
  readonly tokens: readonly number[];
  readonly block_size: number;
  readonly lora_name: string | null;
  readonly cache_namespace: string | null;
  readonly is_eagle: boolean;
  readonly mm_hashes_per_block: readonly (readonly number[] | null)[] | null;
  readonly block_hashes: readonly string[];
}

const FILE = path.join(process.cwd(), "test/fixtures/consolidator/hash_vectors.json");
const { vectors } = JSON.parse(readFileSync(FILE, "utf8")) as { readonly vectors: readonly Vector[] };

test("prompts are hashed as recorded ones", () => {
  let compared = 0;
  for (const vector of vectors.filter(({ is_eagle }) => !is_eagle)) {
    const index = new KvIndexer({ blockSizeTokens: vector.block_size });
    const mm = vector.mm_hashes_per_block?.map((hashes) => hashes?.map(BigInt) ?? null);
    const options = { loraName: vector.lora_name, cacheSalt: vector.cache_namespace, ...(mm && { mmHashes: mm }) };
    assert.deepEqual(index.hashTokens(vector.tokens, options), vector.block_hashes.map(BigInt), vector.name);
    compared++;
  }
  assert.ok(compared >= 15);
});

test("who stored what is found, by hash and by prompt, until it is removed", () => {
  const index = new KvIndexer({ blockSizeTokens: 4 });
  const tokens = Array.from({ length: 14 }, (_, i) => i);
  const locals = index.hashTokens(tokens);
  assert.equal(locals.length, 3, "a block that is not full has no hash");
  const blocks = locals.map((tokensHash, i) => ({ hash: -1n - BigInt(i), tokensHash }));
  index.stored(1n, 0, null, blocks);
  index.stored(2n, 5, null, blocks.slice(0, 1));
  index.stored(2n, 5, -1n, [{ hash: 50n, tokensHash: locals[1] ?? 0n }], "disk");
  index.stored(3n, 0, 99n, blocks);
  assert.deepEqual(index.counters()["unknownParents"], 1);
  assert.equal(index.pairs, 5);
  assert.deepEqual(
    index.findPrompt(tokens).toSorted((a, b) => a.rank - b.rank),
    [
      { worker: 1n, rank: 0, device: 3, host: 3, disk: 3 },
      { worker: 2n, rank: 5, device: 1, host: 1, disk: 2 },
    ],
  );
  assert.deepEqual(
    index.dump().map(({ worker, parent, hash }) => [worker, parent, hash]),
    [
      [1n, null, 2n ** 64n - 1n],
      [1n, 2n ** 64n - 1n, 2n ** 64n - 2n],
      [1n, 2n ** 64n - 2n, 2n ** 64n - 3n],
      [2n, null, 2n ** 64n - 1n],
      [2n, 2n ** 64n - 1n, 50n],
    ],
  );
  index.removed(1n, 0, [2n ** 64n - 2n]);
  assert.equal(index.findMatches(locals).find(({ worker }) => worker === 1n)?.device, 1);
  assert.deepEqual(
    index.dump().filter(({ worker }) => worker === 1n).length,
    1,
    "what hangs in the air is not told of",
  );
  index.cleared(2n, 5);
  index.removeWorker(1n);
  assert.equal(index.pairs, 0);
  assert.deepEqual(index.findMatches(locals, { earlyExit: true }), []);
  assert.throws(() => new KvIndexer({ blockSizeTokens: 0 }), { code: "KVCAST_BAD_CONFIG" });
});
