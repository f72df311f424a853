/** Bodies that the scanner refuses, what it calls them, and values that nest too deep. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EventScanner } from "../../src/main/engine/event-scanner.ts";
import { MAX_NESTING } from "../../src/main/engine/json-cursor.ts";
import { RawEvent } from "../../src/main/engine/raw-event.ts";
import type { ScanError } from "../../src/main/engine/scan-error.ts";
import { encode, scanText } from "../support/scan-body.ts";
import { assertDefects, block, nested, stored } from "../support/scan-entry.ts";

function withUnknown(depth: number): string {
  return `{"event_id":1,"data":{"type":"removed","block_hashes":[1],"x":${nested(depth)}}}`;
}

describe("depth", () => {
  test("an unknown value that nests too deep costs its event only", () => {
    assertDefects([
      [withUnknown(64), null],
      [withUnknown(65), "depth"],
      [withUnknown(MAX_NESTING), "depth"],
      [`{"x":${'{"a":'.repeat(65)}1${"}".repeat(65)},"event_id":1,"data":{"type":"created"}}`, "depth"],
    ]);
    const { events, step } = scanText(`[${withUnknown(65)},${withUnknown(1)}]`);
    assert.deepEqual([events.map(({ head }) => head.defect), step], [["depth", null], "done"]);
  });

  test("beyond the stack of the scanner the body is refused", () => {
    const { error, events } = scanText(`[null,{"x":${nested(MAX_NESTING + 1)}}]`);
    assert.equal(events.length, 1);
    assert.deepEqual([error?.reason, error?.code, error?.offset], ["schema", "too_deep", 11 + MAX_NESTING]);
    assert.equal(scanText("[".repeat(1_000_000)).error?.code, "too_deep");
  });
});

function refusalOf(text: string): ScanError {
  const { error } = scanText(text);
  assert.ok(error !== null, text);
  return error;
}

describe("refusals", () => {
  test("say what, where and why", () => {
    const cases: readonly (readonly [text: string, reason: string, code: string, offset: number, message: string])[] = [
      ["", "decode", "empty_body", 0, "body is empty"],
      [" \n", "decode", "empty_body", 2, "body is empty"],
      ['{"error":"x"}', "schema", "not_array", 0, "body is not a JSON array but starts with an object"],
      ['"x"', "schema", "not_array", 0, "body is not a JSON array but starts with a string"],
      ["12", "schema", "not_array", 0, "body is not a JSON array but starts with a number"],
      ["null", "schema", "not_array", 0, "body is not a JSON array but starts with plain text"],
      ["  <html>", "decode", "not_array", 2, "body is not a JSON array but starts with '<', as HTML does"],
      ["Internal", "decode", "not_array", 0, "body is not a JSON array but starts with plain text"],
      ["\0[]", "decode", "not_array", 0, "body is not a JSON array but starts with a control character"],
      ["\u00e9", "decode", "not_array", 0, "body is not a JSON array but starts with a byte that is not ASCII"],
      ["[", "decode", "truncated", 1, "body ends before the list is closed, after 0 entries, at byte 1"],
      ["[null,", "decode", "truncated", 6, "body ends before the list is closed, after 1 entries, at byte 6"],
      ["[{},{", "decode", "truncated", 5, "body ends inside entry 1, at byte 5"],
      ['[{},{"event_id"', "decode", "truncated", 15, "body ends inside entry 1, at byte 15"],
      ["[{} {}]", "decode", "bad_separator", 4, "expected ',' or ']' after entry 0, at byte 4"],
      ["[{},{},]", "decode", "bad_value", 7, "no JSON value where one is expected in entry 2, at byte 7"],
      ["[,]", "decode", "bad_value", 1, "no JSON value where one is expected in entry 0, at byte 1"],
      ["[]x", "decode", "trailing_data", 2, "body goes on after the list was closed, at byte 2"],
      ["[][]", "decode", "trailing_data", 2, "body goes on after the list was closed, at byte 2"],
      ['[{"a":1 "b":2}]', "decode", "bad_separator", 8, "expected a comma or a closing bracket in entry 0, at byte 8"],
      ["[{a:1}]", "decode", "bad_key", 2, "expected a key and a colon in entry 0, at byte 2"],
      ['[{"a" 1}]', "decode", "bad_key", 6, "expected a key and a colon in entry 0, at byte 6"],
      ['[{"a":1,}]', "decode", "bad_key", 8, "expected a key and a colon in entry 0, at byte 8"],
      ['["a\tb"]', "decode", "bad_string", 3, "a control character in a string in entry 0, at byte 3"],
      ['["a\\x"]', "decode", "bad_escape", 4, "an unknown escape in a string in entry 0, at byte 4"],
      ['["\\u00g0"]', "decode", "bad_escape", 6, "an unknown escape in a string in entry 0, at byte 6"],
    ];
    for (const [text, reason, code, offset, message] of cases) {
      assert.deepEqual(refusalOf(text), { reason, code, offset, message }, text);
    }
  });

  test("numbers are as strict as JSON", () => {
    for (const bad of [
      "01",
      "-",
      "-01",
      "1.",
      "1.e3",
      ".5",
      "+1",
      "1e",
      "1e+",
      "NaN",
      "Infinity",
      "-Infinity",
      "0x1",
      "1_000",
    ]) {
      for (const text of [`[${bad}]`, `[{"event_id":${bad}}]`, `[${stored(`[${block(`[{"token_id":${bad}}]`)}]`)}]`]) {
        assert.equal(refusalOf(text).reason, "decode", text);
      }
      const compact = `{"type":"unique_token","token_id":${bad},"token_extra_id":0}`;
      assert.equal(refusalOf(`[${stored(`[${block(`[${compact}]`)}]`)}]`).reason, "decode", bad);
    }
    for (const bad of ["nul", "nulL", "True", "falsee", "undefined"])
      assert.equal(refusalOf(`[${bad}]`).reason, "decode");
  });

  test("come behind the events in front of them, and last", () => {
    const scanner = new EventScanner();
    const event = new RawEvent();
    scanner.begin();
    scanner.push(encode(`[${stored("[]")},null,?`));
    assert.deepEqual([scanner.next(event), scanner.next(event), scanner.next(event)], ["event", "event", "error"]);
    assert.equal(scanner.entries, 2);
    scanner.push(encode("]"));
    scanner.end();
    assert.equal(scanner.next(event), "error");
    scanner.begin();
    assert.equal(scanner.error, null);
    scanner.push(encode("[]"));
    scanner.end();
    assert.equal(scanner.next(event), "done");
  });

  test("never quote the body", () => {
    const secret = "SECRETSALT";
    const body = `[${stored(`[${block('[{"token_id":987654321}]', `,"cache_salt":"${secret}"`)}]`, `,"lora_name":"${secret}"`)}]`;
    for (let at = 0; at < body.length; at++) {
      const message = scanText(`${body.slice(0, at)}\u0001${body.slice(at + 1)}`).error?.message ?? "";
      assert.doesNotMatch(message, /SECRET|SALT|98765/u);
    }
    assert.doesNotMatch(refusalOf(secret).message, /SECRET/u);
  });
});
