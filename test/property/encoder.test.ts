/** The encoders of all dialects against an independent msgpack decoder, for random events. */
import assert from "node:assert/strict";
import test from "node:test";
import * as fc from "fast-check";
import { ENGINE_WIRE_FORMATS, WIRE_FORMATS, type WireFormat } from "../../src/shared/wire-format.ts";
import { type EventSpec, eventSpec, publishedEvent, type StoredSpec } from "../support/published.ts";
import { decodePayload, WireBatch } from "../support/wire.ts";

const BLOCK_SIZE = 16;
const isForConsolidators = (format: WireFormat): boolean => format.startsWith("consolidator");
const signed = (hash: bigint): bigint => BigInt.asIntN(64, hash);
/** The decoder gives numbers for short forms and BigInts for long ones; values are what counts here. */
const plain = (value: unknown): unknown => {
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
  }
  return value;
};
const mmInfos = (spec: StoredSpec): unknown =>
  spec.mm?.map((entry) => entry && { mm_objects: entry.map((hash) => ({ mm_hash: hash, offsets: [] })) });

function expectedOfConsolidator(spec: EventSpec, isLineage: boolean): unknown {
  if (spec.type === "cleared") return { type: "AllBlocksCleared" };
  const medium = isLineage ? {} : { medium: "GPU" };
  if (spec.type === "removed") return { type: "BlockRemoved", block_hashes: spec.hashes, ...medium };
  return {
    type: "BlockStored",
    block_hashes: spec.hashes,
    parent_block_hash: spec.parent,
    token_ids: spec.tokens,
    block_size: BLOCK_SIZE,
    ...(spec.loraName === null ? {} : { lora_name: spec.loraName }),
    ...(spec.salt === null ? {} : { cache_salt: spec.salt }),
    ...(spec.mm?.some((entry) => entry !== null) === true ? { block_mm_infos: mmInfos(spec) } : {}),
    ...medium,
  };
}

function expectedMap(spec: EventSpec, format: WireFormat): unknown {
  if (isForConsolidators(format)) return expectedOfConsolidator(spec, format === "consolidator-lineage");
  if (spec.type === "cleared") return { type: "AllBlocksCleared" };
  const vllm = format === "vllm";
  const hashes = spec.hashes.map(signed);
  if (spec.type === "removed") {
    return { type: "BlockRemoved", block_hashes: hashes, ...(vllm ? { medium: "GPU" } : {}) };
  }
  const anyMm = spec.mm?.some((entry) => entry !== null) === true;
  const loraId = spec.loraId === 0 ? null : spec.loraId;
  const head = {
    type: "BlockStored",
    block_hashes: hashes,
    parent_block_hash: spec.parent === null ? null : signed(spec.parent),
    token_ids: spec.tokens,
    block_size: BLOCK_SIZE,
  };
  if (format === "dynamo-2026-01") return { ...head, lora_id: loraId };
  const tail = {
    ...(spec.salt === null ? {} : { cache_salt: spec.salt }),
    ...((vllm ? anyMm : spec.mm !== undefined) ? { block_mm_infos: mmInfos(spec) } : {}),
  };
  if (vllm) return { ...head, lora_id: loraId, medium: "GPU", lora_name: spec.loraName, ...tail };
  return { ...head, ...(spec.loraName === null ? {} : { lora_name: spec.loraName }), ...tail };
}

function expectedArray(spec: EventSpec): unknown {
  if (spec.type === "cleared") return ["AllBlocksCleared"];
  const hashes = spec.hashes.map(signed);
  if (spec.type === "removed") return ["BlockRemoved", hashes, "GPU"];
  const salts = spec.salt !== null && spec.parent === null ? [spec.salt] : [];
  const extra = spec.hashes.map((_, i) => {
    const keys = (spec.mm?.[i] ?? []).map((hash) => hash.toString(16).padStart(16, "0"));
    const all = i === 0 ? [...keys, ...salts] : keys;
    return all.length === 0 ? null : all;
  });
  return [
    "BlockStored",
    hashes,
    spec.parent === null ? null : signed(spec.parent),
    spec.tokens,
    BLOCK_SIZE,
    spec.loraId === 0 ? null : spec.loraId,
    "GPU",
    spec.loraName,
    ...(extra.some((entry) => entry !== null) ? [extra] : []),
  ];
}

const expected = (spec: EventSpec, format: WireFormat): unknown =>
  format === "vllm-array" ? expectedArray(spec) : expectedMap(spec, format);

for (const format of WIRE_FORMATS) {
  test(`${format}: a random batch decodes to what went in`, () => {
    fc.assert(
      fc.property(
        fc.array(eventSpec, { minLength: 1, maxLength: 20 }),
        fc.nat({ max: 1023 }),
        fc.double({ min: 0, max: 4e9, noNaN: true }),
        (specs, rank, seconds) => {
          const batch = new WireBatch();
          for (const spec of specs) batch.add(publishedEvent(spec, rank));
          const { entries, frameBytes } = batch.encode(format, BLOCK_SIZE, rank, seconds);
          assert.ok(frameBytes <= batch.frameBound, `${frameBytes} bytes, bounded by ${batch.frameBound}`);
          const single = format.startsWith("dynamo");
          assert.equal(entries.length, single ? specs.length : 1);
          const decoded = entries.flatMap(({ payload }) => {
            const [timestamp, events, dpRank] = decodePayload(payload);
            assert.equal(payload[1], 0xcb, "the timestamp is a float64, also when it is whole");
            assert.equal(timestamp, seconds);
            assert.equal(dpRank, rank);
            return events;
          });
          assert.deepEqual(
            decoded.map(plain),
            specs.map((spec) => plain(expected(spec, format))),
          );
          const count = (type: string): number => specs.filter((spec) => spec.type === type).length;
          const total = (key: "stored" | "removed" | "cleared"): number =>
            entries.reduce((sum, entry) => sum + entry[key], 0);
          for (const type of ["stored", "removed", "cleared"] as const) assert.equal(total(type), count(type));
        },
      ),
      { numRuns: Number(process.env["RUNS"] ?? 300) },
    );
  });
}

test("vllm dialects write every hash in nine bytes, dynamo ones in the shortest form", () => {
  fc.assert(
    fc.property(eventSpec, (spec) => {
      if (spec.type === "cleared") return;
      for (const format of ENGINE_WIRE_FORMATS) {
        const batch = new WireBatch();
        batch.add(publishedEvent(spec));
        const payload = batch.encode(format, BLOCK_SIZE, 0).entries[0]?.payload ?? Buffer.alloc(0);
        const wide: boolean = spec.hashes.every((hash) => {
          const nine = Buffer.alloc(9);
          nine[0] = 0xd3;
          nine.writeBigUInt64BE(BigInt.asUintN(64, hash), 1);
          return payload.includes(nine);
        });
        const needsNine: boolean = spec.hashes.every((hash) => signed(hash) < -(1n << 31n));
        assert.equal(wide, format.startsWith("vllm") || needsNine, format);
      }
    }),
  );
});
