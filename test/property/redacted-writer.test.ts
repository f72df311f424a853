/** Redaction takes token ids and salts from events, and changes nothing else, in all dialects, for random events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { WIRE_FORMATS } from "../../src/shared/wire-format.ts";
import { type EventSpec, eventSpec, publishedEvent } from "../support/published.ts";
import { FIXED_SECONDS, WireBatch } from "../support/wire.ts";

const BLOCK_SIZE = 16;

function payloads(specs: readonly EventSpec[], format: (typeof WIRE_FORMATS)[number], redact: boolean): Buffer[] {
  const batch = new WireBatch();
  for (const spec of specs) batch.add(publishedEvent(spec, 3));
  return batch.encode(format, BLOCK_SIZE, 3, FIXED_SECONDS, redact).entries.map(({ payload }) => payload);
}

function without(spec: EventSpec): EventSpec {
  return spec.type === "stored" ? { ...spec, tokens: [], salt: null } : spec;
}

for (const format of WIRE_FORMATS) {
  test(`${format}: redacted is byte for byte what events without tokens and salts are`, () => {
    fc.assert(
      fc.property(fc.array(eventSpec, { minLength: 1, maxLength: 8 }), (specs) => {
        assert.deepEqual(payloads(specs, format, true), payloads(specs.map(without), format, false));
      }),
      { numRuns: 200 },
    );
  });
}
