/** A recording that was cut or changed: what is read is a beginning of what was written, or a clear error comes. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { ENTRY, type Entry, RecordingError } from "../../src/main/record/recording-format.ts";
import { readBack, recordingOf, temporaryDirectory } from "../support/recorded.ts";

const LIMIT = { timeout: 120_000 };

const ENTRIES: fc.Arbitrary<Entry> = fc.record(
  {
    kind: fc.constantFrom(ENTRY.answerPart, ENTRY.answerEnd, ENTRY.failure, ENTRY.message, ENTRY.note),
    atMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    bytes: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);
const CHUNKS = fc.array(fc.array(ENTRIES, { minLength: 1, maxLength: 4 }), { maxLength: 4 });

test("what was written is read", LIMIT, async (t) => {
  const file = path.join(await temporaryDirectory(t), "r");
  await fc.assert(
    fc.asyncProperty(CHUNKS, async (chunks) => {
      const bytes = await recordingOf(file, "engine", chunks);
      const { entries, complete, error } = await readBack(file, bytes);
      assert.equal(error, null);
      assert.equal(complete, true);
      assert.deepEqual(entries, chunks.flat());
    }),
    { numRuns: 40 },
  );
});

test("each cut of a file gives a beginning of it, and each changed byte a beginning or an error", LIMIT, async (t) => {
  const file = path.join(await temporaryDirectory(t), "r");
  const chunks: Entry[][] = [
    [
      { kind: ENTRY.answerPart, atMs: 1, bytes: Buffer.from("[one") },
      { kind: ENTRY.answerEnd, atMs: 1, bytes: Buffer.from("]") },
    ],
    [{ kind: ENTRY.failure, atMs: 2.5, bytes: Buffer.from("connect") }],
    [{ kind: ENTRY.answerEnd, atMs: 3, bytes: Buffer.alloc(300, "a") }],
  ];
  const whole = chunks.flat();
  const bytes = await recordingOf(file, "engine", chunks);
  let cutsWithEntries = 0;
  for (let length = 0; length < bytes.length; length++) {
    const { entries, complete, error } = await readBack(file, bytes.subarray(0, length));
    assert.equal(complete, false, `cut at ${length}`);
    assert.deepEqual(entries, whole.slice(0, entries.length), `cut at ${length}`);
    // Behind the head a cut is no damage.
    if (error !== null) assert.ok(error instanceof RecordingError && entries.length === 0, `cut at ${length}`);
    else cutsWithEntries++;
  }
  assert.ok(cutsWithEntries > 50);
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ mask, at);
      const { entries, complete, error } = await readBack(file, changed);
      assert.equal(complete, false, `byte ${at} ^ ${mask}`);
      assert.deepEqual(entries, whole.slice(0, entries.length), `byte ${at} ^ ${mask}`);
      if (error !== null) assert.ok(error instanceof RecordingError, `byte ${at} ^ ${mask}`);
    }
  }
});

test("bytes that are no recording are refused, also behind a right beginning", LIMIT, async (t) => {
  const file = path.join(await temporaryDirectory(t), "r");
  const start = (await recordingOf(file, "engine", [])).subarray(0, 8);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (noise, begins) => {
      const { entries, error } = await readBack(file, Buffer.concat([begins ? start : Buffer.alloc(0), noise]));
      assert.deepEqual(entries, []);
      assert.ok(error instanceof RecordingError);
    }),
    { numRuns: 200 },
  );
});

test("a chunk that claims to unpack to more than it says, or than is allowed, is refused", LIMIT, async (t) => {
  const { crc32, deflateRawSync } = await import("node:zlib");
  const file = path.join(await temporaryDirectory(t), "r");
  const bytes = await recordingOf(file, "engine", []);
  // The head's chunk, without the end that follows.
  const head = bytes.subarray(0, 8 + 12 + bytes.readUInt32LE(8));
  const bomb = deflateRawSync(Buffer.alloc(50 * 1024 * 1024));
  for (const claimed of [100, 0, 0xffff_ffff, 50 * 1024 * 1024 + 1]) {
    const header = Buffer.alloc(12);
    header.writeUInt32LE(bomb.length, 0);
    header.writeUInt32LE(claimed, 4);
    header.writeUInt32LE(crc32(bomb, crc32(header.subarray(0, 8))), 8);
    const { entries, error } = await readBack(file, Buffer.concat([head, header, bomb]));
    assert.deepEqual(entries, []);
    assert.ok(error instanceof RecordingError, `claims ${claimed}`);
    assert.match(error.message, /damaged at byte/);
  }
});
