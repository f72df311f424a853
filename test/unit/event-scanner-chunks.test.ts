/** The scanner while a body arrives in pieces: what it waits for, and what that costs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import { chunked, encode, scanChunks } from "../support/scan-body.ts";
import { block, stored } from "../support/scan-entry.ts";

/** One event of 50 blocks. */
function bigEntry(typeFirst: boolean): string {
  const token = '{"type":"unique_token","token_id":12345,"token_extra_id":0}';
  const blocks = `"blocks":[${Array(50)
    .fill(block(`[${Array(32).fill(token).join()}]`))
    .join()}]`;
  const type = '"type":"stored"';
  return `{"event_id":1,"data":{${typeFirst ? `${type},${blocks}` : `${blocks},${type}`}}}`;
}

describe("chunks", () => {
  test("a list that is closed is done only when the body has ended", () => {
    const scanner = new EventScanner();
    const event = new RawEvent();
    scanner.begin();
    assert.equal(scanner.next(event), "more");
    scanner.push(encode("[] "));
    assert.equal(scanner.next(event), "more");
    scanner.end();
    assert.equal(scanner.next(event), "done");
    assert.equal(scanner.next(event), "done");
  });

  test("a byte order mark is skipped, wherever it is cut", () => {
    const marked = Uint8Array.of(0xef, 0xbb, 0xbf, ...encode("[null]"));
    for (const size of [1, 2, 3, 4, marked.length]) {
      const { events, step } = scanChunks(chunked(marked, size));
      assert.deepEqual([events.length, step], [1, "done"]);
    }
    assert.equal(scanChunks([marked.subarray(0, 2)]).error?.code, "not_array");
    assert.equal(scanChunks([Uint8Array.of(0x20, ...marked)]).error?.offset, 1);
  });

  test("a number at the end of a chunk waits for its other digits", () => {
    for (const [rest, count] of [
      ["2]", 1],
      [",2]", 2],
      [".5e3]", 1],
    ] as const) {
      const { events, step } = scanChunks([encode("[1"), encode(rest)]);
      assert.deepEqual([events.length, step], [count, "done"]);
    }
  });

  test("an event is given as soon as its last byte is there", () => {
    const scanner = new EventScanner();
    const event = new RawEvent();
    scanner.begin();
    scanner.push(encode(`[${stored("[]")}`));
    assert.equal(scanner.next(event), "event");
    assert.equal(scanner.next(event), "more");
  });

  test("offsets count from the start of the body, however much of it is gone", () => {
    const entries = Array(3000).fill(stored("[]")).join();
    assert.ok(entries.length > 200_000);
    const { events, error } = scanChunks(chunked(encode(`[${entries}?]`), 1000));
    assert.deepEqual([events.length, error?.code, error?.offset], [3000, "bad_separator", 1 + entries.length]);
  });

  test("the work stays linear, however small the chunks are", () => {
    // An entry is tried when it has doubled: 1 + 1/2 + 1/4 + … attempts, and once more when it is complete.
    for (const [typeFirst, mostLooks] of [
      [true, 3],
      [false, 6],
    ] as const) {
      const body = encode(`[${bigEntry(typeFirst)}]`);
      for (const size of [1, 7, 1000, 16_384, body.length]) {
        const { events, scannedBytes } = scanChunks(chunked(body, size));
        assert.equal(events[0]?.head.defect, null);
        assert.ok(scannedBytes <= mostLooks * body.length, `${scannedBytes} of ${body.length} at ${size}`);
        assert.ok(scannedBytes >= body.length);
      }
    }
    const small = encode(`[${Array(2000).fill(stored("[]")).join()}]`);
    assert.ok(scanChunks(chunked(small, 1)).scannedBytes <= 3 * small.length);
  });
});
