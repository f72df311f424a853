/** The buffer between socket and scanner, against the plain concatenation of all chunks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyBuffer } from "../../src/main/engine/body-buffer.ts";

const KIB = 1024;

test("what was pushed and not read is there in one piece, with NULs behind it", () => {
  const buffer = new BodyBuffer();
  let pushed = 0;
  let read = 0;
  for (let i = 0; i < 3000; i++) {
    const chunk = Uint8Array.from({ length: (i * 37) % 300 }, (_, k) => ((pushed + k) % 251) + 1);
    buffer.push(chunk);
    pushed += chunk.length;
    // Falls behind at first, so that the buffer has to grow; later it moves what is left.
    const taken = Math.min(pushed - read, i < 1500 ? 80 : 250);
    assert.equal(buffer.base + buffer.start, read);
    for (let k = 0; k < taken; k++) assert.equal(buffer.bytes[buffer.start + k], ((read + k) % 251) + 1);
    buffer.start += taken;
    read += taken;
    assert.equal(buffer.base + buffer.length, pushed);
    for (let k = 0; k < 64; k++) assert.equal(buffer.bytes[buffer.length + k], 0);
  }
});

test("memory stays in proportion to what is not read", () => {
  const buffer = new BodyBuffer();
  for (let i = 0; i < 1000; i++) {
    buffer.push(new Uint8Array(10 * KIB));
    buffer.start = buffer.length;
  }
  assert.ok(buffer.bytes.length < 80 * KIB);
  assert.equal(buffer.base + buffer.start, 1000 * 10 * KIB);
});

test("memory of a huge body is given back at the next one, and of a usual one kept", () => {
  const buffer = new BodyBuffer();
  buffer.push(new Uint8Array(1024 * KIB));
  buffer.clear();
  assert.ok(buffer.bytes.length > 1024 * KIB);
  buffer.push(new Uint8Array(5 * 1024 * KIB));
  buffer.clear();
  assert.ok(buffer.bytes.length < 80 * KIB);
  assert.deepEqual([buffer.start, buffer.length, buffer.base], [0, 0, 0]);
});
