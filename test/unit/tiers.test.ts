/** Events of blocks that are not on the device, and those of a consolidator: in every dialect, and on the event plane. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { measure, writeRecord } from "../../src/main/pipeline/batch.ts";
import { MAX_RECORD_BLOCK_SIZE, RECORD_KIND, RECORD_WORD, blockSizeOf, tierOf } from "../../src/shared/record.ts";
import { TIER, type Tier } from "../../src/shared/tier.ts";
import { WIRE_FORMATS, type WireFormat } from "../../src/shared/wire-format.ts";
import { PlaneEncoder } from "../../src/workers/plane-encoder.ts";
import { PlaneGate } from "../../src/workers/plane-gate.ts";
import { encodePlane, slotOf } from "../support/plane.ts";
import { type EventSpec, publishedEvent, type StoredSpec } from "../support/published.ts";
import { decodePayload, WireBatch } from "../support/wire.ts";

const FILE = path.join(process.cwd(), "test/fixtures/consolidator/derived_wire_samples.json");
const CONFIGURED_BLOCK_SIZE = 16;

const PLAIN = { type: "stored", loraName: null, loraId: 0, salt: null, mm: undefined } as const;
function stored(
  hash: bigint,
  parent: bigint | null,
  tokens: readonly number[],
  more: Partial<StoredSpec> = {},
): StoredSpec {
  return { ...PLAIN, hashes: [hash], parent, tokens, blockSize: tokens.length, ...more };
}

function payloadOf(format: WireFormat, specs: readonly EventSpec[], wallSeconds: number): Uint8Array {
  const batch = new WireBatch();
  for (const spec of specs) batch.add(publishedEvent(spec));
  return batch.encode(format, CONFIGURED_BLOCK_SIZE, 0, wallSeconds).entries[0]?.payload ?? Buffer.alloc(0);
}

const EGRESS: Record<string, { format: WireFormat; wallSeconds: number; events: EventSpec[] }> = {
  legacy_egress_two_stores: {
    format: "consolidator",
    wallSeconds: 1700000000.25,
    events: [stored(15000000000000000001n, null, [1, 2, 3, 4]), stored(7n, 15000000000000000001n, [5, 6, 7, 8])],
  },
  legacy_egress_lora_remove_clear: {
    format: "consolidator",
    wallSeconds: 1700000000.5,
    events: [
      stored(11n, null, [1, 2, 3, 4], { loraName: "my-adapter" }),
      { type: "removed", hashes: [11n] },
      { type: "cleared" },
    ],
  },
  newcrate_egress_fixture: {
    format: "consolidator-lineage",
    wallSeconds: 1700000001,
    events: [
      stored(3114443937531979n, null, [10, 20, 30, 40]),
      stored(5370979798324801n, 3114443937531979n, [50, 60, 70, 80]),
      { type: "removed", hashes: [3114443937531979n] },
    ],
  },
};

test("the recorded messages of both consolidators come out, byte for byte", () => {
  const { samples } = JSON.parse(readFileSync(FILE, "utf8")) as {
    samples: { name: string; direction: string; frames_hex: string[] }[];
  };
  const egress = samples.filter(({ direction }) => direction.startsWith("egress"));
  assert.deepEqual(
    egress.map(({ name }) => name),
    Object.keys(EGRESS),
  );
  for (const { name, frames_hex: frames } of egress) {
    const { format, wallSeconds, events } = EGRESS[name] ?? assert.fail(name);
    assert.equal(Buffer.from(payloadOf(format, events, wallSeconds)).toString("hex"), frames.at(-1), name);
  }
});

test("a consolidator's salt and multimodal hashes are not left out", () => {
  const event = stored(1n, null, [1, 2], { salt: "tenant", mm: [[5n]] });
  for (const format of ["consolidator", "consolidator-lineage"] as const) {
    const [, [decoded]] = decodePayload(payloadOf(format, [event], 1));
    const fields = decoded as Record<string, unknown>;
    assert.equal(fields["cache_salt"], "tenant");
    assert.ok(Array.isArray(fields["block_mm_infos"]));
    assert.equal(fields["medium"], format === "consolidator" ? "GPU" : undefined);
  }
});

test("a block size of its own goes with the event, else the configured one", () => {
  for (const [blockSize, wanted] of [
    [undefined, CONFIGURED_BLOCK_SIZE],
    [2, 2],
    [MAX_RECORD_BLOCK_SIZE, MAX_RECORD_BLOCK_SIZE],
  ] as const) {
    const { blockSize: _, ...plain } = stored(1n, null, [1, 2]);
    const event = blockSize === undefined ? plain : { ...plain, blockSize };
    const [, [decoded]] = decodePayload(payloadOf("consolidator", [event], 1));
    assert.equal(Number((decoded as Record<string, unknown>)["block_size"]), wanted);
  }
});

const MEDIA: readonly [Tier, string][] = [
  [TIER.device, "GPU"],
  [TIER.hostPinned, "CPU_TIER1"],
  [TIER.disk, "CPU_TIER2"],
  [TIER.external, "EXTERNAL"],
];

test("every dialect with media names the tier; the Python class's only one that it does not know", () => {
  for (const format of WIRE_FORMATS) {
    if (format === "dynamo-2026-01" || format === "consolidator-lineage") continue;
    for (const [tier, medium] of MEDIA) {
      const specs: EventSpec[] = [
        stored(1n, null, [1, 2], { tier }),
        stored(2n, null, [1, 2], { tier, loraName: "sql" }),
        { type: "removed", hashes: [1n], tier },
      ];
      for (const spec of specs) {
        const [, [decoded]] = decodePayload(payloadOf(format, [spec], 1));
        const isStored = spec.type === "stored";
        const found = Array.isArray(decoded)
          ? (decoded[isStored ? 6 : 2] as unknown)
          : (decoded as Record<string, unknown>)["medium"];
        const isSaid: boolean = format !== "dynamo" || tier !== TIER.device;
        assert.equal(found, isSaid ? medium : undefined, `${format}, ${medium}`);
      }
    }
  }
});

test("a record keeps kind, tier and block size apart", () => {
  const event = publishedEvent(
    stored(1n, 2n, [1], { tier: TIER.external, blockSize: MAX_RECORD_BLOCK_SIZE, salt: "" }),
    0,
  );
  const size = { words: 0, frameBytes: 0 };
  measure(event, size);
  const words = new Uint32Array(size.words);
  writeRecord(event, size, words, 0, 0);
  const kindWord = words[RECORD_WORD.kind] ?? 0;
  assert.equal(kindWord & 0xff, RECORD_KIND.stored);
  assert.equal(tierOf(kindWord), TIER.external);
  assert.equal(blockSizeOf(kindWord), MAX_RECORD_BLOCK_SIZE);
});

test("on the event plane tiers are named, and neighbours of two tiers stay two", () => {
  const chain = [TIER.device, TIER.device, TIER.hostPinned, TIER.disk, TIER.external].map((tier, i) => ({
    spec: stored(
      BigInt(i + 1),
      i === 0 ? null : BigInt(i),
      Array.from({ length: 4 }, () => 1),
      { tier },
    ),
    rank: 0,
  }));
  const { entries } = encodePlane(new PlaneEncoder(1n, 4), slotOf(chain));
  const events = (entries[0]?.events ?? []) as { storage_tier: string }[];
  assert.deepEqual(
    events.map((event) => event.storage_tier),
    ["device", "host_pinned", "disk", "external"],
  );
});

const ofRank = (spec: EventSpec): { spec: EventSpec; rank: number }[] => [{ spec, rank: 0 }];

test("the gate counts what is on the device only", () => {
  const gate = new PlaneGate(4);
  const tokens = [1, 2, 3, 4];
  gate.admit(slotOf(ofRank(stored(1n, null, tokens))).slot);
  gate.admit(slotOf(ofRank(stored(1n, null, tokens, { tier: TIER.disk }))).slot);
  // Stored once on the device: the removal from there is the last, whatever lies on the disk.
  assert.equal(gate.admit(slotOf(ofRank({ type: "removed", hashes: [1n], tier: TIER.disk })).slot), null);
  assert.equal(gate.admit(slotOf(ofRank({ type: "removed", hashes: [1n] })).slot), null);
});
