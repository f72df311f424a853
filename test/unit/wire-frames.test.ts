/** Frames of other publishers' messages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readFrames } from "../../src/main/wire/frames.ts";
import { sequenceFrame } from "../../src/shared/zmq-wire.ts";

const TOPIC = Buffer.from("kv-events");
const PAYLOAD = Buffer.from([0x93]);

function reasonOf(frames: readonly Uint8Array[], strict: boolean): string | undefined {
  return readFrames(frames, strict).refusal?.reason;
}

test("three frames, the second of which is a number of eight bytes", () => {
  for (const strict of [false, true]) {
    for (const sequence of [0, 1, 258, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const { frames } = readFrames([TOPIC, sequenceFrame(sequence), PAYLOAD], strict);
      assert.deepEqual(frames, { topic: TOPIC, sequence, payload: PAYLOAD });
    }
  }
});

test("a number beyond 2^53 - 1 is refused, the end mark of a replay too", () => {
  for (const strict of [false, true]) {
    for (const hex of ["0020000000000000", "ffffffffffffffff", "8000000000000000"]) {
      assert.equal(reasonOf([TOPIC, Buffer.from(hex, "hex"), PAYLOAD], strict), "sequence");
    }
  }
});

test("without a number a message is taken, unless the reader needs one", () => {
  const expected = { topic: TOPIC, sequence: null, payload: PAYLOAD };
  assert.deepEqual(readFrames([TOPIC, PAYLOAD], false).frames, expected);
  assert.equal(reasonOf([TOPIC, PAYLOAD], true), "frames");
  for (const length of [0, 4, 7, 9, 300]) {
    assert.deepEqual(readFrames([TOPIC, Buffer.alloc(length), PAYLOAD], false).frames, expected);
    assert.equal(reasonOf([TOPIC, Buffer.alloc(length), PAYLOAD], true), "sequence");
  }
});

test("any other number of frames is refused", () => {
  const frame = Buffer.alloc(8);
  for (const count of [0, 1, 4, 5, 100]) {
    const frames = Array.from({ length: count }, () => frame);
    for (const strict of [false, true]) {
      assert.equal(reasonOf(frames, strict), "frames");
      assert.match(readFrames(frames, strict).refusal?.message ?? "", new RegExp(`this one has ${count}$`, "u"));
    }
  }
});
