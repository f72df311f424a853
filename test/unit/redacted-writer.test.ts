/** What `--redact-tokens` leaves of an event, in each dialect, as an independent decoder reads it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TIER } from "../../src/shared/tier.ts";
import { WIRE_FORMATS, type WireFormat } from "../../src/shared/wire-format.ts";
import { type EventSpec, publishedEvent } from "../support/published.ts";
import { decodePayload, FIXED_SECONDS, WireBatch } from "../support/wire.ts";

const TOKEN = 1_999_737_373;
const EVENTS: readonly EventSpec[] = [
  {
    type: "stored",
    hashes: [300n, 301n],
    tokens: [TOKEN, TOKEN, 6, 7],
    parent: null,
    loraName: "sql",
    loraId: 0,
    salt: "salt-of-a-tenant",
    mm: [[0x01_23_45_67_89_ab_cd_efn], null],
  },
  {
    type: "stored",
    hashes: [302n],
    tokens: [TOKEN, 8],
    parent: 301n,
    loraName: null,
    loraId: 0,
    salt: "salt-of-a-tenant",
    mm: undefined,
    tier: TIER.device,
  },
  { type: "removed", hashes: [301n] },
  { type: "cleared" },
];

const MM = [{ mm_objects: [{ mm_hash: 0x01_23_45_67_89_ab_cd_efn, offsets: [] }] }, null];
const first = (more: object): unknown => ({
  type: "BlockStored",
  block_hashes: [300, 301],
  parent_block_hash: null,
  token_ids: [],
  block_size: 2,
  ...more,
});
const second = (more: object): unknown => ({
  type: "BlockStored",
  block_hashes: [302],
  parent_block_hash: 301,
  token_ids: [],
  block_size: 2,
  ...more,
});
const others = (medium: object): unknown[] => [
  { type: "BlockRemoved", block_hashes: [301], ...medium },
  { type: "AllBlocksCleared" },
];
const GPU = { medium: "GPU" };

const GOLDEN: Readonly<Record<WireFormat, readonly unknown[]>> = {
  vllm: [
    first({ lora_id: null, ...GPU, lora_name: "sql", block_mm_infos: MM }),
    second({ lora_id: null, ...GPU, lora_name: null }),
    ...others(GPU),
  ],
  "vllm-array": [
    ["BlockStored", [300, 301], null, [], 2, null, "GPU", "sql", [["0123456789abcdef"], null]],
    ["BlockStored", [302], 301, [], 2, null, "GPU", null],
    ["BlockRemoved", [301], "GPU"],
    ["AllBlocksCleared"],
  ],
  dynamo: [first({ lora_name: "sql", block_mm_infos: MM }), second({}), ...others({})],
  "dynamo-2026-01": [first({ lora_id: null }), second({ lora_id: null }), ...others({})],
  consolidator: [first({ lora_name: "sql", block_mm_infos: MM, ...GPU }), second(GPU), ...others(GPU)],
  "consolidator-lineage": [first({ lora_name: "sql", block_mm_infos: MM }), second({}), ...others({})],
};

/** The decoder gives BigInts for what was written in eight bytes; what fits is compared as a number. */
function small(value: unknown): unknown {
  if (typeof value === "bigint") return value < 2n ** 53n && value > -(2n ** 53n) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(small);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, small(entry)]));
}

for (const format of WIRE_FORMATS) {
  test(`${format} without token ids and salts`, () => {
    const batch = new WireBatch();
    for (const event of EVENTS) batch.add(publishedEvent(event, 1));
    const { entries } = batch.encode(format, 2, 1, FIXED_SECONDS, true);
    const events = entries.flatMap(({ payload }) => {
      const [, inside, rank] = decodePayload(payload);
      assert.equal(rank, 1);
      return inside;
    });
    assert.deepEqual(small(events), small(GOLDEN[format]));
    const bytes = Buffer.concat(entries.map(({ payload }) => payload));
    assert.ok(!bytes.includes("salt-of-a-tenant"));
    assert.ok(!bytes.includes(Buffer.from([0xce, 0x77, 0x31, 0x92, 0x1d])), "the token in msgpack");
    // The same events with all they have do hold both, so that the two lines above can fail.
    const whole = new WireBatch();
    for (const event of EVENTS) whole.add(publishedEvent(event, 1));
    const open = Buffer.concat(whole.encode(format, 2, 1).entries.map(({ payload }) => payload));
    assert.ok(open.includes(Buffer.from([0xce, 0x77, 0x31, 0x92, 0x1d])));
    assert.equal(open.includes("salt-of-a-tenant"), format !== "dynamo-2026-01");
  });
}
