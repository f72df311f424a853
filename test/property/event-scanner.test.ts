/** The scanner against a lossless parse of the same bytes, for bodies and broken bodies that fast-check makes up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import { bodyText } from "../support/body-arbitrary.ts";
import { expectedView } from "../support/event-oracle.ts";
import { decodeBody, parseEntries, parseText } from "../support/lossless-json.ts";
import { encode, scanChunks } from "../support/scan-body.ts";

const RUNS = Number(process.env["KVCAST_PROPERTY_RUNS"] ?? 500);

/** Sizes of successive chunks, used round and round. */
const chunkSizes: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 400 })),
  {
    minLength: 1,
    maxLength: 8,
  },
);

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What may happen to a body on its way: broken bytes, lost and doubled pieces, foreign bytes in between. */
interface Edit {
  readonly kind: "overwrite" | "cut" | "drop" | "insert" | "double";
  /** Share of the body in front of it. */
  readonly place: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

const PIECES = ['"', "\\", "[", "]", "{", "}", ",", ":", "0", "-", ".", "e", "\0", "\u{1f511}", "null", "NaN"];
const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom("overwrite", "cut", "drop", "insert", "double"),
  place: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  length: fc.integer({ min: 1, max: 12 }),
  bytes: fc.oneof(fc.constantFrom(...PIECES).map(encode), fc.uint8Array({ minLength: 1, maxLength: 4 })),
});

function applyEdit(body: Uint8Array, { kind, place, length, bytes }: Edit): Uint8Array {
  const at = Math.floor(place * body.length);
  const head = body.subarray(0, at);
  switch (kind) {
    case "cut":
      return head;
    case "drop":
      return Uint8Array.of(...head, ...body.subarray(at + length));
    case "insert":
      return Uint8Array.of(...head, ...bytes, ...body.subarray(at));
    case "double":
      return Uint8Array.of(...head, ...body.subarray(at, at + length), ...body.subarray(at));
    case "overwrite":
      return Uint8Array.of(...head, ...bytes, ...body.subarray(at + bytes.length));
  }
}

/** One scanner for all runs: nothing may be left over from the body before. */
const scanner = new EventScanner();

test("any body of the schema, in any chunks, gives the events that a lossless parse gives", () => {
  fc.assert(
    fc.property(bodyText, chunkSizes, (text, sizes) => {
      const scanned = scanChunks(cut(encode(text), sizes), scanner);
      const { entries, wellFormed } = parseEntries(text);
      assert.equal(wellFormed, true);
      assert.deepEqual(scanned.events, entries.map(expectedView));
      assert.equal(scanned.step, "done");
      assert.equal(scanned.error, null);
    }),
    { numRuns: RUNS },
  );
});

test("a broken body gives the events in front of the break, and is refused exactly when it is no JSON list", () => {
  fc.assert(
    fc.property(bodyText, fc.array(edit, { minLength: 1, maxLength: 3 }), chunkSizes, (text, edits, sizes) => {
      const bytes = edits.reduce<Uint8Array>(applyEdit, encode(text));
      const scanned = scanChunks(cut(bytes, sizes), scanner);
      const decoded = decodeBody(bytes);
      const { entries, wellFormed } = parseEntries(decoded);
      assert.equal(wellFormed, isJson(decoded) && Array.isArray(JSON.parse(decoded)));
      assert.deepEqual(scanned.events, entries.map(expectedView));
      assert.equal(scanned.step, wellFormed ? "done" : "error");
      assert.equal(scanned.error === null, wellFormed);
      if (scanned.error !== null) {
        const { offset, reason } = scanned.error;
        assert.ok(offset >= 0 && offset <= bytes.length);
        if (isJson(decoded)) assert.equal(reason, "schema");
        else if (entries.length > 0) assert.equal(reason, "decode");
      }
    }),
    { numRuns: RUNS * 4 },
  );
});

test("a refusal does not depend on the chunks", () => {
  fc.assert(
    fc.property(bodyText, edit, chunkSizes, (text, change, sizes) => {
      const bytes = applyEdit(encode(text), change);
      assert.deepEqual(scanChunks(cut(bytes, sizes), scanner).error, scanChunks([bytes], scanner).error);
    }),
    { numRuns: RUNS },
  );
});

test("bytes that have nothing to do with JSON neither throw nor hang", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), chunkSizes, (bytes, sizes) => {
      const scanned = scanChunks(cut(bytes, sizes), scanner);
      const { wellFormed } = parseEntries(decodeBody(bytes));
      assert.equal(scanned.step, wellFormed ? "done" : "error");
    }),
    { numRuns: RUNS },
  );
});

test("the lossless parser of these tests agrees with JSON.parse on what is JSON", () => {
  fc.assert(
    fc.property(bodyText, fc.option(edit), (text, change) => {
      const decoded = change === null ? text : decodeBody(applyEdit(encode(text), change));
      let parsed = true;
      try {
        parseText(decoded);
      } catch (error) {
        assert.ok(error instanceof SyntaxError);
        parsed = false;
      }
      assert.equal(parsed, isJson(decoded));
    }),
    { numRuns: RUNS },
  );
});
