/** Whatever our own encoders put on the wire, in all dialects, the reader of other publishers' batches takes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { WireBatchReader } from "../../src/main/wire/wire-batch.ts";
import { isSingleEvent, WIRE_FORMATS, type WireFormat } from "../../src/shared/wire-format.ts";
import { type EventSpec, eventSpec, publishedEvent } from "../support/published.ts";
import { FIXED_SECONDS, WireBatch } from "../support/wire.ts";
import { type CommonView, readAll, type WireView } from "../support/wire-view.ts";

const BLOCK_SIZE = 16;
const reader = new WireBatchReader();

const COMMON: CommonView = {
  tier: "device",
  mediumAbsent: true,
  groupIdx: null,
  specKind: "absent",
  slidingWindow: null,
  locality: "absent",
  ownership: "framework",
};

/** What is left of an event in a dialect. */
function expected(spec: EventSpec, format: WireFormat): WireView {
  if (spec.type === "cleared") return { kind: "cleared", ...COMMON };
  const isConsolidated = format === "consolidator" || format === "consolidator-lineage";
  const common = { ...COMMON, mediumAbsent: isSingleEvent(format) || format === "consolidator-lineage" };
  const { hashes } = spec;
  if (spec.type === "removed") return { kind: "removed", hashes, ...common };
  const isMap = format === "vllm" || format === "dynamo" || isConsolidated;
  const hasMm = spec.mm?.some((entry) => entry !== null) === true;
  // In arrays salts and multimodal hashes stand untagged in extra keys, where no reader can tell what they are.
  const hasUnknownKeys = format === "vllm-array" && (hasMm || (spec.salt !== null && spec.parent === null));
  return {
    kind: "stored",
    hashes,
    parent: spec.parent,
    tokens: spec.tokens,
    isEagle: false,
    blockSize: BLOCK_SIZE,
    loraName: format === "dynamo-2026-01" ? null : spec.loraName,
    loraId: format === "dynamo" || isConsolidated ? 0 : spec.loraId,
    cacheSalt: isMap ? spec.salt : null,
    mmListPresent: format === "vllm" || isConsolidated ? hasMm : format === "dynamo" && spec.mm !== undefined,
    mm: isMap && hasMm ? (spec.mm ?? null) : null,
    hasUnknownKeys,
    ...common,
  };
}

for (const format of WIRE_FORMATS) {
  test(`whatever the encoder writes as ${format} comes back`, () => {
    fc.assert(
      fc.property(fc.array(eventSpec, { minLength: 1, maxLength: 8 }), fc.nat({ max: 1023 }), (specs, rank) => {
        const wire = new WireBatch();
        for (const spec of specs) wire.add(publishedEvent(spec, rank));
        const { entries } = wire.encode(format, BLOCK_SIZE, rank);
        const events = entries.flatMap(({ payload }) => {
          const batch = readAll(payload, reader);
          assert.ok("events" in batch, "reason" in batch ? batch.message : "");
          assert.deepEqual([batch.timestamp, batch.rank], [FIXED_SECONDS, rank]);
          return batch.events;
        });
        assert.deepEqual(
          events,
          specs.map((spec) => expected(spec, format)),
        );
      }),
      { numRuns: 300 },
    );
  });
}
