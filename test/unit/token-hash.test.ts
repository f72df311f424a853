/** Hashes of blocks against recorded ones; those of the mode that hashes overlapping windows are none of ours. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import { RECORD_WORD } from "../../src/shared/record.ts";
import { mmStart } from "../../src/workers/event-fields.ts";
import { loadXxh3 } from "../../src/shared/xxh3.ts";
import { TokenHasher } from "../../src/workers/token-hash.ts";
import { publishedEvent, type StoredSpec } from "../support/published.ts";

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
interface Vectors {
  readonly vectors: readonly Vector[];
  readonly raw: readonly { readonly bytes_utf8: string; readonly seed: number; readonly hash: string }[];
}
const FILE = path.join(process.cwd(), "test/fixtures/consolidator/hash_vectors.json");
const { vectors, raw } = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

/** All block hashes of an event. */
function hashesOf(hasher: TokenHasher, blockSize: number, spec: StoredSpec): bigint[] {
  const event = publishedEvent(spec);
  const size = { words: 0, frameBytes: 0 };
  measure(event, size);
  // Behind other words, as in a slot.
  const r = 5;
  const records = new Uint32Array(r + size.words);
  writeRecord(event, size, records, r, 0);
  hasher.begin(records, r);
  let m = mmStart(records, r);
  let t = r + RECORD_WORD.header + 2 * spec.hashes.length;
  const hasMm = spec.mm?.some((entry) => entry !== null) === true;
  return spec.hashes.map(() => {
    const mmHashes = hasMm ? (records[m++] ?? 0) : 0;
    hasher.hash(records, t, m, mmHashes);
    m += 2 * mmHashes;
    t += blockSize;
    return (BigInt(hasher.hi) << 32n) | BigInt(hasher.lo);
  });
}

function specOf(vector: Vector): StoredSpec {
  const blocks = Math.floor(vector.tokens.length / vector.block_size);
  return {
    type: "stored",
    hashes: Array.from({ length: blocks }, (_, i) => BigInt(i + 1)),
    tokens: vector.tokens.slice(0, blocks * vector.block_size),
    parent: null,
    loraName: vector.lora_name,
    loraId: 0,
    salt: vector.cache_namespace,
    mm: vector.mm_hashes_per_block?.map((hashes) => hashes?.map(BigInt) ?? null),
  };
}

for (const vector of vectors.filter((each) => !each.is_eagle)) {
  test(`recorded hashes: ${vector.name}`, () => {
    const hasher = new TokenHasher(vector.block_size);
    assert.deepEqual(hashesOf(hasher, vector.block_size, specOf(vector)).map(String), vector.block_hashes);
  });
}

test("recorded hashes of plain bytes", () => {
  const xxh3 = loadXxh3();
  for (const { bytes_utf8: text, seed, hash } of raw) {
    assert.equal(String(xxh3(Buffer.from(text), BigInt(seed))), hash);
  }
});

test("a hasher that turns from one name and salt to others gives what fresh ones give", () => {
  const small = vectors.filter((each) => !each.is_eagle && each.block_size === 4);
  assert.ok(small.length > 5);
  const hasher = new TokenHasher(4);
  // Each after each other: what is remembered of one must not leak into the next.
  for (const first of small) {
    for (const second of [first, ...small]) {
      assert.deepEqual(hashesOf(hasher, 4, specOf(second)).map(String), second.block_hashes, second.name);
    }
  }
});

test("an empty name or salt is none; where one ends and the other begins matters", () => {
  const hasher = new TokenHasher(4);
  const base = { ...specOf(vectors.find((each) => each.block_size === 4) as Vector) };
  const hashed = (loraName: string | null, salt: string | null): string =>
    hashesOf(hasher, 4, { ...base, loraName, salt }).join();
  assert.equal(hashed("", ""), hashed(null, null));
  assert.equal(hashed("a", ""), hashed("a", null));
  const different = [hashed(null, null), hashed("ab", null), hashed(null, "ab"), hashed("a", "b"), hashed("b", "a")];
  assert.equal(new Set(different).size, different.length);
});

test("names and salts are hashed as UTF-8 to the last byte, whatever their length", () => {
  const xxh3 = loadXxh3();
  const hasher = new TokenHasher(4);
  for (const text of ["x", "xy", "xyz", "wxyz", "né", "日本語", "🎈".repeat(70)]) {
    const tokens = [1, 2, 3, 4];
    const seed = BigInt.asUintN(64, 1337n + xxh3(Buffer.from(text), 0n) + xxh3(Buffer.from(`${text}!`), 1n));
    const spec: StoredSpec = {
      type: "stored",
      hashes: [1n],
      tokens,
      parent: null,
      loraName: text,
      loraId: 0,
      salt: `${text}!`,
      mm: undefined,
    };
    assert.deepEqual(hashesOf(hasher, 4, spec), [xxh3(new Uint8Array(Uint32Array.from(tokens).buffer), seed)]);
  }
});

test("where the native module does not load, the error says so, with its code, and not before the hash is asked for", () => {
  const module = new URL("../../src/workers/token-hash.js", import.meta.url).href;
  const script = `
    const { TokenHasher } = await import(${JSON.stringify(module)});
    try { new TokenHasher(4); } catch (error) { console.log(error.name, error.code, error.message); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    env: { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: "/nonexistent.node" },
  });
  assert.match(stdout, /^HashUnavailableError KVCAST_HASH_UNAVAILABLE .*does not load/, stderr);
});
