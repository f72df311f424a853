/** Hashes of blocks and sequences, and places in a sequence, against recorded ones. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { BlockHasher } from "../../src/main/consolidate/block-hasher.ts";
import { fragmentMask, readLineage } from "../../src/main/consolidate/lineage.ts";
import { hashHalves } from "../../src/shared/hash64.ts";
import { loadXxh3 } from "../../src/shared/xxh3.ts";
import { ConsolidatorRig, whole } from "../support/consolidator-rig.ts";

interface Vector {
  readonly name: string;
  readonly tokens: readonly number[];
  readonly block_size: number;
  readonly lora_name: string | null;
  readonly cache_namespace: string | null;
  readonly is_eagle: boolean;
  readonly mm_hashes_per_block: readonly (readonly number[] | null)[] | null;
  readonly block_hashes: readonly string[];
  readonly sequence_hashes: readonly string[];
  readonly plh_hex: readonly string[];
  readonly router_block_hash: readonly string[];
}
interface Vectors {
  readonly vectors: readonly Vector[];
  readonly plh_mode_boundary: Readonly<Record<string, string>>;
}
const FILE = path.join(process.cwd(), "test/fixtures/consolidator/hash_vectors.json");
const recorded = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;
const vectors = recorded.vectors.filter(({ is_eagle }) => !is_eagle);

interface Hashed {
  readonly local: bigint;
  readonly sequence: bigint;
}

function hashesOf(vector: Vector): Hashed[] {
  const hasher = new BlockHasher(loadXxh3());
  hasher.begin(vector.lora_name, vector.cache_namespace);
  const tokens = Uint32Array.from(vector.tokens);
  const blocks: Hashed[] = [];
  for (let start = 0; start + vector.block_size <= tokens.length; start += vector.block_size) {
    const mm = vector.mm_hashes_per_block?.[blocks.length] ?? null;
    hasher.local(tokens, start, start + vector.block_size, mm === null ? null : mm.map((n) => hashHalves(BigInt(n))));
    const local = whole(hasher.lo, hasher.hi);
    const parent = blocks.at(-1);
    if (parent !== undefined) {
      const { lo, hi } = hashHalves(parent.sequence);
      hasher.follow(lo, hi);
    }
    blocks.push({ local, sequence: whole(hasher.lo, hasher.hi) });
  }
  return blocks;
}

test("there are vectors", () => assert.ok(vectors.length >= 17));

for (const vector of vectors) {
  test(`recorded hashes: ${vector.name}`, () => {
    const hashed = hashesOf(vector);
    assert.deepEqual(
      hashed.map(({ local }) => `${local}`),
      vector.block_hashes,
    );
    assert.deepEqual(
      hashed.map(({ sequence }) => `${sequence}`),
      vector.sequence_hashes,
    );
    for (const [i, hex] of vector.plh_hex.entries()) {
      const lineage = readLineage(BigInt(`0x${hex}`));
      assert.ok(lineage !== null);
      assert.equal(lineage.position, i);
      assert.equal(`${whole(lineage.sequenceLo, lineage.sequenceHi)}`, vector.sequence_hashes[i]);
      const parent = i === 0 ? "0" : vector.router_block_hash[i - 1];
      assert.equal(`${whole(lineage.parentLo, lineage.parentHi)}`, parent);
    }
  });

  test(`recorded hashes go out: ${vector.name}`, () => {
    const rig = new ConsolidatorRig({ identity: "lineage" });
    const size = vector.block_size;
    for (let i = 0; i < vector.block_hashes.length; i++) {
      rig.store({
        hash: i + 1,
        parent: i === 0 ? null : i,
        tokens: vector.tokens.slice(i * size, (i + 1) * size),
        lora: vector.lora_name,
        salt: vector.cache_namespace,
        mm: vector.mm_hashes_per_block?.[i]?.map(BigInt) ?? null,
      });
    }
    const events = rig.drain();
    assert.deepEqual(
      events.map(({ hash }) => `${hash}`),
      vector.router_block_hash,
    );
    assert.deepEqual(
      events.slice(1).map(({ parent }) => `${parent}`),
      vector.router_block_hash.slice(0, -1),
    );
  });
}

test("the fragment narrows where positions need another byte", () => {
  const at = recorded.plh_mode_boundary;
  const rig = new ConsolidatorRig({ identity: "lineage" });
  for (let i = 0; i <= 256; i++) rig.store({ hash: i + 1, parent: i === 0 ? null : i, tokens: [i] });
  const events = rig.drain();
  assert.equal(`${events[254]?.hash}`, at["pos254_router_block_hash"]);
  assert.equal(`${events[255]?.hash}`, at["pos255_router_block_hash"]);
  assert.equal(`${events[256]?.hash}`, at["pos256_router_block_hash"]);
  assert.equal(`${events[256]?.parent}`, at["pos256_parent_fragment"]);
  for (const position of [255, 256]) {
    const lineage = readLineage(BigInt(`0x${at[`pos${position}_plh_hex`]}`));
    assert.ok(lineage !== null);
    assert.equal(lineage.position, position);
    assert.equal(`${whole(lineage.sequenceLo, lineage.sequenceHi)}`, at[`pos${position}_seq`]);
    assert.equal(whole(lineage.parentLo, lineage.parentHi), events[position]?.parent);
  }
  assert.deepEqual([0xff, 0x100, 0xffff, 0x1_0000].map(fragmentMask), [0x3f_ffff, 0x3fff, 0x3fff, 0x3f]);
  assert.equal(readLineage(3n << 126n), null);
});
