/** The counting subscriber of the benches must notice what it is there to notice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "@msgpack/msgpack";
import { eventsInBatch } from "../../src/main/flood/batch-header.ts";
import { Tally } from "../../src/main/flood/tally.ts";

const SECONDS = 1_700_000_000.5;

function batch(events: number): Buffer {
  const list = Array.from({ length: events }, () => ({ type: "AllBlocksCleared" }));
  return Buffer.from(encode([SECONDS, list, 0]));
}

function sequence(number: bigint): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeBigUInt64BE(number);
  return frame;
}

test("the header says how many events follow, in all three forms of a list", () => {
  for (const events of [0, 1, 15, 16, 64, 65_535, 65_536]) assert.equal(eventsInBatch(batch(events)), events);
});

test("bytes that are no batch are refused", () => {
  const good = batch(3);
  const cases: readonly (readonly [what: string, payload: Buffer])[] = [
    ["nothing", Buffer.alloc(0)],
    ["an array of two", Buffer.from(encode([SECONDS, []]))],
    ["a whole timestamp", Buffer.from(encode([1_700_000_000, [], 0]))],
    ["a map in place of the list", Buffer.from(encode([SECONDS, { a: 1 }, 0]))],
    ["cut behind the timestamp", good.subarray(0, 10)],
    ["cut in the header of a long list", batch(300).subarray(0, 12)],
    ["cut in the header of a very long list", batch(70_000).subarray(0, 14)],
  ];
  for (const [what, payload] of cases) assert.throws(() => eventsInBatch(payload), Error, what);
});

function tallyOf(...numbers: readonly bigint[]): Tally {
  const tally = new Tally();
  for (const number of numbers) tally.add(sequence(number), batch(2));
  return tally;
}

test("a whole stream is counted and has no fault", () => {
  const tally = tallyOf(0n, 1n, 2n);
  assert.equal(tally.fault, null);
  assert.deepEqual(tally.figures(), {
    messages: 3,
    events: 6,
    bytes: 3 * batch(2).length,
    lastSequence: 2,
    missing: 0,
    repeated: 0,
  });
});

test("a hole, a missing start, a repetition and a late message are faults", () => {
  assert.match(tallyOf(0n, 2n).fault ?? "", /^1 messages are missing before sequence number 2$/);
  assert.match(tallyOf(5n).fault ?? "", /^5 messages are missing/);
  assert.match(tallyOf(0n, 1n, 1n).fault ?? "", /^1 messages came twice or late$/);
  assert.match(tallyOf(0n, 1n, 2n, 1n).fault ?? "", /twice or late/);
});

test("the first number that is missing is known, and stays; a stream may begin anywhere if that is said", () => {
  assert.equal(tallyOf(0n, 1n).firstMissing, null);
  assert.equal(tallyOf(0n, 4n, 9n).firstMissing, 1);
  assert.equal(tallyOf(5n).firstMissing, 0);
  const tally = new Tally(true);
  tally.add(sequence(5n), batch(1));
  tally.add(sequence(6n), batch(1));
  assert.equal(tally.fault, null);
  tally.add(sequence(9n), batch(1));
  assert.equal(tally.firstMissing, 7);
  assert.equal(tally.missing, 2);
});

test("numbers beyond 32 bits are numbers", () => {
  const tally = new Tally();
  tally.lastSequence = 2 ** 32 - 1;
  tally.add(sequence(2n ** 32n), batch(1));
  assert.equal(tally.fault, null);
  assert.equal(tally.lastSequence, 2 ** 32);
});

test("a message without its frames is refused", () => {
  const tally = new Tally();
  assert.throws(() => tally.add(undefined, batch(1)));
  assert.throws(() => tally.add(sequence(0n), undefined));
  assert.throws(() => tally.add(Buffer.alloc(4), batch(1)));
});
