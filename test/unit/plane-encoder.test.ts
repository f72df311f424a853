/** Messages for the event plane: the recorded one, limits, and what is refused or left out. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { decode } from "@msgpack/msgpack";
import { PLANE_MAX_BLOCKS, PLANE_MAX_EVENTS, PLANE_MERGE_BLOCKS } from "../../src/shared/plane-layout.ts";
import { isPlanePoisoned, isPoisoned, setPoison } from "../../src/shared/poison.ts";
import { SLOT, SLOT_HEADER_BYTES } from "../../src/shared/ring-layout.ts";
import { eventWriter } from "../../src/workers/event-writer.ts";
import { FrameEncoder } from "../../src/workers/frame-encoder.ts";
import { outputOf } from "../../src/workers/msgpack-writer.ts";
import { PlaneEncoder } from "../../src/workers/plane-encoder.ts";
import { PlanePass } from "../../src/workers/plane-pass.ts";
import { loadXxh3 } from "../../src/shared/xxh3.ts";
import { TokenHasher } from "../../src/workers/token-hash.ts";
import { encodePlane, plain, type PlaneEntry, slotOf } from "../support/plane.ts";
import type { EventSpec } from "../support/published.ts";

const BLOCK_SIZE = 4;
const FILE = path.join(process.cwd(), "test/fixtures/consolidator/derived_wire_samples.json");

function stored(hashes: readonly bigint[], parent: bigint | null = null): EventSpec {
  const tokens = hashes.flatMap((hash) => [Number(hash & 0xffffn), 2, 3, 4]);
  return { type: "stored", hashes, tokens, parent, loraName: null, loraId: 0, salt: null, mm: undefined };
}
const removed = (...hashes: bigint[]): EventSpec => ({ type: "removed", hashes });
const range = (from: number, count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(from + i));
const ofRank = (rank: number, specs: readonly EventSpec[]): { spec: EventSpec; rank: number }[] =>
  specs.map((spec) => ({ spec, rank }));

interface Shape {
  readonly data:
    | "cleared"
    | { readonly stored?: { readonly blocks: unknown[] }; readonly removed?: { readonly block_hashes: unknown[] } };
}
/** Of each RouterEvent, what it is and how many blocks it has: `S3`, `R1`, `C`. */
function shape({ events }: PlaneEntry): string {
  return events
    .map((each) => {
      const { data } = (each as { event: Shape }).event;
      if (data === "cleared") return "C";
      return data.stored ? `S${data.stored.blocks.length}` : `R${data.removed?.block_hashes.length ?? "?"}`;
    })
    .join(" ");
}
function shapes(specs: readonly EventSpec[]): string[] {
  return encodePlane(new PlaneEncoder(1n, BLOCK_SIZE), slotOf(ofRank(0, specs))).entries.map(shape);
}

test("the recorded message comes out, equal when decoded", () => {
  const { samples } = JSON.parse(readFileSync(FILE, "utf8")) as {
    samples: { name: string; frames_hex: string[] }[];
  };
  const sample = samples.find(({ name }) => name === "event_plane_envelope_kv_events");
  const recorded = decode(Buffer.from(sample?.frames_hex[0] ?? "", "hex"), { useBigInt64: true }) as {
    payload: Uint8Array;
  };
  const tokens = [1, 2, 3, 4, 5, 6, 7, 8];
  const slot = slotOf(
    ofRank(0, [{ ...stored([15000000000000000001n, 7n]), tokens } as EventSpec, removed(7n), { type: "cleared" }]),
  );
  const patches = { publisherId: 123456789n, sequence: 0n, publishedAt: 1700000000000n, firstEventId: 1n };
  const { entries } = encodePlane(new PlaneEncoder(42n, BLOCK_SIZE), slot, null, patches);
  const [entry] = entries;
  assert.equal(entries.length, 1);
  assert.deepEqual(
    plain({ ...entry?.envelope, payload: entry?.events }),
    plain({ ...recorded, payload: decode(recorded.payload, { useBigInt64: true }) }),
  );
  // Readers of maps by position want the keys in this order.
  assert.deepEqual(Object.keys(entry?.envelope ?? {}), Object.keys(recorded));
});

test("neighbours that say one thing become one event", () => {
  assert.deepEqual(shapes([stored([1n]), stored([2n], 1n), stored([3n, 4n], 2n)]), ["S4"]);
  assert.deepEqual(shapes([stored([1n, 2n]), stored([3n], 1n)]), ["S2 S1"]);
  assert.deepEqual(shapes([stored([1n]), stored([2n])]), ["S1 S1"]);
  assert.deepEqual(shapes([removed(1n), removed(2n, 3n), stored([2n]), removed(1n)]), ["R3 S1 R1"]);
  assert.deepEqual(shapes([{ type: "cleared" }, { type: "cleared" }]), ["C C"]);
});

test("a chain that goes on across a poisoned event is not joined over the gap", () => {
  const slot = slotOf(ofRank(0, [stored([1n]), stored([2n], 1n), stored([3n], 2n)]));
  setPoison(slot.slot.header, 0, 1);
  const { entries } = encodePlane(new PlaneEncoder(1n, BLOCK_SIZE), slot);
  assert.deepEqual(entries.map(shape), ["S1 S1"]);
  assert.equal(entries[0]?.stored, 2);
});

test("an event grows by merging until it has enough blocks; no event is split", () => {
  const ones = (count: number): EventSpec[] => range(1, count).map((hash) => stored([hash], hash - 1n));
  assert.deepEqual(shapes(ones(PLANE_MERGE_BLOCKS + 2)), [`S${PLANE_MERGE_BLOCKS} S2`]);
  const big = stored(range(1, PLANE_MERGE_BLOCKS - 1));
  const next = stored(range(1000, 500), BigInt(PLANE_MERGE_BLOCKS - 1));
  assert.deepEqual(shapes([big, next, stored([9999n], 1499n)]), [`S${PLANE_MERGE_BLOCKS + 499} S1`]);
});

test("a message ends at its limits of events and of blocks; a larger event goes alone", () => {
  const roots = range(1, PLANE_MAX_EVENTS + 2).map((hash) => stored([hash]));
  const [first, second, ...more] = encodePlane(new PlaneEncoder(1n, BLOCK_SIZE), slotOf(ofRank(0, roots))).entries;
  assert.deepEqual([first?.events.length, second?.events.length, more.length], [PLANE_MAX_EVENTS, 2, 0]);
  assert.deepEqual([first?.stored, second?.stored], [PLANE_MAX_EVENTS, 2]);
  const half = PLANE_MAX_BLOCKS / 2;
  const huge = stored(range(100_000, PLANE_MAX_BLOCKS + 1));
  assert.deepEqual(shapes([stored(range(1, half)), stored(range(50_000, half)), stored([3n])]), [
    `S${half} S${half}`,
    "S1",
  ]);
  assert.deepEqual(shapes([stored([1n]), huge, removed(1n)]), ["S1", `S${PLANE_MAX_BLOCKS + 1}`, "R1"]);
  // Not even a chain is joined beyond the limit.
  assert.deepEqual(shapes([stored([99_999n]), { ...huge, parent: 99_999n } as EventSpec]), [
    "S1",
    `S${PLANE_MAX_BLOCKS + 1}`,
  ]);
});

test("an event that names a hash twice is refused as a whole, short or long, and still counted", () => {
  const long = range(1, 40);
  for (const hashes of [
    [1n, 2n, 1n],
    [...long, 7n],
    [...range(1, 5000), 4999n],
  ]) {
    const { entries } = encodePlane(new PlaneEncoder(1n, BLOCK_SIZE), slotOf(ofRank(0, [stored(hashes)])));
    assert.deepEqual(entries.map(shape), ["R0"]);
    assert.equal(entries[0]?.stored, 1);
  }
  assert.deepEqual(shapes([stored([1n, 2n], 2n)]), ["R0"]);
  assert.deepEqual(shapes([stored(long, 40n)]), ["R0"]);
  assert.deepEqual(shapes([stored(range(1, 5000))]), ["S5000"]);
  // Hashes that differ in one half only are two hashes.
  assert.deepEqual(shapes([stored([1n, 1n << 32n, (1n << 32n) | 1n])]), ["S3"]);
});

test("blocks without all their tokens end the list", () => {
  const whole = stored([1n, 2n, 3n]) as EventSpec & { tokens: readonly number[] };
  assert.deepEqual(shapes([{ ...whole, tokens: whole.tokens.slice(0, 11) } as EventSpec]), ["S2"]);
  assert.deepEqual(shapes([{ ...whole, tokens: [] } as EventSpec]), ["R0"]);
});

test("each rank has messages of its own, in its own order", () => {
  const events = [0, 5, 0, 5].map((rank, i) => ({ rank, spec: stored([BigInt(i + 1)], i < 2 ? null : BigInt(i - 1)) }));
  const { entries } = encodePlane(new PlaneEncoder(1n, BLOCK_SIZE), slotOf(events));
  assert.deepEqual(
    entries.map((entry) => [entry.rank, shape(entry), entry.stored]),
    [
      [0, "S2", 2],
      [5, "S2", 2],
    ],
  );
});

test("an event whose hashing fails is left out of both streams and counted; the others go out", () => {
  const xxh3 = loadXxh3();
  const tokens = new TokenHasher(BLOCK_SIZE, (bytes, seed) => {
    if (bytes[0] === 2) throw new Error("cannot be hashed");
    return xxh3(bytes, seed);
  });
  const { slot } = slotOf(ofRank(0, [stored([1n]), stored([2n]), stored([3n])]));
  const buffer = new ArrayBuffer(1 << 14);
  const records = new Uint32Array(buffer);
  records.set(slot.records);
  const frames = new FrameEncoder(
    "vllm",
    BLOCK_SIZE,
    eventWriter("vllm", BLOCK_SIZE),
    new PlaneEncoder(1n, BLOCK_SIZE, tokens),
  );
  const header = new Int32Array(SLOT_HEADER_BYTES / 4);
  const out = outputOf(new Uint8Array(buffer));
  const frameOffset = 1 << 13;
  const { poisonedEvents } = frames.encode({
    ...slot,
    header,
    records,
    recordWords: slot.records.length,
    rank: 0,
    wallSeconds: 1,
    out,
    frameOffset,
  });
  assert.equal(poisonedEvents, 1);
  assert.equal(header[SLOT.planeEntries], 1);
  assert.equal(header[SLOT.progress], 0);
});

test("one whose hashing fails in the second round is left out of the event plane alone", () => {
  const xxh3 = loadXxh3();
  const tokens = new TokenHasher(BLOCK_SIZE, (bytes, seed) => {
    if (bytes[0] === 2) throw new Error("cannot be hashed");
    return xxh3(bytes, seed);
  });
  const { slot } = slotOf(ofRank(0, [stored([1n]), stored([2n]), stored([3n])]));
  const buffer = new ArrayBuffer(1 << 14);
  const records = new Uint32Array(buffer);
  records.set(slot.records);
  const header = new Int32Array(SLOT_HEADER_BYTES / 4);
  const frameOffset = 1 << 13;
  header[SLOT.frameBytes] = 64;
  const pass = new PlanePass(new PlaneEncoder(1n, BLOCK_SIZE, tokens));
  const out = outputOf(new Uint8Array(buffer));
  const job = { ...slot, header, records, recordWords: slot.records.length, rank: 0, wallSeconds: 1, out, frameOffset };
  assert.equal(pass.encode(job), 1);
  assert.equal(header[SLOT.planeEntries], 1);
  assert.equal(header[SLOT.planeOffset], frameOffset + 64, "the frame stays as it is");
  assert.equal(header[SLOT.progress], 0);
  assert.equal(isPoisoned(header, 0, 1), false);
  assert.equal(isPlanePoisoned(header, 0, 1), true);
});
